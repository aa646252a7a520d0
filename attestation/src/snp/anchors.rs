//! The roots that are trusted, pinned by SHA-256 of their certificates.

use std::sync::{Arc, LazyLock};

use crate::x509::{Certificate, Signatures};

use super::tcb::Generation;

/// AMD's roots as the `sev` package ships them.
static PINNED: LazyLock<[(Generation, Arc<Certificate>); 3]> = LazyLock::new(|| {
    let roots: [(Generation, &[u8]); 3] = [
        (Generation::Milan, include_bytes!("roots/ark_milan.der")),
        (Generation::Genoa, include_bytes!("roots/ark_genoa.der")),
        (Generation::Turin, include_bytes!("roots/ark_turin.der")),
    ];
    roots.map(|(generation, der)| {
        (generation, Arc::new(Certificate::decode(der).expect("AMD's roots are certificates")))
    })
});

/// AMD's authorities, ASK and ASVK of each generation, as the `sev` package ships them. That the roots signed them is
/// checked once, by a test of this file; dates and revocation are checked for every report.
static PUBLISHED: LazyLock<[[Arc<Certificate>; 2]; 3]> = LazyLock::new(|| {
    let authorities: [[&[u8]; 2]; 3] = [
        [include_bytes!("roots/ask_milan.der"), include_bytes!("roots/asvk_milan.der")],
        [include_bytes!("roots/ask_genoa.der"), include_bytes!("roots/asvk_genoa.der")],
        [include_bytes!("roots/ask_turin.der"), include_bytes!("roots/asvk_turin.der")],
    ];
    let decode =
        |der| Arc::new(Certificate::decode(der).expect("AMD's authorities are certificates"));
    authorities.map(|both| both.map(decode))
});

/// Each published authority, under its root.
fn links() -> impl Iterator<Item = (&'static Arc<Certificate>, &'static Arc<Certificate>)> {
    let roots = PINNED.iter().zip(&*PUBLISHED);
    roots.flat_map(|((_, root), both)| both.iter().map(move |authority| (root, authority)))
}

/// The certificate of this SHA-256, where it is a root or a published authority: it need not be decoded again.
pub(super) fn published(digest: [u8; 32]) -> Option<&'static Arc<Certificate>> {
    links().flat_map(|(root, authority)| [root, authority]).find(|one| one.sha256 == digest)
}

/// A memory that knows AMD's published authorities.
pub(super) fn signatures() -> Signatures {
    Signatures::of_published(links())
}

/// Which roots anchor a chain. A value of this type always holds AMD's own; nothing can remove them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    simulated: Vec<[u8; 32]>,
}

/// A root that anchors a chain.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) root: Arc<Certificate>,
    pub(super) generation: Generation,
    pub(super) simulated: bool,
}

impl Anchors {
    /// AMD's roots for Milan, Genoa and Turin, and no others.
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

    /// The simulated roots.
    pub(crate) fn simulated(&self) -> &[[u8; 32]] {
        &self.simulated
    }

    /// True when a given root is trusted.
    pub(super) fn anchor(&self, root: &Arc<Certificate>) -> Option<Anchor> {
        if self.simulated.contains(&root.sha256) {
            let generation = Generation::from_root_name(root.subject.common_name.as_deref())?;
            return Some(Anchor { root: Arc::clone(root), generation, simulated: true });
        }
        let (generation, _) = PINNED.iter().find(|(_, pinned)| pinned.sha256 == root.sha256)?;
        Some(Anchor { root: Arc::clone(root), generation: *generation, simulated: false })
    }

    /// The pinned root of this name: it need not come with the evidence.
    pub(super) fn named(name: &[u8]) -> Option<Anchor> {
        let (generation, root) = PINNED.iter().find(|(_, root)| root.subject.der == name)?;
        Some(Anchor { root: Arc::clone(root), generation: *generation, simulated: false })
    }

    /// The names of the roots that are trusted, for people.
    pub(super) fn shown(&self) -> String {
        let mut names: Vec<String> =
            PINNED.iter().map(|(_, root)| root.subject.shown().to_owned()).collect();
        let simulated = self.simulated.iter();
        names.extend(simulated.map(|digest| format!("the simulated root {}", hex::encode(digest))));
        names.join(", ")
    }
}

/// SHA-256 of each pinned root, for documentation and reports.
#[must_use]
pub fn pinned_roots() -> [(Generation, [u8; 32]); 3] {
    PINNED.each_ref().map(|(generation, root)| (*generation, root.sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_roots_are_the_published_ones() {
        let starts = pinned_roots().map(|(_, digest)| hex::encode(&digest[..4]));
        assert_eq!(starts, ["69d063b4", "4c6598d1", "1f084161"]);
    }

    #[test]
    fn each_root_signed_its_published_authorities() {
        let names: Vec<_> = links().map(|(_, authority)| authority.subject.shown()).collect();
        let expected = ["SEV-Milan", "SEV-VLEK-Milan", "SEV-Genoa", "SEV-VLEK-Genoa"];
        assert_eq!(
            (&names[..4], &names[4..]),
            (&expected[..], &["SEV-Turin", "SEV-VLEK-Turin"][..])
        );
        for (root, authority) in links() {
            assert_eq!(authority.verify_signature(&root.key), Ok(()));
            assert_eq!(published(authority.sha256), Some(authority));
            assert_eq!(published(root.sha256), Some(root));
        }
        assert_eq!(published([0; 32]), None);
    }

    #[test]
    fn every_pinned_root_is_what_its_name_says_and_signs_itself() {
        for (generation, root) in &*PINNED {
            let name = root.subject.common_name.as_deref();
            assert_eq!(Generation::from_root_name(name), Some(*generation));
            assert_eq!(root.verify_signature(&root.key), Ok(()));
            assert_eq!((root.may_sign(1), root.may_revoke()), (Ok(()), Ok(())));
            let anchor = Anchors::production().anchor(root).unwrap();
            assert_eq!((anchor.generation, anchor.simulated), (*generation, false));
            assert!(Anchors::named(&root.subject.der).is_some());
        }
    }
}
