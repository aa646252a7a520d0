//! Signatures that held before: the same one need not be checked twice.

use crate::memory::Memory;
use crate::time::{UnixTime, Window};

use super::certificate::Certificate;
use super::crl::Crl;
use super::signature::{BadSignature, PublicKey};

/// Something with a signature, and a window in which it counts.
pub(crate) trait Signed {
    /// SHA-256 of all its bytes, the signature's included.
    fn digest(&self) -> [u8; 32];
    /// When it counts.
    fn window(&self) -> Window;
    /// Checks its signature.
    fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature>;
}

impl Signed for Certificate {
    fn digest(&self) -> [u8; 32] {
        self.sha256
    }

    fn window(&self) -> Window {
        self.validity
    }

    fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        Self::verify_signature(self, key)
    }
}

impl Signed for Crl {
    fn digest(&self) -> [u8; 32] {
        self.sha256
    }

    fn window(&self) -> Window {
        self.validity
    }

    fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        Self::verify_signature(self, key)
    }
}

/// Whose key, over which bytes: SHA-256 of both. Whether a signature holds depends on nothing else.
type Name = ([u8; 32], [u8; 32]);

/// The signatures that held, each until what it signed has ended. One that did not hold is never kept.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    held: Memory<Name, ()>,
}

impl Signatures {
    /// Checks that `key` signed this. Outside its window nothing is recalled, and the signature is checked anew.
    ///
    /// # Errors
    /// When the signature does not verify under that key.
    pub(crate) fn verify(
        &self,
        signed: &impl Signed,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<(), BadSignature> {
        let name = (key.sha256, signed.digest());
        let window = signed.window();
        let inside = window.contains(now);
        if inside && self.held.recall(&name, now).is_some() {
            return Ok(());
        }
        signed.verify_signature(key)?;
        if inside {
            self.held.keep(name, (), window.until, now);
        }
        Ok(())
    }
}
