//! The root that is trusted, pinned byte for byte.

use std::sync::{Arc, LazyLock};

use crate::x509::{self, Certificate, Signatures};

/// "Intel SGX Root CA" as Intel publishes it.
static PINNED: LazyLock<Arc<Certificate>> = LazyLock::new(|| {
    let root = Certificate::decode(include_bytes!("roots/intel_sgx_root_ca.der"));
    Arc::new(root.expect("Intel's root is a certificate"))
});

/// Intel's authorities as Intel publishes them. That the root signed them is checked once, by a test of this file; dates
/// and revocation are checked for every quote.
static PUBLISHED: LazyLock<[Arc<Certificate>; 3]> = LazyLock::new(|| {
    let authorities: [&[u8]; 3] = [
        include_bytes!("roots/intel_pck_platform_ca.der"),
        include_bytes!("roots/intel_pck_processor_ca.der"),
        include_bytes!("roots/intel_tcb_signing.der"),
    ];
    authorities.map(|der| {
        Arc::new(Certificate::decode(der).expect("Intel's authorities are certificates"))
    })
});

/// The certificate of this SHA-256, where it is the root or a published authority: it need not be decoded again.
pub(super) fn published(digest: [u8; 32]) -> Option<&'static Arc<Certificate>> {
    [&*PINNED].into_iter().chain(&*PUBLISHED).find(|one| one.sha256 == digest)
}

/// A memory that knows Intel's published authorities.
pub(super) fn signatures() -> Signatures {
    Signatures::of_published(PUBLISHED.iter().map(|authority| (&*PINNED, authority)))
}

/// Which root anchors a chain. A value of this type always holds Intel's own; nothing can remove it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    simulated: Vec<[u8; 32]>,
}

/// A root that anchors a chain.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) root: Arc<Certificate>,
    pub(super) simulated: bool,
}

impl Anchors {
    /// Intel's root and no other.
    #[must_use]
    pub const fn production() -> Self {
        Self { simulated: Vec::new() }
    }

    /// Adds a simulated root, the one whose certificate has this SHA-256; the root itself must come with the
    /// evidence. Whatever it anchors is simulated hardware, and every claim says so.
    #[must_use]
    pub fn danger_accept_simulated(mut self, root_sha256: [u8; 32]) -> Self {
        self.simulated.push(root_sha256);
        self
    }

    /// The anchor that a given root is, if it is trusted.
    pub(super) fn anchor(&self, root: &Arc<Certificate>) -> Option<Anchor> {
        let simulated = self.simulated.contains(&root.sha256);
        let trusted = simulated || root.sha256 == PINNED.sha256;
        trusted.then(|| Anchor { root: Arc::clone(root), simulated })
    }

    /// The pinned root, if it has this name: it need not come with the evidence.
    pub(super) fn named(name: &[u8]) -> Option<Anchor> {
        let named = PINNED.subject.der == name;
        named.then(|| Anchor { root: Arc::clone(&PINNED), simulated: false })
    }

    /// The roots that are trusted, for people.
    pub(super) fn shown(&self) -> String {
        x509::named_roots(&PINNED, &self.simulated)
    }
}

/// SHA-256 of the pinned root, for documentation and reports.
#[must_use]
pub fn pinned_root() -> [u8; 32] {
    PINNED.sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_signed_every_published_authority() {
        let names = PUBLISHED.each_ref().map(|authority| authority.subject.shown());
        let expected =
            ["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA", "Intel SGX TCB Signing"];
        assert_eq!(names, expected);
        for authority in &*PUBLISHED {
            assert_eq!(authority.verify_signature(&PINNED.key), Ok(()));
            assert_eq!(published(authority.sha256), Some(authority));
        }
        assert_eq!((published(PINNED.sha256), published([0; 32])), (Some(&*PINNED), None));
    }

    #[test]
    fn the_pinned_root_is_the_published_one_and_signs_itself() {
        assert_eq!(hex::encode(pinned_root()).get(..8), Some("44a0196b"));
        let root = &*PINNED;
        assert_eq!(root.verify_signature(&root.key), Ok(()));
        assert_eq!((root.may_sign(1), root.may_revoke()), (Ok(()), Ok(())));
        assert!(Anchors::production().anchor(root).is_some_and(|anchor| !anchor.simulated));
        assert!(Anchors::named(&root.subject.der).is_some() && Anchors::named(b"").is_none());
    }
}
