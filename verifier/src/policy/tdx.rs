//! What a policy says about TDX.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{
    UnixTime,
    tdx::{Measurement, TcbStatus, TeeTcbSvn},
};

use super::{Need, Rule};

/// Rules for TDX evidence. Debugging, profiling, attributes without a name and features that cannot be are refused by
/// every policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxPolicy {
    /// Name to image. Empty: the pin is open, and nothing is accepted.
    pub images: BTreeMap<String, TdImage>,
    /// States of the TCB that are accepted.
    pub statuses: Vec<TcbStatus>,
    /// Further states that are accepted until a date.
    pub grace: Option<StatusGrace>,
    /// Advisories that must not be open, whatever the state.
    pub advisories_denied: BTreeSet<String>,
    /// The least evaluation data number of both documents.
    pub minimum_evaluation: u32,
    /// The least date of the level that was reached.
    pub minimum_tcb_date: Option<UnixTime>,
    /// The least of each component of the TDX module's TCB.
    pub minimum_tee_tcb_svn: Option<TeeTcbSvn>,
    /// The most seconds since the documents were issued.
    pub maximum_age: Option<u64>,
    /// Whether both revocation lists are needed.
    pub revocation: Need,
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
    /// What must be in the event log.
    pub event_log: EventLogRules,
}

/// States that are accepted until a date: time to update in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusGrace {
    /// Beside those that are accepted anyway.
    pub statuses: Vec<TcbStatus>,
    /// The last second in which they count.
    pub until: UnixTime,
}

/// Rules for the log behind RTMR0 to RTMR2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLogRules {
    /// Whether a log is needed. With any other rule it is.
    pub need: Need,
    /// Register to the only digests that may be measured into it, in any order.
    pub allowed: BTreeMap<usize, BTreeSet<Measurement>>,
    /// Name to something that must have been measured.
    pub expected: BTreeMap<String, ExpectedEvent>,
}

/// Something that must have been measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedEvent {
    /// 0 to 2.
    pub register: usize,
    /// Its digest, or its digests in several versions.
    pub digests: BTreeSet<Measurement>,
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
            grace: None,
            advisories_denied: BTreeSet::new(),
            minimum_evaluation: 0,
            minimum_tcb_date: None,
            minimum_tee_tcb_svn: None,
            maximum_age: None,
            revocation: Need::Required,
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
            event_log: EventLogRules::default(),
        }
    }
}
