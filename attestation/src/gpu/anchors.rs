//! The roots that are trusted, pinned byte for byte: one above devices, one above reference values.

use std::sync::LazyLock;

use crate::x509::{self, Certificate};

use super::ocsp::Owner;

/// "NVIDIA Device Identity CA" as NVIDIA's verifiers carry it.
static DEVICE: LazyLock<Certificate> = LazyLock::new(|| {
    let root = Certificate::decode(include_bytes!("roots/nvidia_device_identity_ca.der"));
    root.expect("NVIDIA's root is a certificate")
});

/// "NVIDIA CoRIM signing Root CA" as NVIDIA's verifiers carry it: above the signers of RIMs.
static RIM: LazyLock<Certificate> = LazyLock::new(|| {
    let root = Certificate::decode(include_bytes!("roots/nvidia_rim_signing_root_ca.der"));
    root.expect("NVIDIA's root is a certificate")
});

/// Which roots anchor a chain. A value of this type always holds NVIDIA's own; nothing can remove them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    simulated: Vec<[u8; 32]>,
}

/// A root that anchors a chain.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) root: Certificate,
    pub(super) simulated: bool,
}

impl Anchors {
    /// NVIDIA's roots and no others.
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

    /// True where this very root is trusted above certificates of this owner's.
    #[must_use]
    pub fn trusts(&self, root: &Certificate, owner: Owner) -> bool {
        match owner {
            Owner::Device => self.device(root).is_some(),
            Owner::Rim => self.rim(root).is_some(),
        }
    }

    /// The anchor of a device's chain that a given root is, if it is trusted. NVIDIA's own is the pinned copy.
    pub(super) fn device(&self, root: &Certificate) -> Option<Anchor> {
        self.anchor(root, &DEVICE)
    }

    /// The anchor of a RIM's chain that a given root is, if it is trusted. NVIDIA's own is the pinned copy.
    pub(super) fn rim(&self, root: &Certificate) -> Option<Anchor> {
        self.anchor(root, &RIM)
    }

    fn anchor(&self, root: &Certificate, pinned: &Certificate) -> Option<Anchor> {
        if root.sha256 == pinned.sha256 {
            return Some(Anchor { root: pinned.clone(), simulated: false });
        }
        let simulated = self.simulated.contains(&root.sha256);
        simulated.then(|| Anchor { root: root.clone(), simulated })
    }

    /// The roots that are trusted for devices, for people.
    pub(super) fn shown(&self) -> String {
        x509::named_roots(&DEVICE, &self.simulated)
    }

    /// The roots that are trusted for RIMs, for people.
    pub(super) fn rim_shown(&self) -> String {
        x509::named_roots(&RIM, &self.simulated)
    }
}

/// SHA-256 of the pinned root of devices, for documentation and reports.
#[must_use]
pub fn pinned_device_root() -> [u8; 32] {
    DEVICE.sha256
}

/// SHA-256 of the pinned root of RIMs, for documentation and reports.
#[must_use]
pub fn pinned_rim_root() -> [u8; 32] {
    RIM.sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_roots_are_the_published_ones_and_sign_themselves() {
        assert_eq!(hex::encode(pinned_device_root()).get(..8), Some("102bf659"));
        assert_eq!(hex::encode(pinned_rim_root()).get(..8), Some("12977b51"));
        for root in [&*DEVICE, &*RIM] {
            assert_eq!(root.verify_signature(&root.key), Ok(()));
            assert_eq!(root.may_sign(2), Ok(()));
        }
        assert_eq!(DEVICE.may_sign(3), Ok(()));
    }

    #[test]
    fn each_root_anchors_its_own_chains_and_is_never_simulated() {
        let production = Anchors::production();
        assert!(production.device(&DEVICE).is_some_and(|anchor| !anchor.simulated));
        assert!(production.rim(&RIM).is_some_and(|anchor| !anchor.simulated));
        assert!(production.device(&RIM).is_none() && production.rim(&DEVICE).is_none());
        let simulated = production.danger_accept_simulated([7; 32]);
        assert!(simulated.device(&DEVICE).is_some_and(|anchor| !anchor.simulated));
    }
}
