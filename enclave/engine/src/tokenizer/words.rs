//! How a text is cut into words before merges apply. Only rules that were compared with llama.cpp's token ids are here.

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::SplitDelimiterBehavior;

use crate::error::LoadError;

/// The rule of one family of tokenizers.
pub(super) struct Words {
    pub(super) splitter: Sequence,
    /// Whether a word that is a token is taken whole, whatever merges would make of it.
    pub(super) whole_tokens: bool,
    /// Whether a text begins with a token, unless the file says otherwise.
    pub(super) begin: bool,
}

/// Contractions, letters, at most `{1,N}` digits, marks, line breaks and spaces: the rule of GPT-4's tokenizer.
fn gpt4(digits: &str) -> String {
    [
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
        digits,
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
    .concat()
}

impl Words {
    /// By the name that a file gives it.
    pub(super) fn of(name: &str) -> Result<Self, LoadError> {
        let simple = |splitter| Self { splitter, whole_tokens: false, begin: false };
        match name {
            // GPT-2's own rule.
            "gpt-2" => Ok(simple(Sequence::new(vec![ByteLevel::new(false, true, true).into()]))),
            "smollm" => Ok(simple(Sequence::new(vec![
                Digits::new(true).into(),
                ByteLevel::new(false, true, true).into(),
            ]))),
            "qwen2" => Ok(simple(split(&gpt4(""))?)),
            "llama-bpe" => {
                Ok(Self { splitter: split(&gpt4("{1,3}"))?, whole_tokens: true, begin: true })
            }
            other => Err(LoadError::PreTokenizer { found: other.to_owned() }),
        }
    }
}

fn split(pattern: &str) -> Result<Sequence, LoadError> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
    let split = split.map_err(|error| LoadError::Tokenizer { reason: error.to_string() })?;
    Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]))
}
