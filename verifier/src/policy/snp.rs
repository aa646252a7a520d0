//! What a policy says about SEV-SNP.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{
    UnixTime,
    snp::{Generation, GuestPolicy, Measurement, PlatformInfo, TcbComponents, VekKind},
};

use super::{Need, Permission, Rule};

/// Rules for SEV-SNP evidence. Debugging and migration agents are refused by every policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpPolicy {
    /// Product generations that are trusted.
    pub generations: Vec<Generation>,
    /// Name to launch measurement. Empty: the pin is open, and nothing is accepted.
    pub measurements: BTreeMap<String, Measurement>,
    /// Privilege levels from which a report may come.
    pub vmpls: Vec<u32>,
    /// Whether a revocation list is needed.
    pub revocation: Need,
    /// The least TCB of each generation, component by component; all four TCBs of a report must reach it.
    pub minimum_tcb: BTreeMap<Generation, TcbComponents>,
    /// A lower floor of a generation, until a date.
    pub grace: BTreeMap<Generation, TcbGrace>,
    /// Whether firmware that was not committed yet, and may be rolled back, is allowed.
    pub provisional_firmware: Permission,
    /// The least firmware, current and committed.
    pub minimum_firmware: Option<FirmwareFloor>,
    /// Mitigation bits that must be set at launch and now. Reports before version 5 carry none.
    pub required_mitigations: u64,
    /// Rules for single flags of guest policy and platform information, in place of [`Flag::default_rule`].
    pub flags: BTreeMap<Flag, Rule>,
    /// Bits without a name that may be set.
    pub unknown_bits: UnknownBits,
    /// Which kinds of key may sign.
    pub veks: Vec<VekKind>,
    /// Chips by hardware id: only these, where the set is not empty. A VLEK proves no chip.
    pub chips_allowed: BTreeSet<Vec<u8>>,
    /// Chips by hardware id: never these.
    pub chips_denied: BTreeSet<Vec<u8>>,
    /// Values of the launch that are pinned.
    pub pins: Pins,
}

/// A flag that a rule may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// Guest policy: simultaneous multithreading is allowed.
    PolicySmt,
    /// Guest policy: one socket only.
    PolicySingleSocket,
    /// Guest policy: CXL is allowed.
    PolicyCxl,
    /// Guest policy: AES-256-XTS is demanded.
    PolicyMemAes,
    /// Guest policy: the power limit must be off.
    PolicyRapl,
    /// Guest policy: ciphertext hiding is demanded.
    PolicyCiphertextHiding,
    /// Guest policy: page swapping is off.
    PolicyPageSwap,
    /// Platform: simultaneous multithreading is on.
    PlatformSmt,
    /// Platform: transparent encryption is on.
    PlatformTsme,
    /// Platform: memory has error correction.
    PlatformEcc,
    /// Platform: the power limit is off.
    PlatformRapl,
    /// Platform: ciphertext hiding is on.
    PlatformCiphertextHiding,
    /// Platform: no memory aliases were found.
    PlatformAliasCheck,
    /// Platform: trusted I/O is on.
    PlatformTio,
}

