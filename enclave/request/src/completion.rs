//! `POST /v1/completions`.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::common::MOST_CHOICES;
use crate::fields::{Fields, Integer};
use crate::sampling::{OutOfRange, within};
use crate::{Common, Invalid, PrivateText};

/// What completions generate when nothing is said, as OpenAI's do.
const COMPLETION_TOKENS: usize = 16;
/// Most alternatives, as OpenAI's completions have it.
const MOST_LOGPROBS: usize = 5;

/// Texts to continue.
#[derive(Debug, PartialEq)]
pub struct Completion {
    /// Everything that chats have, too.
    pub common: Common,
    /// One answer, or `choices` of them, for each.
    pub prompts: Vec<Prompt>,
}

/// A text to continue.
#[derive(Clone, PartialEq, Eq)]
pub enum Prompt {
    /// As it is written.
    Text(PrivateText),
    /// As tokens.
    Tokens(Zeroizing<Vec<u32>>),
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Tokens(tokens) => write!(f, "{} tokens", tokens.len()),
        }
    }
}

impl Completion {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(json: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::decode(json)?;
        let raw = fields.require_raw("prompt")?;
        let prompts = prompts(&fields, "prompt", raw)?;
        let max_tokens = fields.count("max_tokens", "a positive integer")?;
        let max_tokens = Some(max_tokens.unwrap_or(COMPLETION_TOKENS));
        let logprobs = fields.count("logprobs", "an integer from 0 to 5")?;
        within("logprobs", logprobs.unwrap_or(0), 0..=MOST_LOGPROBS)?;
        fields.only("best_of", &["1"])?;
        fields.only("echo", &["false"])?;
        fields.only("suffix", &["\"\""])?;
        let common = Common::take(fields, max_tokens, logprobs)?;
        let answers = common.choices.saturating_mul(prompts.len());
        if answers > MOST_CHOICES {
            let expected = format!("at most {MOST_CHOICES} answers for all prompts");
            return Err(OutOfRange::new("n", common.choices, expected).into());
        }
        Ok(Self { common, prompts })
    }
}

/// A text, a list of texts, a list of tokens, or a list of such lists.
pub(crate) fn prompts(
    fields: &Fields<'_>,
    name: &str,
    raw: &RawValue,
) -> Result<Vec<Prompt>, Invalid> {
    let wrong = || fields.kind(name, "a string, a list of token ids, or a list of such");
    if let Some(one) = prompt(raw) {
        return Ok(vec![one]);
    }
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    if !(1..=MOST_CHOICES).contains(&list.len()) {
        return Err(fields.value(name, "a list of 1 to 32 prompts"));
    }
    list.into_iter().map(|raw| prompt(raw).ok_or_else(wrong)).collect()
}

fn prompt(raw: &RawValue) -> Option<Prompt> {
    if raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).ok().map(Prompt::Text);
    }
    let tokens: Vec<Integer> = serde_json::from_str(raw.get()).ok()?;
    let tokens = tokens.into_iter().map(|Integer(id)| u32::try_from(id).ok());
    let tokens = Zeroizing::new(tokens.collect::<Option<Vec<_>>>()?);
    (!tokens.is_empty()).then_some(Prompt::Tokens(tokens))
}
