//! What a relying party accepts. A policy file is checked as a whole before anything is judged by it.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{digests::ManifestDigest, node::Freshness};

mod bulletin;
mod exception;
mod file;
mod gpu;
mod host;
mod keys;
mod observed;
mod raw;
mod reference;
mod rules;
mod snp;
mod tdx;
mod words;

pub use bulletin::{Bulletin, BulletinError, BulletinRules};
pub use exception::{DangerException, EXCEPTABLE};
pub use gpu::{Architecture, GpuPolicy, Required, Version};
pub use host::{Host, Physical};
pub use keys::{KEYS, Key};
pub use reference::reference;
pub use rules::PolicyRule;
pub use snp::{FirmwareFloor, Flag, Pins, SnpPolicy, TcbGrace, UnknownBits};
pub use tdx::{EventLogRules, ExpectedEvent, StatusGrace, TdImage, TdxFlag, TdxPolicy};

/// A checked policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least freshness. `Cached` is for auditors: no session ever opens on it.
    pub freshness: Freshness,
    /// Platforms that are accepted.
    pub platforms: BTreeSet<Platform>,
    /// The most seconds from a statement's issue to its end.
    pub maximum_statement_lifetime: Option<u64>,
    /// What must be known at least of who can touch the machine.
    pub minimum_physical: Physical,
    /// Name to machines whose site is known.
    pub hosts: BTreeMap<String, Host>,
    /// Whose bulletins count, and whether one is needed.
    pub bulletins: BulletinRules,
    /// Rules that may be broken, each until a date.
    pub exceptions: Vec<DangerException>,
    /// Rules for SEV-SNP.
    pub snp: SnpPolicy,
    /// Rules for TDX.
    pub tdx: TdxPolicy,
    /// Rules for GPUs.
    pub gpu: GpuPolicy,
    /// Public model name to the manifests accepted under it. Empty: every model is open, and none accepted.
    pub models: BTreeMap<String, Vec<ManifestDigest>>,
}

/// A kind of confidential VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

/// Whether an input is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// Without it evidence is undecided.
    Required,
    /// What was given is used; none is needed.
    #[default]
    IfGiven,
}

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It is not.
    Refused,
    /// It is.
    Allowed,
}

/// A rule for something that is either so or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It must be so.
    Required,
    /// It must not be so.
    Refused,
    /// Both are accepted, and the row says that no rule names it.
    Any,
}

/// Why a policy file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not TOML, or a key or type that policies do not have.
    #[error("{0}")]
    Syntax(String),
    /// A version that this code does not know.
    #[error("policy version {found} is not supported: 1 expected")]
    Version {
        /// The version.
        found: u64,
    },
    /// A value that its field cannot have.
    #[error("{field} is {found:?}: {expected} expected")]
    Value {
        /// Where.
        field: String,
        /// What stands there.
        found: String,
        /// What may.
        expected: String,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names the field, what was found there and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let raw: raw::Policy =
            toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        raw.try_into()
    }

    /// The policy without a file: no debugging, no migration agent, VMPL 0, no Milan, and every pin open.
    /// It can refuse, and it can never accept.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            freshness: Freshness::Hardware,
            platforms: [Platform::Snp, Platform::Tdx].into(),
            maximum_statement_lifetime: None,
            minimum_physical: Physical::Unknown,
            hosts: BTreeMap::new(),
            bulletins: BulletinRules::default(),
            exceptions: Vec::new(),
            snp: SnpPolicy::built_in(),
            tdx: TdxPolicy::built_in(),
            gpu: GpuPolicy::built_in(),
            models: BTreeMap::new(),
        }
    }

    /// True when some launch measurement is pinned: without one nothing can be accepted.
    #[must_use]
    pub fn pins_a_measurement(&self) -> bool {
        !self.snp.measurements.is_empty() || !self.tdx.images.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use sealroom_attestation::snp::{Generation, Measurement};

    use super::*;

    const FULL: &str = r#"
        version = 1
        freshness = "key"
        [snp]
        generations = ["turin"]
        vmpls = [0, 1]
        revocation = "if-given"
        [snp.measurements]
        "image 7" = "0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101ff"
        [snp.minimum_tcb.turin]
        fmc = 1
        boot_loader = 2
        tee = 3
        snp = 4
        microcode = 5
        [models]
        smollm2 = ["0202020202020202020202020202020202020202020202020202020202020202"]
    "#;

    #[test]
    fn reads_every_field() {
        let policy = Policy::from_toml(FULL).expect("a good policy");
        assert_eq!(policy.freshness, Freshness::Key);
        assert_eq!(policy.snp.generations, [Generation::Turin]);
        assert_eq!(policy.snp.vmpls, [0, 1]);
        assert_eq!(policy.snp.revocation, Need::IfGiven);
        let mut measurement = [1; 48];
        measurement[47] = 0xff;
        assert_eq!(policy.snp.measurements["image 7"], Measurement(measurement));
        assert_eq!(policy.snp.minimum_tcb[&Generation::Turin].fmc, Some(1));
        assert_eq!(policy.models["smollm2"], [ManifestDigest([2; 32])]);
        assert!(policy.pins_a_measurement());
    }

    #[test]
    fn a_file_that_says_nothing_is_the_built_in_policy() {
        assert_eq!(Policy::from_toml("version = 1"), Ok(Policy::built_in()));
        assert!(!Policy::built_in().pins_a_measurement());
    }

    #[test]
    fn refuses_another_version_unknown_keys_and_bad_values_by_name() {
        assert_eq!(Policy::from_toml("version = 2"), Err(PolicyError::Version { found: 2 }));
        let unknown =
            Policy::from_toml("version = 1\n[snp]\nallow_debug = true").expect_err("unknown");
        assert!(matches!(unknown, PolicyError::Syntax(text) if text.contains("allow_debug")));
        let refused = |text: &str| match Policy::from_toml(text).expect_err("a bad value") {
            PolicyError::Value { field, found, .. } => (field, found),
            other => panic!("{other}"),
        };
        let found = refused("version = 1\nfreshness = \"recent\"");
        assert_eq!(found, ("freshness".to_owned(), "recent".to_owned()));
        let found = refused("version = 1\n[snp]\ngenerations = [\"rome\"]");
        assert_eq!(found, ("snp.generations".to_owned(), "rome".to_owned()));
        let found = refused("version = 1\n[snp.measurements]\na = \"00\"");
        assert_eq!(found, ("snp.measurements.a".to_owned(), "00".to_owned()));
        let found = refused("version = 1\n[snp]\nvmpls = [4]");
        assert_eq!(found, ("snp.vmpls".to_owned(), "4".to_owned()));
        let found = refused("version = 1\n[models]\nm = []");
        assert_eq!(found, ("models.m".to_owned(), "[]".to_owned()));
    }
}
