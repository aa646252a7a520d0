//! The root that is trusted, pinned byte for byte.

use std::sync::LazyLock;

use crate::x509::Certificate;

/// "NVIDIA Device Identity CA" as NVIDIA's verifiers carry it.
static DEVICE: LazyLock<Certificate> = LazyLock::new(|| {
    let root = Certificate::decode(include_bytes!("roots/nvidia_device_identity_ca.der"));
    root.expect("NVIDIA's root is a certificate")
});

/// Which root anchors a chain. A value of this type always holds NVIDIA's own; nothing can remove it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    simulated: Option<[u8; 32]>,
}

/// A root that anchors a chain.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) root: Certificate,
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

    /// The anchor of a device's chain that a given root is, if it is trusted. NVIDIA's own is the pinned copy.
    pub(super) fn device(&self, root: &Certificate) -> Option<Anchor> {
        if root.sha256 == DEVICE.sha256 {
            return Some(Anchor { root: DEVICE.clone(), simulated: false });
        }
        let simulated = self.simulated == Some(root.sha256);
        simulated.then(|| Anchor { root: root.clone(), simulated })
    }

    /// The roots that are trusted, for people.
    pub(super) fn shown(&self) -> String {
        match self.simulated {
            None => "NVIDIA Device Identity CA".to_owned(),
            Some(digest) => {
                format!("NVIDIA Device Identity CA or the simulated root {}", hex::encode(digest))
            }
        }
    }
}

/// SHA-256 of the pinned root of devices, for documentation and reports.
#[must_use]
pub fn pinned_device_root() -> [u8; 32] {
    DEVICE.sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_root_is_the_published_one_and_signs_itself() {
        assert_eq!(hex::encode(pinned_device_root()).get(..8), Some("102bf659"));
        let root = &*DEVICE;
        assert_eq!(root.verify_signature(&root.key), Ok(()));
        assert_eq!(root.may_sign(3), Ok(()));
        assert!(Anchors::production().device(root).is_some_and(|anchor| !anchor.simulated));
        let simulated = Anchors::production().danger_accept_simulated([7; 32]);
        assert!(simulated.device(root).is_some_and(|anchor| !anchor.simulated));
    }
}
