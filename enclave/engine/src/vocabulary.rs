//! The table of tokens: kinds, special ids and the bytes each one stands for.

use std::collections::HashMap;

use crate::error::LoadError;
use crate::gguf::Gguf;

/// What a token is, as GGUF numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes of text, written in the byte alphabet of GPT-2.
    Normal,
    /// A mark such as the end of a turn; it stands for no text.
    Control,
    /// A whole word that is never split; its name is its text.
    UserDefined,
}

/// All tokens of a model.
pub(crate) struct Vocabulary {
    names: Vec<String>,
    kinds: Vec<Kind>,
    bytes: Vec<Vec<u8>>,
    /// Begins a plain text, if the model wants one in front.
    pub(crate) begin: Option<u32>,
    pub(crate) add_begin: bool,
    /// Each of these ends an answer.
    pub(crate) end: Vec<u32>,
}

/// No known vocabulary is near this: it bounds what a damaged file can make us allocate.
const MOST_TOKENS: usize = 1 << 20;

impl Vocabulary {
    /// `begin` says whether a text of this family begins with a token, where the file does not.
    pub(crate) fn load(file: &Gguf<'_>, begin: bool) -> Result<Self, LoadError> {
        let names = file.texts("tokenizer.ggml.tokens")?;
        if names.is_empty() || names.len() > MOST_TOKENS {
            return Err(unfit(format!("{} tokens", names.len())));
        }
        let kinds = file.integers("tokenizer.ggml.token_type")?;
        if kinds.len() != names.len() {
            return Err(unfit(format!("{} tokens and {} types", names.len(), kinds.len())));
        }
        let kinds = kinds.into_iter().map(kind).collect::<Result<Vec<_>, _>>()?;
        let alphabet = alphabet();
        let spell = |(name, kind): (&&str, &Kind)| match kind {
            Kind::Control => Some(Vec::new()),
            Kind::UserDefined => Some(name.as_bytes().to_vec()),
            Kind::Normal => name.chars().map(|c| alphabet.get(&c).copied()).collect(),
        };
        let bytes = names.iter().zip(&kinds).map(spell).collect::<Option<Vec<_>>>();
        let bytes = bytes.ok_or_else(|| unfit("a token is not written in bytes".to_owned()))?;
        let id = |key: &str| file.token_id(&format!("tokenizer.ggml.{key}_token_id"), names.len());
        Ok(Self {
            begin: id("bos")?,
            add_begin: file.optional_flag("tokenizer.ggml.add_bos_token")?.unwrap_or(begin),
            end: ends([id("eos")?, id("eot")?], &names, &kinds),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            kinds,
            bytes,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of a token, empty for an unknown one.
    pub(crate) fn name(&self, id: u32) -> &str {
        self.names.get(id as usize).map_or("", String::as_str)
    }

    /// The most bytes of text that one token can stand for.
    pub(crate) fn longest(&self) -> usize {
        let names = self.names.iter().map(String::len);
        names.chain(self.bytes.iter().map(Vec::len)).max().unwrap_or(1).max(1)
    }

    /// The bytes a token stands for, none for a control token.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// Ids by name.
    pub(crate) fn ids(&self) -> Result<HashMap<String, u32>, LoadError> {
        let mut ids = HashMap::with_capacity(self.names.len());
        for (id, name) in (0u32..).zip(&self.names) {
            if ids.insert(name.clone(), id).is_some() {
                return Err(unfit(format!("token {id} has the name of another token")));
            }
        }
        Ok(ids)
    }

    /// Tokens that are looked for in a text before it is split.
    pub(crate) fn whole_tokens(&self) -> impl Iterator<Item = (String, u32, Kind)> {
        let tokens = self.names.iter().zip(&self.kinds).zip(0u32..);
        tokens
            .filter(|((name, kind), _)| **kind != Kind::Normal && !name.is_empty())
            .map(|((name, kind), id)| (name.clone(), id, *kind))
    }
}

/// Control tokens that end an answer by their name alone: many files do not say so, and llama.cpp stops at them.
const ENDS: [&str; 5] = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>"];

fn ends(stated: [Option<u32>; 2], names: &[&str], kinds: &[Kind]) -> Vec<u32> {
    let mut ends: Vec<u32> = stated.into_iter().flatten().collect();
    for ((id, name), kind) in (0..).zip(names).zip(kinds) {
        if *kind == Kind::Control && ENDS.contains(name) && !ends.contains(&id) {
            ends.push(id);
        }
    }
    ends
}

fn kind(number: i64) -> Result<Kind, LoadError> {
    match number {
        1 => Ok(Kind::Normal),
        // Unknown (2) and unused (5) tokens stand for no text either.
        2 | 3 | 5 => Ok(Kind::Control),
        4 => Ok(Kind::UserDefined),
        other => Err(unfit(format!("token type {other}"))),
    }
}

/// GPT-2 writes each byte as one printable character: printable bytes as themselves, the others,
/// in order, as the characters from U+0100 on.
pub(crate) fn alphabet() -> HashMap<char, u8> {
    let mut shifted = 0u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
                return Some((char::from(byte), byte));
            }
            let written = char::from_u32(0x100 + shifted)?;
            shifted += 1;
            Some((written, byte))
        })
        .collect()
}

fn unfit(reason: String) -> LoadError {
    LoadError::Tokenizer { reason }
}
