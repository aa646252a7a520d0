//! What a policy says about GPUs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use sealroom_attestation::{evidence::GpuClass, gpu::Mode};

use super::{Need, Permission};

/// Rules for NVIDIA devices. Debugging devices and devices under other roots are refused by every policy: their
/// measurements are nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuPolicy {
    /// Which nodes must show GPUs.
    pub required: Required,
    /// How many GPUs, switches not counted; `None`: any number.
    pub count: Option<usize>,
    /// Architectures that are accepted.
    pub architectures: Vec<GpuClass>,
    /// Modes that are accepted; devices that do not report one are not asked. Empty: any.
    pub modes: Vec<Mode>,
    /// The least driver version.
    pub minimum_driver: Option<Version>,
    /// Drivers that are never accepted.
    pub drivers_denied: BTreeSet<Version>,
    /// The least VBIOS version, by architecture.
    pub minimum_vbios: BTreeMap<Architecture, Version>,
    /// VBIOS versions that are never accepted.
    pub vbios_denied: BTreeSet<Version>,
    /// Whether every device must have been compared with its RIMs.
    pub reference_values: Need,
    /// Whether a response is needed for every certificate.
    pub revocation: Need,
    /// Whether a RIM counts whose signer is on hold.
    pub suspended_signers: Permission,
    /// The most seconds since a RIM's signer began to count.
    pub maximum_rim_age: Option<u64>,
    /// The most seconds since a response was made.
    pub maximum_ocsp_age: Option<u64>,
}

/// Which nodes must show GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// Those whose configuration says that they compute on one: setting `device` begins with `cuda`.
    WhenUsed,
    /// Every node.
    Always,
}

/// An architecture, as policies order them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// H100 and its kin.
    Hopper,
    /// B100 and its kin.
    Blackwell,
}

/// A version, number by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: Vec<u32>,
    radix: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, number) in self.numbers.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            match self.radix {
                16 => write!(f, "{dot}{number:02X}")?,
                _ => write!(f, "{dot}{number:02}")?,
            }
        }
        Ok(())
    }
}

impl Version {
    /// A driver's: decimal numbers, as `550.90.07`.
    #[must_use]
    pub fn driver(text: &str) -> Option<Self> {
        Self::parse(text, 10)
    }

    /// A VBIOS's: hexadecimal bytes, as `96.00.9F.00.01`.
    #[must_use]
    pub fn vbios(text: &str) -> Option<Self> {
        Self::parse(text, 16)
    }

    fn parse(text: &str, radix: u32) -> Option<Self> {
        let digits = |part: &str| {
            let plain = part.len() <= 4 && part.bytes().all(|digit| digit.is_ascii_alphanumeric());
            u32::from_str_radix(part, radix).ok().filter(|_| plain)
        };
        let numbers = text.split('.').map(digits).collect::<Option<Vec<_>>>()?;
        Some(Self { numbers, radix })
    }
}

impl Architecture {
    /// Of a GPU; `None` for a switch.
    #[must_use]
    pub const fn of(class: GpuClass) -> Option<Self> {
        match class {
            GpuClass::Hopper => Some(Self::Hopper),
            GpuClass::Blackwell => Some(Self::Blackwell),
            GpuClass::Ls10 => None,
        }
    }
}

impl GpuPolicy {
    /// GPUs where they are used; reference values and responses for everything; nobody on hold.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            required: Required::WhenUsed,
            count: None,
            architectures: vec![GpuClass::Hopper, GpuClass::Blackwell],
            modes: Vec::new(),
            minimum_driver: None,
            drivers_denied: BTreeSet::new(),
            minimum_vbios: BTreeMap::new(),
            vbios_denied: BTreeSet::new(),
            reference_values: Need::Required,
            revocation: Need::Required,
            suspended_signers: Permission::Refused,
            maximum_rim_age: None,
            maximum_ocsp_age: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        let driver = |text| Version::driver(text).expect("a version");
        assert!(driver("550.90.07") > driver("550.54.15") && driver("1000.1") > driver("999.9"));
        assert!(driver("550.90.07") == driver("550.90.7"));
        let vbios = |text| Version::vbios(text).expect("a version");
        assert!(vbios("96.00.9F.00.01") > vbios("96.00.5E.00.04"));
        assert_eq!(vbios("96.00.9f.00.01").to_string(), "96.00.9F.00.01");
        assert_eq!(driver("550.90.7").to_string(), "550.90.07");
        for text in ["", "550..7", "550.x", "-1", "+1", "55090070000"] {
            assert_eq!(Version::driver(text), None, "{text}");
        }
    }
}
