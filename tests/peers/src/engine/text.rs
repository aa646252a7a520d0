//! Prompts of a given number of tokens.

use anyhow::{Result, ensure};
use sealroom_engine::{Engine, SpecialTokens};

/// A text of exactly so many tokens, different for each sequence.
pub(super) fn of_tokens(engine: &dyn Engine, count: usize, sequence: usize) -> Result<String> {
    const WORDS: [&str; 8] =
        [" the", " of", " and", " water", " light", " time", " house", " people"];
    let words = (0..count).map(|index| WORDS[(index * 5 + sequence + index / 7) % WORDS.len()]);
    let text: String = words.collect();
    let tokens = engine.tokenize(&text, SpecialTokens::AsText)?.len();
    ensure!(tokens == count, "{tokens} tokens where {count} were expected");
    Ok(text)
}
