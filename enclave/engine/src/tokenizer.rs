//! Text to token ids and back, exactly as llama.cpp does it for the same file.

mod words;

use std::collections::{HashMap, HashSet};

use tokenizers::Tokenizer as Pipeline;
use tokenizers::models::bpe::{BPE, Vocab};
use zeroize::Zeroizing;

use crate::card::Digest;
use crate::engine::SpecialTokens;
use crate::error::{EngineError, LoadError};
use crate::gguf::Gguf;
use crate::vocabulary::{Kind, Vocabulary};
use words::Words;

/// How [`crate::ModelCard::tokenizer_digest`] is formed: SHA-256 over these fields of the model file, in this order. A
/// text is its length in bytes (u64, little endian) and its bytes; a list is its length (u64) and its
/// items; a token type is an i64, an absent id is `u64::MAX`.
#[must_use]
pub fn tokenizer_digest_layout() -> &'static [&'static str] {
    &[
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.add_bos_token",
    ]
}

/// The tokenizer of one model.
pub(crate) struct Tokenizer {
    pipeline: Pipeline,
    vocabulary: Vocabulary,
    /// Tokens that are found in a text before it is split into words, longest first.
    whole: Vec<(String, u32, Kind)>,
    digest: Digest,
}

impl Tokenizer {
    /// Builds the tokenizer from the metadata of a model file.
    pub(crate) fn load(file: &Gguf<'_>) -> Result<Self, LoadError> {
        let model = file.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(LoadError::TokenizerModel { found: model.to_owned() });
        }
        let words = Words::of(file.text("tokenizer.ggml.pre")?)?;
        let vocabulary = Vocabulary::load(file, words.begin)?;
        let ids = vocabulary.ids()?;
        let merges = merges(&file.texts("tokenizer.ggml.merges")?, &ids)?;
        // The library caches words by default: users' text would outlive its request.
        let bpe = BPE::builder()
            .vocab_and_merges(ids.into_iter().collect::<Vocab>(), merges)
            .cache_capacity(0)
            .ignore_merges(words.whole_tokens)
            .build();
        let bpe = bpe.map_err(|error| unfit(&error.to_string()))?;
        let mut pipeline = Pipeline::new(bpe);
        pipeline.with_pre_tokenizer(Some(words.splitter));
        let mut whole: Vec<_> = vocabulary.whole_tokens().collect();
        whole.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.1.cmp(&b.1)));
        Ok(Self { pipeline, vocabulary, whole, digest: digest(file)? })
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Token ids of `text`, with nothing added in front.
    pub(crate) fn encode(
        &self,
        text: &str,
        special: SpecialTokens,
    ) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        // A token stands for at least one byte: the list never moves while it grows.
        let mut ids = Zeroizing::new(Vec::with_capacity(text.len()));
        for part in self.parts(text, special) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => {
                    let encoding = self.pipeline.encode_fast(text, false);
                    let encoding = encoding.map_err(|_| EngineError::Tokenize)?;
                    ids.extend_from_slice(encoding.get_ids());
                }
            }
        }
        Ok(ids)
    }

    /// Cuts whole tokens out of `text`: the longest ones first, each from left to right.
    fn parts<'t>(&self, text: &'t str, special: SpecialTokens) -> Vec<Part<'t>> {
        let mut parts = vec![Part::Text(text)];
        for (name, id, kind) in &self.whole {
            let wanted = match special {
                SpecialTokens::Parse => true,
                SpecialTokens::AsText => *kind == Kind::UserDefined,
            };
            if wanted && text.contains(name.as_str()) {
                parts = parts.into_iter().flat_map(|part| part.split(name, *id)).collect();
            }
        }
        parts
    }
}

enum Part<'t> {
    Text(&'t str),
    Token(u32),
}

impl<'t> Part<'t> {
    fn split(self, name: &str, id: u32) -> Vec<Part<'t>> {
        let Part::Text(text) = self else { return vec![self] };
        let mut parts = Vec::new();
        for (index, between) in text.split(name).enumerate() {
            if index > 0 {
                parts.push(Part::Token(id));
            }
            if !between.is_empty() {
                parts.push(Part::Text(between));
            }
        }
        parts
    }
}

/// Splits "left right" and checks what the library takes for granted: both sides and their
/// concatenation are tokens.
fn merges(lines: &[&str], ids: &HashMap<String, u32>) -> Result<Vec<(String, String)>, LoadError> {
    let mut seen = HashSet::with_capacity(lines.len());
    let mut pairs = Vec::with_capacity(lines.len());
    for line in lines {
        let pair = line.split_once(' ').filter(|(left, right)| {
            let all = [*left, *right, &format!("{left}{right}")];
            seen.insert(*line) && all.iter().all(|token| ids.contains_key(*token))
        });
        let (left, right) = pair.ok_or_else(|| unfit("a merge is malformed, double or unknown"))?;
        pairs.push((left.to_owned(), right.to_owned()));
    }
    Ok(pairs)
}

fn unfit(reason: &str) -> LoadError {
    LoadError::Tokenizer { reason: reason.to_owned() }
}

fn digest(file: &Gguf<'_>) -> Result<Digest, LoadError> {
    let mut bytes = Vec::new();
    let number = |bytes: &mut Vec<u8>, n: u64| bytes.extend_from_slice(&n.to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        number(bytes, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
    };
    text(&mut bytes, file.text("tokenizer.ggml.model")?);
    text(&mut bytes, file.text("tokenizer.ggml.pre")?);
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    number(&mut bytes, tokens.len() as u64);
    tokens.iter().for_each(|token| text(&mut bytes, token));
    let kinds = file.integers("tokenizer.ggml.token_type")?;
    number(&mut bytes, kinds.len() as u64);
    kinds.iter().for_each(|kind| bytes.extend_from_slice(&kind.to_le_bytes()));
    let merges = file.texts("tokenizer.ggml.merges")?;
    number(&mut bytes, merges.len() as u64);
    merges.iter().for_each(|merge| text(&mut bytes, merge));
    for key in ["bos", "eos", "eot"] {
        let id = file.token_id(&format!("tokenizer.ggml.{key}_token_id"), tokens.len())?;
        number(&mut bytes, id.map_or(u64::MAX, u64::from));
    }
    number(&mut bytes, u64::from(file.flag("tokenizer.ggml.add_bos_token")?));
    Ok(Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The vocabularies that llama.cpp tests itself with: texts, and their ids, beside each model file.
    #[test]
    fn token_ids_are_those_of_llama_cpp_s_own_tests() {
        let Some(folder) = std::env::var_os("SEALROOM_VOCABULARIES") else {
            return println!("skipped: SEALROOM_VOCABULARIES names no folder");
        };
        for name in ["gpt-2", "llama-bpe", "qwen2"] {
            let path = Path::new(&folder).join(format!("ggml-vocab-{name}.gguf"));
            let read = |ending: &str| std::fs::read(format!("{}{ending}", path.display())).unwrap();
            let text = |ending| String::from_utf8(read(ending)).unwrap();
            let bytes = read("");
            let tokenizer = Tokenizer::load(&Gguf::decode(&bytes).unwrap()).unwrap();
            let (texts, all_ids) = (text(".inp"), text(".out"));
            let mut compared = 0;
            for (text, ids) in texts.split("\n__ggml_vocab_test__\n").zip(all_ids.lines()) {
                let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
                let found = tokenizer.encode(text, SpecialTokens::AsText).unwrap();
                assert_eq!(*found, ids, "{name}: {text:?}");
                compared += 1;
            }
            assert!(compared > 40, "{name}: {compared} texts");
        }
    }
}
