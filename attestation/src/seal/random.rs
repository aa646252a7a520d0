//! Where randomness comes in.

/// A source of secret, uniform bytes. Every source of `ring` is one; a test brings fixed bytes to get the
/// same message twice.
///
/// Two encapsulations or two responses with the same bytes break their secrecy: outside a test only
/// [`ring::rand::SystemRandom`] belongs here.
pub trait Random {
    /// Fills `bytes`, all of them or none.
    ///
    /// # Errors
    /// [`RandomFailed`] when the source cannot.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed>;
}

/// The source of randomness failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct RandomFailed;

impl<R: ring::rand::SecureRandom + ?Sized> Random for R {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        ring::rand::SecureRandom::fill(self, bytes).map_err(|ring::error::Unspecified| RandomFailed)
    }
}
