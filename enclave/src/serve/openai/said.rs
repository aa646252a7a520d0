//! What one answer said since it was last written out.

use sealroom_attestation::seal::Plaintext;
use sealroom_engine::{Call, PrivateBytes, Token};

/// Text, calls and log-probabilities that wait to be written.
#[derive(Default)]
pub(in crate::serve) struct Said {
    /// Whole characters: the engine holds back what is not.
    pub(in crate::serve) text: Plaintext,
    pub(in crate::serve) calls: Vec<Call>,
    /// Tokens in it.
    pub(in crate::serve) tokens: u64,
    /// The same tokens with their probabilities, where those were asked for.
    pub(super) weighed: Vec<Weighed>,
    /// Calls that were written before.
    pub(super) calls_before: usize,
    /// Characters of text that were written before.
    pub(super) characters_before: usize,
}

/// A token and its probability, and those of the likeliest in its place.
pub(super) struct Weighed {
    pub(super) bytes: PrivateBytes,
    pub(super) logprob: f32,
    pub(super) top: Vec<(PrivateBytes, f32)>,
}

impl Said {
    /// Adds a token.
    pub(in crate::serve) fn push(&mut self, token: Token, logprobs: bool) {
        self.tokens = self.tokens.saturating_add(1);
        self.text.extend_from_slice(token.text.expose().as_bytes());
        self.calls.extend(token.calls);
        // The end of a turn is no part of the answer.
        if logprobs && !token.bytes.expose().is_empty() {
            let top = token.top.into_iter().map(|one| (one.bytes, one.logprob)).collect();
            self.weighed.push(Weighed { bytes: token.bytes, logprob: token.logprob, top });
        }
    }

    /// Whether there is nothing to write.
    pub(in crate::serve) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.calls.is_empty()
    }

    /// It was written.
    pub(in crate::serve) fn clear(&mut self) {
        let text = str::from_utf8(&self.text).unwrap_or_default();
        self.characters_before = self.characters_before.saturating_add(text.chars().count());
        self.calls_before = self.calls_before.saturating_add(self.calls.len());
        self.text.clear();
        self.calls.clear();
        self.weighed.clear();
        self.tokens = 0;
    }
}
