//! Versions of the trusted computing base, packed in eight bytes (ABI 56860 §2.2, TCB_VERSION).

use std::fmt;

/// A product generation: what the root that anchors a chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004, 8004 (Siena) and 97x4 (Bergamo), which share Genoa's root.
    Genoa,
    /// EPYC 9005.
    Turin,
    /// The one after Turin. AMD has published its layout and no root for it yet: its reports are read, and nothing
    /// anchors them but a simulated root.
    Venice,
}

impl Generation {
    /// Every generation whose reports can be read.
    pub const ALL: [Self; 4] = [Self::Milan, Self::Genoa, Self::Turin, Self::Venice];

    /// As AMD's certificates spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
            Self::Venice => "Venice",
        }
    }

    /// By the common name of a root, such as `ARK-Genoa`.
    pub(crate) fn from_root_name(name: Option<&str>) -> Option<Self> {
        let product = name?.strip_prefix("ARK-")?;
        Self::ALL.into_iter().find(|generation| generation.name() == product)
    }

    /// By combined CPUID family and model, as reports of version 3 and later carry them.
    #[must_use]
    pub const fn from_cpuid(cpuid: Cpuid) -> Option<Self> {
        match (cpuid.family, cpuid.model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x1f) => Some(Self::Turin),
            (0x1a, 0x50..=0x57 | 0x90..=0xaf | 0xc0..=0xc7) => Some(Self::Venice),
            _ => None,
        }
    }

    /// How many bytes name a chip of this generation (KDS 57230 §3.1): the rest of CHIP_ID is zero.
    #[must_use]
    pub const fn hwid_length(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin | Self::Venice => 8,
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Family, model and stepping of the processor (ABI 56860, ATTESTATION_REPORT offsets 188h to 18Ah).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpuid {
    /// Combined extended family and family.
    pub family: u8,
    /// Combined extended model and model.
    pub model: u8,
    /// Stepping.
    pub stepping: u8,
}

impl fmt::Display for Cpuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "family {:#04x} model {:#04x} stepping {}",
            self.family, self.model, self.stepping
        )
    }
}

/// One TCB_VERSION, all eight bytes of it. What the bytes mean depends on the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tcb(pub [u8; 8]);

/// The components of a TCB, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcbComponents {
    /// Firmware management controller; from Turin.
    pub fmc: Option<u8>,
    /// Boot loader of the security processor.
    pub boot_loader: u8,
    /// Operating system of the security processor.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Lowest microcode patch level of all cores.
    pub microcode: u8,
    /// The bytes that have no meaning yet: 2 to 5, or 4 to 6 and a zero from Turin.
    pub reserved: [u8; 4],
}

impl Tcb {
    /// Names the bytes (ABI 56860 §2.2, tables TCB_VERSION for families 19h and 1Ah).
    #[must_use]
    pub const fn components(self, generation: Generation) -> TcbComponents {
        let [b0, b1, b2, b3, b4, b5, b6, microcode] = self.0;
        match generation {
            Generation::Milan | Generation::Genoa => TcbComponents {
                fmc: None,
                boot_loader: b0,
                tee: b1,
                snp: b6,
                microcode,
                reserved: [b2, b3, b4, b5],
            },
            Generation::Turin | Generation::Venice => TcbComponents {
                fmc: Some(b0),
                boot_loader: b1,
                tee: b2,
                snp: b3,
                microcode,
                reserved: [b4, b5, b6, 0],
            },
        }
    }
}

impl fmt::Display for TcbComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fmc) = self.fmc {
            write!(f, "fmc {fmc}, ")?;
        }
        write!(
            f,
            "boot loader {}, tee {}, snp {}, microcode {}",
            self.boot_loader, self.tee, self.snp, self.microcode
        )?;
        if self.reserved != [0; 4] {
            write!(f, ", reserved {:02x?}", self.reserved)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_bytes_of_each_layout() {
        let tcb = Tcb([1, 2, 3, 4, 5, 6, 7, 8]);
        let genoa = tcb.components(Generation::Genoa);
        assert_eq!(
            (genoa.fmc, genoa.boot_loader, genoa.tee, genoa.snp, genoa.microcode),
            (None, 1, 2, 7, 8)
        );
        assert_eq!(genoa.reserved, [3, 4, 5, 6]);
        let turin = tcb.components(Generation::Turin);
        assert_eq!(
            (turin.fmc, turin.boot_loader, turin.tee, turin.snp, turin.microcode),
            (Some(1), 2, 3, 4, 8)
        );
        assert_eq!(turin.reserved, [5, 6, 7, 0]);
    }

    #[test]
    fn tells_generations_apart_by_processor_and_by_root() {
        let cpuid = |family, model| Generation::from_cpuid(Cpuid { family, model, stepping: 0 });
        assert_eq!(cpuid(0x19, 0x0f), Some(Generation::Milan));
        assert_eq!(cpuid(0x19, 0x10), Some(Generation::Genoa));
        assert_eq!(cpuid(0x19, 0x20), None);
        assert_eq!(cpuid(0x19, 0xa0), Some(Generation::Genoa));
        assert_eq!(cpuid(0x1a, 0x11), Some(Generation::Turin));
        assert_eq!(cpuid(0x1a, 0x20), None);
        for model in [0x50, 0x57, 0x90, 0xaf, 0xc0, 0xc7] {
            assert_eq!(cpuid(0x1a, model), Some(Generation::Venice));
        }
        for model in [0x4f, 0x58, 0x8f, 0xb0, 0xbf, 0xc8] {
            assert_eq!(cpuid(0x1a, model), None);
        }
        assert_eq!(Generation::from_root_name(Some("ARK-Turin")), Some(Generation::Turin));
        assert_eq!(Generation::from_root_name(Some("ARK-Venice")), Some(Generation::Venice));
        assert_eq!(Generation::from_root_name(Some("ARK-Verano")), None);
    }
}
