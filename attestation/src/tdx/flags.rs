//! The bit fields of a TD report, by name, with what has no name kept visible.

use std::fmt;

/// ATTRIBUTES of a TD (Intel TDX module 1.5 ABI, "ATTRIBUTES").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdAttributes(pub u64);

/// XFAM: which extended processor state the TD may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xfam(pub u64);

impl TdAttributes {
    /// The TD may be debugged: the host reads and writes its memory.
    pub const DEBUG: u32 = 0;
    /// Access to memory that is not accepted ends the TD instead of telling it: without it the host can confuse it.
    pub const SEPT_VE_DISABLE: u32 = 28;
    /// The TD may be moved to another machine by a migration TD.
    pub const MIGRATABLE: u32 = 29;
    /// Every flag by name, with its bit.
    pub const FLAGS: &'static [(&'static str, u32)] = &[
        ("debug", Self::DEBUG),
        ("hgs_plus_prof", 4),
        ("perf_prof", 5),
        ("pmt_prof", 6),
        ("icssd", 16),
        ("lass", 27),
        ("sept_ve_disable", Self::SEPT_VE_DISABLE),
        ("migratable", Self::MIGRATABLE),
        ("pks", 30),
        ("kl", 31),
        ("tpa", 62),
        ("perfmon", 63),
    ];
    const PROFILING: u64 = 0b111 << 4;

    /// True when the bit is set.
    #[must_use]
    pub const fn has(self, bit: u32) -> bool {
        match self.0.checked_shr(bit) {
            Some(rest) => rest & 1 == 1,
            None => false,
        }
    }

    /// The bits of the group that makes a TD untrusted apart from DEBUG: profiling by the host.
    #[must_use]
    pub const fn profiling(self) -> u64 {
        self.0 & Self::PROFILING
    }

    /// Bits that are set and have no name here: what they allow is not known.
    #[must_use]
    pub fn reserved(self) -> u64 {
        let named = Self::FLAGS.iter().fold(0_u64, |all, (_, bit)| all | (1_u64 << (bit % 64)));
        self.0 & !named
    }
}

impl fmt::Display for TdAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)?;
        for (name, bit) in Self::FLAGS {
            if self.has(*bit) {
                write!(f, " {name}")?;
            }
        }
        match self.reserved() {
            0 => Ok(()),
            reserved => write!(f, " reserved {reserved:#x}"),
        }
    }
}

impl Xfam {
    /// Bits that every TD has: x87 and SSE.
    pub const FIXED_ONE: u64 = 0x3;
    /// Bits that a TD may have.
    pub const ALLOWED: u64 = 0x0006_dbe7;

    /// True when the bits that must be one are, and no bit is set that must be zero.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        self.0 & Self::FIXED_ONE == Self::FIXED_ONE && self.0 & !Self::ALLOWED == 0
    }
}

impl fmt::Display for Xfam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_named_or_reserved() {
        for bit in 0..64 {
            let attributes = TdAttributes(1 << bit);
            let named = TdAttributes::FLAGS.iter().any(|(_, known)| *known == bit);
            assert_eq!(attributes.reserved() == 0, named, "bit {bit}");
            assert!(attributes.has(bit) && !attributes.has(bit + 1));
        }
        assert_eq!(
            TdAttributes(0x1000_0003).to_string(),
            "0x10000003 debug sept_ve_disable reserved 0x2"
        );
    }

    #[test]
    fn xfam_keeps_what_is_fixed() {
        assert!(Xfam(0x3).is_possible() && Xfam(0x0006_dbe7).is_possible());
        assert!(!Xfam(0x2).is_possible() && !Xfam(0x0006_dbef).is_possible());
    }
}
