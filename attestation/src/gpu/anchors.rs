//! The root that is trusted, pinned byte for byte.

use crate::transcript::sha256;
use crate::x509::Certificate;

/// "NVIDIA CoRIM signing Root CA" as NVIDIA's verifiers carry it: above the signers of RIMs.
const RIM: &[u8] = include_bytes!("roots/nvidia_rim_signing_root_ca.der");

/// Which root anchors a chain. A value of this type always holds NVIDIA's own; nothing can remove it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    simulated: Option<[u8; 32]>,
}

/// A root that anchors a chain.
#[derive(Clone, Debug)]
pub(super) struct Anchor<'a> {
    pub(super) root: Certificate<'a>,
    pub(super) simulated: bool,
}

impl Anchors {
    /// NVIDIA's root and no other.
    #[must_use]
    pub const fn production() -> Self {
        Self { simulated: None }
    }

    /// Adds the one simulated root whose certificate has this SHA-256; the root itself must come with the
    /// evidence. Whatever it anchors is simulated hardware, and every claim says so.
    #[must_use]
    pub const fn danger_accept_simulated(self, root_sha256: [u8; 32]) -> Self {
        Self { simulated: Some(root_sha256) }
    }

    /// The anchor of a RIM's chain that a given root is, if it is trusted. NVIDIA's own is the pinned copy.
    pub(super) fn rim<'a>(&self, root: &Certificate<'a>) -> Option<Anchor<'a>> {
        if root.der == RIM {
            let root = Certificate::decode(RIM).ok()?;
            return Some(Anchor { root, simulated: false });
        }
        let simulated = self.simulated == Some(root.sha256());
        simulated.then(|| Anchor { root: root.clone(), simulated })
    }

    /// The roots that are trusted for RIMs, for people.
    pub(super) fn rim_shown(&self) -> String {
        let pinned = "NVIDIA CoRIM signing Root CA";
        match self.simulated {
            None => pinned.to_owned(),
            Some(digest) => format!("{pinned} or the simulated root {}", hex::encode(digest)),
        }
    }
}

/// SHA-256 of the pinned root of RIMs, for documentation and reports.
#[must_use]
pub fn pinned_rim_root() -> [u8; 32] {
    sha256(RIM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_root_of_rims_is_the_published_one_and_signs_itself() {
        assert_eq!(hex::encode(pinned_rim_root()).get(..8), Some("12977b51"));
        let root = Certificate::decode(RIM).unwrap();
        assert_eq!(root.verify_signature(&root.key), Ok(()));
        assert_eq!(root.may_sign(2), Ok(()));
        assert!(Anchors::production().rim(&root).is_some_and(|anchor| !anchor.simulated));
        let simulated = Anchors::production().danger_accept_simulated([7; 32]);
        assert!(simulated.rim(&root).is_some_and(|anchor| !anchor.simulated));
    }
}
