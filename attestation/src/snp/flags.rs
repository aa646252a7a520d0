//! The bit fields of a report, by name, with what has no name kept visible.

use std::fmt;

macro_rules! bit_field {
    ($(#[$doc:meta])* $name:ident($int:ty), named $mask:literal: $($(#[$bit_doc:meta])* $bit:ident = $index:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $int);

        impl $name {
            /// Every flag by name, in the order of the bits.
            pub const FLAGS: &'static [(&'static str, u32)] = &[$((stringify!($bit), $index)),*];

            $(
                $(#[$bit_doc])*
                #[must_use]
                pub const fn $bit(self) -> bool {
                    (self.0 >> $index) & 1 == 1
                }
            )*

            /// The bits that are set and have no name here: what they allow is not known.
            #[must_use]
            pub const fn unknown_bits(self) -> $int {
                self.0 & !$mask
            }
        }

        /// Writes the raw value and the names of the flags that are set.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)?;
                for (name, index) in Self::FLAGS {
                    if (self.0 >> index) & 1 == 1 {
                        write!(f, " {name}")?;
                    }
                }
                match self.unknown_bits() {
                    0 => Ok(()),
                    unknown => write!(f, " unknown {unknown:#x}"),
                }
            }
        }
    };
}

bit_field! {
    /// What the guest's owner allowed at launch (ABI 56860 §4.3, GUEST_POLICY; report offset 08h).
    GuestPolicy(u64), named 0x03ff_ffff:
    /// The guest may run with simultaneous multithreading.
    smt = 16;
    /// Reserved; must be one.
    reserved_one = 17;
    /// A migration agent may be associated.
    migrate_ma = 18;
    /// The host may read and write the guest's memory.
    debug = 19;
    /// The guest runs on one socket only.
    single_socket = 20;
    /// CXL devices and memory may be used.
    cxl_allow = 21;
    /// Memory must be encrypted with AES-256-XTS.
    mem_aes_256_xts = 22;
    /// Running average power limit must be disabled.
    rapl_dis = 23;
    /// Ciphertext hiding must be enabled for DRAM.
    ciphertext_hiding_dram = 24;
    /// Page swapping by the host is disabled.
    page_swap_disable = 25;
}

impl GuestPolicy {
    /// The least minor version of the ABI that the guest accepts (bits 7:0).
    #[must_use]
    pub const fn abi_minor(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// The least major version of the ABI that the guest accepts (bits 15:8).
    #[must_use]
    pub const fn abi_major(self) -> u8 {
        self.0.to_le_bytes()[1]
    }
}

bit_field! {
    /// How the machine is set up (ABI 56860, PLATFORM_INFO; report offset 40h).
    PlatformInfo(u64), named 0xbf:
    /// Simultaneous multithreading is on.
    smt_en = 0;
    /// Transparent memory encryption is on.
    tsme_en = 1;
    /// Memory has error correction.
    ecc_en = 2;
    /// Running average power limit is disabled.
    rapl_dis = 3;
    /// Ciphertext hiding is on for DRAM.
    ciphertext_hiding_dram_en = 4;
    /// The check for memory aliases ran since the last reset and found none.
    alias_check_complete = 5;
    /// Trusted I/O is on.
    tio_en = 7;
}

bit_field! {
    /// How the report is signed (ABI 56860, ATTESTATION_REPORT offset 48h).
    SignerInfo(u32), named 0x1f:
    /// AUTHOR_KEY_DIGEST is the digest of an author key.
    author_key_en = 0;
    /// The firmware did not sign: the signature is zero.
    mask_chip_key = 1;
}

/// Which key signed a report (ABI 56860, SIGNING_KEY, offset 48h bits 4:2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// The chip's own key, versioned.
    Vcek,
    /// A key that the cloud provider loaded, versioned.
    Vlek,
    /// None: the report is not signed.
    None,
    /// A value that the specification reserves.
    Reserved(u8),
}

impl SignerInfo {
    /// Which key signed.
    #[must_use]
    pub const fn signing_key(self) -> SigningKey {
        match (self.0.to_le_bytes()[0] >> 2) & 7 {
            0 => SigningKey::Vcek,
            1 => SigningKey::Vlek,
            7 => SigningKey::None,
            reserved => SigningKey::Reserved(reserved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_named_and_unknown_bits() {
        assert_eq!(GuestPolicy(0x000b_0000).to_string(), "0xb0000 smt reserved_one debug");
        assert_eq!(GuestPolicy(1 << 26).unknown_bits(), 1 << 26);
        assert_eq!(PlatformInfo(0x65).unknown_bits(), 0x40);
        assert_eq!(PlatformInfo(0x25).to_string(), "0x25 smt_en ecc_en alias_check_complete");
        assert_eq!((GuestPolicy(0x1f05).abi_major(), GuestPolicy(0x1f05).abi_minor()), (0x1f, 5));
    }

    #[test]
    fn reads_the_signing_key_of_three_bits() {
        let key = |bits: u32| SignerInfo(bits << 2).signing_key();
        assert_eq!(
            [key(0), key(1), key(7)],
            [SigningKey::Vcek, SigningKey::Vlek, SigningKey::None]
        );
        assert_eq!(key(2), SigningKey::Reserved(2));
        assert_eq!(SignerInfo(0x20).unknown_bits(), 0x20);
    }
}
