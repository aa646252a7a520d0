//! The words that a policy file has for closed sets: one table for reading and for writing.

use sealroom_attestation::{
    evidence::GpuClass,
    gpu::Mode,
    node::Freshness,
    snp::{Generation, VekKind},
    tdx::TcbStatus,
};

use super::{Need, Permission, Physical, Platform, PolicyError, Required, Rule};

/// A closed set by its words.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Each value with its word.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for this value.
    fn word(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(_, value)| *value == self);
        known.map_or("", |(word, _)| word)
    }

    /// The value of a word.
    fn read(field: &str, text: &str) -> Result<Self, PolicyError> {
        let known = Self::WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, value)| *value).ok_or_else(|| PolicyError::Value {
            field: field.to_owned(),
            found: text.to_owned(),
            expected: alternatives(Self::WORDS.iter().map(|(word, _)| *word)),
        })
    }
}

/// `"a", "b" or "c"`.
fn alternatives(words: impl Iterator<Item = &'static str>) -> String {
    let quoted: Vec<_> = words.map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Word for Freshness {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hardware", Self::Hardware), ("key", Self::Key), ("none", Self::Cached)];
}

impl Word for Platform {
    const WORDS: &'static [(&'static str, Self)] = &[("snp", Self::Snp), ("tdx", Self::Tdx)];
}

impl Word for Physical {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("unknown", Self::Unknown),
        ("hosted", Self::Hosted),
        ("audited", Self::Audited),
        ("own", Self::Own),
    ];
}

impl Word for Need {
    const WORDS: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("if-given", Self::IfGiven)];
}

impl Word for Permission {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refused", Self::Refused), ("allowed", Self::Allowed)];
}

impl Word for Rule {
    const WORDS: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("refused", Self::Refused), ("any", Self::Any)];
}

impl Word for Required {
    const WORDS: &'static [(&'static str, Self)] =
        &[("when-used", Self::WhenUsed), ("always", Self::Always)];
}

impl Word for Generation {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("milan", Self::Milan),
        ("genoa", Self::Genoa),
        ("turin", Self::Turin),
        ("venice", Self::Venice),
    ];
}

impl Word for VekKind {
    const WORDS: &'static [(&'static str, Self)] = &[("vcek", Self::Vcek), ("vlek", Self::Vlek)];
}

impl Word for GpuClass {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hopper", Self::Hopper), ("blackwell", Self::Blackwell)];
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("single", Self::Single),
        ("multi", Self::Multi),
        ("protected-pcie", Self::ProtectedPcie),
    ];
}

/// As Intel spells them. What is revoked is refused before any policy.
impl Word for TcbStatus {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("UpToDate", Self::UpToDate),
        ("SWHardeningNeeded", Self::SWHardeningNeeded),
        ("ConfigurationNeeded", Self::ConfigurationNeeded),
        ("ConfigurationAndSWHardeningNeeded", Self::ConfigurationAndSWHardeningNeeded),
        ("OutOfDate", Self::OutOfDate),
        ("OutOfDateConfigurationNeeded", Self::OutOfDateConfigurationNeeded),
        ("RelaunchAdvised", Self::RelaunchAdvised),
        ("RelaunchAdvisedConfigurationNeeded", Self::RelaunchAdvisedConfigurationNeeded),
    ];
}
