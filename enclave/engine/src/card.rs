//! Public facts about a model: what a manifest commits to.

use std::collections::BTreeMap;
use std::fmt;

/// Everything about the engine and its model that changes answers. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// The model's own name, empty where the file has none.
    pub name: String,
    /// Architecture, such as `llama`.
    pub architecture: String,
    /// Most tokens of prompt and answer together, as this engine is set up.
    pub context_length: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Whether it makes vectors of texts.
    pub embeds: bool,
    /// SHA-256 of the tokenizer's canonical bytes: see [`crate::tokenizer_digest_layout`].
    pub tokenizer_digest: Digest,
    /// SHA-256 of the chat template's UTF-8 bytes, if the model has one.
    pub chat_template_digest: Option<Digest>,
    /// Which kind of engine computes, such as `candle`.
    pub engine: String,
    /// Exact versions of the code that computes.
    pub build: String,
    /// Every parameter that changes outputs, by name.
    pub parameters: BTreeMap<String, String>,
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Self(out)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_prints_as_lower_case_hex() {
        let digest = Digest::of(b"abc").to_string();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
