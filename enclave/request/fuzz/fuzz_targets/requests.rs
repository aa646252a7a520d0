//! Every request: no bytes panic, and what is accepted keeps its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_request::{Chat, Common, Completion, Embedding, MOST_CHOICES, Tokenize, check_stop};

fn bounded(common: &Common) {
    assert!((1..=MOST_CHOICES).contains(&common.choices));
    assert!(common.max_tokens.is_none_or(|most| most > 0));
    assert_eq!(common.sampling.check(), Ok(()));
    assert_eq!(check_stop(&common.stop), Ok(()));
}

fuzz_target!(|input: &[u8]| {
    let Some((which, json)) = input.split_first() else { return };
    match which % 4 {
        0 => {
            if let Ok(chat) = Chat::decode(json) {
                assert!(!chat.messages.is_empty());
                bounded(&chat.common);
            }
        }
        1 => {
            if let Ok(completion) = Completion::decode(json) {
                let answers = completion.prompts.len() * completion.common.choices;
                assert!((1..=MOST_CHOICES).contains(&answers));
                bounded(&completion.common);
            }
        }
        2 => drop(Embedding::decode(json)),
        _ => drop(Tokenize::decode(json)),
    }
});
