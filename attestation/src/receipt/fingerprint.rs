//! The fingerprint of an answer: what its engine thought of each token that it chose. Whoever holds the same model computes
//! the same numbers from prompt and tokens; another model gives others.
//!
//! One byte with the version, then five for each token: its id (24 bits) and how improbable it was (16 bits, 1/1024 nat), both
//! big-endian. Ids are what was said: a fingerprint never leaves the seal.

use zeroize::{Zeroize, ZeroizeOnDrop};

const VERSION: u8 = 1;
/// Bytes of one token.
const TOKEN: usize = 5;
/// Steps of a nat.
const STEPS: f32 = 1024.0;
/// What an engine says that does not know its own ids.
const UNKNOWN: u32 = 0xff_ffff;

/// The tokens of an answer with their log-probabilities, up to [`Fingerprint::TOKENS`] of them.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Fingerprint(Vec<u8>);

/// Why bytes are no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} bytes are no fingerprint: version 1 and five for each of 1 to 448 tokens expected"
)]
pub struct FingerprintError {
    found: usize,
}

impl Fingerprint {
    /// The first so many tokens are in it: with them the last chunk of a stream has the same size as without.
    pub const TOKENS: usize = 14 * 32;

    /// Of an answer that did not begin.
    #[must_use]
    pub fn new() -> Self {
        // It never moves while it grows: a copy that is left behind would not be wiped.
        let mut bytes = Vec::with_capacity(1 + Self::TOKENS * TOKEN);
        bytes.push(VERSION);
        Self(bytes)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`FingerprintError`]: another version, no token, too many, or part of one.
    pub fn decode(bytes: &[u8]) -> Result<Self, FingerprintError> {
        let refused = FingerprintError { found: bytes.len() };
        let Some((&VERSION, tokens)) = bytes.split_first() else { return Err(refused) };
        let count = tokens.len() / TOKEN;
        if !tokens.len().is_multiple_of(TOKEN) || !(1..=Self::TOKENS).contains(&count) {
            return Err(refused);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The next token of the answer, with the natural logarithm of its probability before sampling. No id for an engine that
    /// does not tell it.
    pub fn push(&mut self, id: Option<u32>, logprob: f32) {
        if self.len() == Self::TOKENS {
            return;
        }
        let [_, id @ ..] = id.unwrap_or(UNKNOWN).min(UNKNOWN).to_be_bytes();
        self.0.extend_from_slice(&id);
        // Conversion from floats saturates, and not-a-number is 0.
        self.0.extend_from_slice(&((-logprob * STEPS).round() as u16).to_be_bytes());
    }

    /// Forgets all tokens but the first `count`: what was not written was not said.
    pub fn truncate(&mut self, count: usize) {
        self.0.truncate(count.saturating_mul(TOKEN).saturating_add(1));
    }

    /// Its bytes; nothing for an answer that did not begin.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        (!self.is_empty()).then_some(&self.0)
    }

    /// Tokens and their log-probabilities.
    pub fn tokens(&self) -> impl Iterator<Item = (Option<u32>, f32)> {
        let (tokens, _) = self.0.get(1..).unwrap_or_default().as_chunks::<TOKEN>();
        tokens.iter().map(|&[a, b, c, d, e]| {
            let id = u32::from_be_bytes([0, a, b, c]);
            let steps = u16::from_be_bytes([d, e]);
            ((id != UNKNOWN).then_some(id), -f32::from(steps) / STEPS)
        })
    }

    /// How many tokens are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len().saturating_sub(1) / TOKEN
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fingerprint({} tokens)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went_in() {
        let mut fingerprint = Fingerprint::new();
        fingerprint.push(Some(49_151), -1.5);
        fingerprint.push(None, -100.0);
        fingerprint.push(Some(0), 0.0);
        let bytes = fingerprint.bytes().expect("three tokens");
        assert_eq!(bytes, [1, 0, 0xbf, 0xff, 6, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
        let back = Fingerprint::decode(bytes).expect("the same");
        assert_eq!(back, fingerprint);
        let tokens: Vec<_> = back.tokens().collect();
        assert_eq!(tokens, [(Some(49_151), -1.5), (None, -63.999_023), (Some(0), 0.0)]);
    }

    #[test]
    fn holds_448_tokens_and_no_more() {
        let mut fingerprint = Fingerprint::new();
        (0..500).for_each(|id| fingerprint.push(Some(id), -1.0));
        assert_eq!((fingerprint.len(), fingerprint.0.capacity()), (448, 2241));
        assert_eq!(fingerprint.tokens().last(), Some((Some(447), -1.0)));
        fingerprint.truncate(2);
        assert_eq!(fingerprint.len(), 2);
        fingerprint.truncate(0);
        assert_eq!(fingerprint.bytes(), None);
    }

    #[test]
    fn refuses_another_version_no_token_too_many_and_a_part_of_one() {
        assert_eq!(Fingerprint::decode(&[1; 6]).map(|one| one.len()), Ok(1));
        assert_eq!(Fingerprint::decode(&[1; 2241]).map(|one| one.len()), Ok(448));
        for refused in [&[2; 6][..], &[], &[1], &[1; 7], &[1; 2246]] {
            let error = FingerprintError { found: refused.len() };
            assert_eq!(Fingerprint::decode(refused), Err(error));
        }
    }
}
