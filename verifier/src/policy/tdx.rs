//! What a policy says about TDX.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::tdx::{Measurement, TcbStatus};

use super::{Revocation, Rule};

/// Rules for TDX evidence. Debugging, profiling, attributes without a name and features that cannot be are refused by
/// every policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxPolicy {
    /// Name to image. Empty: the pin is open, and nothing is accepted.
    pub images: BTreeMap<String, TdImage>,
    /// States of the TCB that are accepted.
    pub statuses: Vec<TcbStatus>,
    /// Advisories that must not be open, whatever the state.
    pub advisories_denied: BTreeSet<String>,
    /// The least evaluation data number of both documents.
    pub minimum_evaluation: u32,
    /// The most seconds since the documents were issued.
    pub maximum_age: Option<u64>,
    /// Whether both revocation lists are needed.
    pub revocation: Revocation,
    /// Rules for single properties.
    pub flags: BTreeMap<TdxFlag, Rule>,
    /// MRSEAM of the modules that are accepted. Empty: every module that Intel's documents accept.
    pub modules: BTreeSet<Measurement>,
    /// MRCONFIGID that are accepted. Empty: any.
    pub config_ids: BTreeSet<Measurement>,
    /// MROWNER that are accepted. Empty: any.
    pub owners: BTreeSet<Measurement>,
    /// MROWNERCONFIG that are accepted. Empty: any.
    pub owner_configs: BTreeSet<Measurement>,
    /// Platforms by PPID or platform instance id: only these, where the set is not empty.
    pub platforms_allowed: BTreeSet<[u8; 16]>,
    /// Platforms by PPID or platform instance id: never these.
    pub platforms_denied: BTreeSet<[u8; 16]>,
}

/// An image by what is measured of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdImage {
    /// MRTD.
    pub mr_td: Measurement,
    /// RTMR0 to RTMR3, those that are pinned.
    pub rtmr: [Option<Measurement>; 4],
}

/// A property that a rule may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TdxFlag {
    /// ATTRIBUTES.SEPT_VE_DISABLE.
    SeptVeDisable,
    /// ATTRIBUTES.MIGRATABLE.
    Migratable,
    /// A service TD is bound, now or at creation.
    ServiceTd,
    /// The platform is dynamic.
    DynamicPlatform,
    /// Intel keeps the platform's keys.
    CachedKeys,
    /// Simultaneous multithreading is on.
    Smt,
}

impl TdxFlag {
    /// Every one by the name it has in a policy file.
    pub const ALL: [(&'static str, Self); 6] = [
        ("sept_ve_disable", Self::SeptVeDisable),
        ("migratable", Self::Migratable),
        ("service_td", Self::ServiceTd),
        ("dynamic_platform", Self::DynamicPlatform),
        ("cached_keys", Self::CachedKeys),
        ("smt", Self::Smt),
    ];
}

impl TdxPolicy {
    /// Up to date, revocation lists needed, SEPT_VE_DISABLE on, no migration, no service TD, and every pin open.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            images: BTreeMap::new(),
            statuses: vec![TcbStatus::UpToDate],
            advisories_denied: BTreeSet::new(),
            minimum_evaluation: 0,
            maximum_age: None,
            revocation: Revocation::Required,
            flags: [
                (TdxFlag::SeptVeDisable, Rule::Required),
                (TdxFlag::Migratable, Rule::Refused),
                (TdxFlag::ServiceTd, Rule::Refused),
            ]
            .into(),
            modules: BTreeSet::new(),
            config_ids: BTreeSet::new(),
            owners: BTreeSet::new(),
            owner_configs: BTreeSet::new(),
            platforms_allowed: BTreeSet::new(),
            platforms_denied: BTreeSet::new(),
        }
    }
}
