//! Signatures that held before: the same one need not be checked twice.

use std::sync::Arc;

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
    /// Begins with certificates that a pinned root is known to have signed.
    pub(crate) fn of_published<'c>(
        published: impl IntoIterator<Item = (&'c Arc<Certificate>, &'c Arc<Certificate>)>,
    ) -> Self {
        let signatures = Self::default();
        for (root, certificate) in published {
            let name = (root.key.sha256, certificate.sha256);
            signatures.held.keep(name, (), certificate.validity.until, UnixTime(0));
        }
        signatures
    }

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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const ROOT: &[u8] = include_bytes!("../tdx/roots/intel_sgx_root_ca.der");

    /// Counts how often its signature is checked.
    struct Counted {
        holds: bool,
        checks: Cell<u32>,
    }

    impl Signed for Counted {
        fn digest(&self) -> [u8; 32] {
            [u8::from(self.holds); 32]
        }

        fn window(&self) -> Window {
            Window { from: UnixTime(10), until: UnixTime(20) }
        }

        fn verify_signature(&self, _: &PublicKey) -> Result<(), BadSignature> {
            self.checks.update(|checks| checks.saturating_add(1));
            if self.holds { Ok(()) } else { Err(BadSignature) }
        }
    }

    fn checks(holds: bool, times: &[u64]) -> u32 {
        let signed = Counted { holds, checks: Cell::new(0) };
        let key = Certificate::decode(ROOT).expect("a certificate").key;
        let signatures = Signatures::default();
        for time in times {
            let verified = signatures.verify(&signed, &key, UnixTime(*time));
            assert_eq!(verified, if holds { Ok(()) } else { Err(BadSignature) });
        }
        signed.checks.get()
    }

    #[test]
    fn checks_a_signature_once_inside_its_window() {
        assert_eq!(checks(true, &[10, 15, 20, 10]), 1);
    }

    #[test]
    fn checks_a_signature_anew_outside_its_window() {
        assert_eq!(checks(true, &[9, 9, 21, 21]), 4);
        assert_eq!(checks(true, &[20, 21, 20, 9]), 3);
    }

    #[test]
    fn never_remembers_a_signature_that_does_not_hold() {
        assert_eq!(checks(false, &[10, 10, 10]), 3);
    }

    #[test]
    fn what_held_under_one_key_says_nothing_about_another() {
        let root = Certificate::decode(ROOT).expect("a certificate");
        let other = Certificate::decode(include_bytes!("../snp/roots/ark_genoa.der"));
        let other = other.expect("a certificate");
        let (signatures, now) = (Signatures::default(), root.validity.from);
        assert_eq!(signatures.verify(&root, &root.key, now), Ok(()));
        assert_eq!(signatures.verify(&root, &other.key, now), Err(BadSignature));
    }
}