impl Flag {
    /// Every flag, as policy files name it.
    pub const ALL: [(&'static str, Self); 14] = [
        ("policy_smt", Self::PolicySmt),
        ("policy_single_socket", Self::PolicySingleSocket),
        ("policy_cxl", Self::PolicyCxl),
        ("policy_mem_aes_256_xts", Self::PolicyMemAes),
        ("policy_rapl_dis", Self::PolicyRapl),
        ("policy_ciphertext_hiding", Self::PolicyCiphertextHiding),
        ("policy_page_swap_disable", Self::PolicyPageSwap),
        ("platform_smt", Self::PlatformSmt),
        ("platform_tsme", Self::PlatformTsme),
        ("platform_ecc", Self::PlatformEcc),
        ("platform_rapl_dis", Self::PlatformRapl),
        ("platform_ciphertext_hiding", Self::PlatformCiphertextHiding),
        ("platform_alias_check", Self::PlatformAliasCheck),
        ("platform_tio", Self::PlatformTio),
    ];

    /// The rule without a word in the policy. Alias checks answer the attack of AMD-SB-3015, in which a memory module
    /// lies about its size; every generation with current firmware runs them. What the others guard against a guest's
    /// owner must weigh.
    #[must_use]
    pub const fn default_rule(self, generation: Generation) -> Rule {
        match (self, generation) {
            (
                Self::PlatformAliasCheck,
                Generation::Milan | Generation::Genoa | Generation::Turin | Generation::Venice,
            ) => Rule::Required,
            (
                Self::PolicySmt
                | Self::PolicySingleSocket
                | Self::PolicyCxl
                | Self::PolicyMemAes
                | Self::PolicyRapl
                | Self::PolicyCiphertextHiding
                | Self::PolicyPageSwap
                | Self::PlatformSmt
                | Self::PlatformTsme
                | Self::PlatformEcc
                | Self::PlatformRapl
                | Self::PlatformCiphertextHiding
                | Self::PlatformTio,
                _,
            ) => Rule::Any,
        }
    }

    /// Whether it is set.
    #[must_use]
    pub const fn is_set(self, policy: GuestPolicy, platform: PlatformInfo) -> bool {
        match self {
            Self::PolicySmt => policy.smt(),
            Self::PolicySingleSocket => policy.single_socket(),
            Self::PolicyCxl => policy.cxl_allow(),
            Self::PolicyMemAes => policy.mem_aes_256_xts(),
            Self::PolicyRapl => policy.rapl_dis(),
            Self::PolicyCiphertextHiding => policy.ciphertext_hiding_dram(),
            Self::PolicyPageSwap => policy.page_swap_disable(),
            Self::PlatformSmt => platform.smt_en(),
            Self::PlatformTsme => platform.tsme_en(),
            Self::PlatformEcc => platform.ecc_en(),
            Self::PlatformRapl => platform.rapl_dis(),
            Self::PlatformCiphertextHiding => platform.ciphertext_hiding_dram_en(),
            Self::PlatformAliasCheck => platform.alias_check_complete(),
            Self::PlatformTio => platform.tio_en(),
        }
    }
}

/// Bits that have no name in this version: what they allow is not known, so a rule must name each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownBits {
    /// Of the guest policy.
    pub policy: u64,
    /// Of the platform information.
    pub platform: u64,
}

/// A lower floor that counts until a date: time to update in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbGrace {
    /// Component by component.
    pub floor: TcbComponents,
    /// The last second in which it counts.
    pub until: UnixTime,
}

/// The least firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareFloor {
    /// Major version of the ABI.
    pub major: u8,
    /// Minor version of the ABI.
    pub minor: u8,
    /// Build number.
    pub build: u8,
}

/// Values of the launch that are pinned. An empty set pins nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The host's bytes.
    pub host_data: BTreeSet<[u8; 32]>,
    /// The owner's name for a family of guests.
    pub family_ids: BTreeSet<[u8; 16]>,
    /// The owner's name for an image.
    pub image_ids: BTreeSet<[u8; 16]>,
    /// Digests of keys that may sign ID blocks.
    pub id_keys: BTreeSet<[u8; 48]>,
    /// Digests of keys that may certify those.
    pub author_keys: BTreeSet<[u8; 48]>,
    /// The least security version of the guest.
    pub minimum_guest_svn: u32,
}

/// Set on Turin machines in the field, and named in no public revision of the ABI.
const SEEN_ON_TURIN: u64 = 1 << 6;

impl SnpPolicy {
    /// The rules without a file.
    pub(super) fn built_in() -> Self {
        Self {
            generations: vec![Generation::Genoa, Generation::Turin],
            measurements: BTreeMap::new(),
            vmpls: vec![0],
            revocation: Need::Required,
            minimum_tcb: BTreeMap::new(),
            grace: BTreeMap::new(),
            provisional_firmware: Permission::Refused,
            minimum_firmware: None,
            required_mitigations: 0,
            flags: BTreeMap::new(),
            unknown_bits: UnknownBits { policy: 0, platform: SEEN_ON_TURIN },
            veks: vec![VekKind::Vcek, VekKind::Vlek],
            chips_allowed: BTreeSet::new(),
            chips_denied: BTreeSet::new(),
            pins: Pins::default(),
        }
    }
}
