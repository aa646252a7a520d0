//! Randomness as an argument: a test brings bytes that it knows.

use ring::rand::{SecureRandom, SystemRandom};
use sealroom_attestation::seal::{Random, RandomFailed};

/// A source of secret, uniform bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`, or does not return: a node without randomness must stop.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        SecureRandom::fill(&SystemRandom::new(), bytes)
            .expect("the operating system gives random bytes");
    }
}

/// An array of random bytes. For values that are not secret.
pub(crate) fn array<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// The same source in the form that the sealing code takes.
pub(crate) struct Draw<'a>(pub(crate) &'a dyn Entropy);

impl Random for Draw<'_> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(bytes);
        Ok(())
    }
}
