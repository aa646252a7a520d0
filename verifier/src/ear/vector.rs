//! The trustworthiness vector (`draft-ietf-rats-ar4si`): checks by what they are about.

use sealroom_attestation::{Outcome, claims::Finding};
use serde::{Deserialize, Serialize};

use crate::verdict::{Crypto, Decision, Verdict};

/// A tier of trust, as results spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing is decided.
    None,
    /// Everything that the policy asks was checked and holds.
    Affirming,
    /// Accepted although a rule does not hold: the policy carries an exception for it.
    Warning,
    /// Something does not hold, or a test key stands under it.
    Contraindicated,
}

impl Status {
    /// Accepted is affirming, refused is contraindicated, undecided is none. What a test key anchors is never
    /// affirming: accepted or not, no hardware stands behind it. What an exception let pass is a warning.
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict.decision {
            Decision::Accepted if verdict.simulated() => Self::Contraindicated,
            Decision::Accepted if verdict.excepted() => Self::Warning,
            Decision::Accepted => Self::Affirming,
            Decision::Refused => Self::Contraindicated,
            Decision::Undecided => Self::None,
        }
    }

    /// True for the tiers on which a reader may rely.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Affirming | Self::Warning => true,
            Self::None | Self::Contraindicated => false,
        }
    }
}

/// What was found, by subject: 0 no claim, 2 to 31 affirming, 32 to 95 warning, 96 and more contraindicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vector {
    /// Whether this very chip or platform is one that the policy names.
    pub instance_identity: i8,
    /// Settings of guest, firmware and device.
    pub configuration: i8,
    /// The launched image, the reference values, the model.
    pub executables: i8,
    /// Chip, firmware, chains and revocation.
    pub hardware: i8,
    /// Whether memory can be looked into from outside.
    pub runtime_opaque: i8,
}

/// The evidence's own signatures do not hold: whatever it says, nobody knows who says it.
const NOT_VALIDATED: i8 = 99;
const NO_CLAIM: i8 = 0;
/// The least of the warnings: a rule that does not hold, and that the policy's owner lets break until a day.
const EXCEPTED: i8 = 32;

/// One subject of the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Identity,
    Configuration,
    Executables,
    Hardware,
    Opaque,
    /// About the session, the message or the transport: the status says it, no entry of the vector does.
    Elsewhere,
}

/// Checks by the beginning of their names; the longest that fits counts.
const SUBJECTS: &[(&str, Subject)] = &[
    ("snp.", Subject::Configuration),
    ("snp.report.", Subject::Hardware),
    ("snp.endorsements.", Subject::Hardware),
    ("snp.vek.", Subject::Hardware),
    ("snp.product.", Subject::Hardware),
    ("snp.chain.", Subject::Hardware),
    ("snp.crl.", Subject::Hardware),
    ("snp.revocation", Subject::Hardware),
    ("snp.tcb.", Subject::Hardware),
    ("snp.firmware.", Subject::Hardware),
    ("snp.mitigations", Subject::Hardware),
    ("snp.vek.hwid", Subject::Identity),
    ("snp.chip", Subject::Identity),
    ("snp.measurement", Subject::Executables),
    ("snp.guest_svn", Subject::Executables),
    ("snp.id_key", Subject::Executables),
    ("snp.author_key", Subject::Executables),
    ("snp.family_id", Subject::Executables),
    ("snp.image_id", Subject::Executables),
    ("snp.policy.debug", Subject::Opaque),
    ("snp.policy.migrate_ma", Subject::Opaque),
    ("tdx.", Subject::Configuration),
    ("tdx.quote.", Subject::Hardware),
    ("tdx.qe", Subject::Hardware),
    ("tdx.endorsements.", Subject::Hardware),
    ("tdx.pck.", Subject::Hardware),
    ("tdx.signer.", Subject::Hardware),
    ("tdx.crl.", Subject::Hardware),
    ("tdx.revocation", Subject::Hardware),
    ("tdx.tcb", Subject::Hardware),
    ("tdx.module.", Subject::Hardware),
    ("tdx.platform", Subject::Identity),
    ("tdx.platform.", Subject::Configuration),
    ("tdx.td.measurement", Subject::Executables),
    ("tdx.td.rtmr", Subject::Executables),
    ("tdx.event_log", Subject::Executables),
    ("tdx.td.debug", Subject::Opaque),
    ("tdx.td.profiling", Subject::Opaque),
    ("tdx.td.migratable", Subject::Opaque),
    ("gpu.", Subject::Configuration),
    ("gpu.report.", Subject::Hardware),
    ("gpu.chain.", Subject::Hardware),
    ("gpu.fwid", Subject::Hardware),
    ("gpu.ocsp.", Subject::Hardware),
    ("gpu.nras.", Subject::Hardware),
    ("gpu.architecture", Subject::Hardware),
    ("gpu.vbios", Subject::Hardware),
    ("gpu.revocation", Subject::Hardware),
    ("gpu.hold", Subject::Hardware),
    ("gpu.chain.identity", Subject::Identity),
    ("gpu.chain.device", Subject::Identity),
    ("gpu.switch.", Subject::Identity),
    ("gpu.rim.", Subject::Executables),
    ("gpu.reference_values", Subject::Executables),
    ("gpu.driver", Subject::Executables),
    ("gpu.nonce", Subject::Elsewhere),
    ("gpu.relay", Subject::Elsewhere),
    ("policy.model", Subject::Executables),
    ("policy.platform", Subject::Hardware),
    ("policy.physical", Subject::Hardware),
];

impl Subject {
    fn of(id: &str) -> Self {
        let fitting = SUBJECTS.iter().filter(|(beginning, _)| id.starts_with(beginning));
        let longest = fitting.max_by_key(|(beginning, _)| beginning.len());
        longest.map_or(Self::Elsewhere, |(_, subject)| *subject)
    }

    /// The value where all of it holds, the checks of which one must have passed for that, and the value where
    /// something does not hold.
    const fn values(self) -> (i8, &'static [&'static str], i8) {
        match self {
            Self::Identity => (2, &["snp.chip", "tdx.platform"], 97),
            Self::Configuration => (2, &["snp.policy.unknown", "tdx.td.reserved", "gpu.mode"], 96),
            // 3, not 2: what was launched is known, not what runs now.
            Self::Executables => {
                (3, &["snp.measurement", "tdx.td.measurement", "gpu.reference_values"], 96)
            }
            Self::Hardware => {
                let signed =
                    &["snp.report.signature", "tdx.quote.signature", "gpu.report.signature"];
                (2, signed, 96)
            }
            Self::Opaque => (2, &["snp.policy.debug", "tdx.td.debug"], 96),
            Self::Elsewhere => (NO_CLAIM, &[], NO_CLAIM),
        }
    }

    /// One entry of the vector, by the rows of one part.
    fn value(self, rows: &[&Finding]) -> i8 {
        let own = rows.iter().filter(|row| Self::of(row.check.id) == self);
        let (holds, proving, fails) = self.values();
        let mut proven = false;
        let (mut open, mut warned) = (false, false);
        for row in own {
            match row.outcome {
                Outcome::Fail => return fails,
                Outcome::Missing => open = true,
                Outcome::Excepted => warned = true,
                Outcome::Pass => proven |= proving.contains(&row.check.id),
                Outcome::NotGiven => {}
            }
        }
        match (proven && !open, warned) {
            (true, false) => holds,
            (true, true) => EXCEPTED,
            (false, _) => NO_CLAIM,
        }
    }
}

impl Vector {
    /// The vector of one part: of the rows that are about it.
    pub(super) fn of(verdict: &Verdict, about: &dyn Fn(&Finding) -> bool) -> Self {
        let rows = verdict.ledger.findings().iter();
        let rows: Vec<_> = rows.filter(|row| about(row)).collect();
        let value = |subject: Subject| match verdict.crypto {
            Crypto::Forged => NOT_VALIDATED,
            // Claims that were not proven can speak against a machine and never for it.
            Crypto::Undecided => match subject.value(&rows) {
                good if good < 32 => NO_CLAIM,
                bad => bad,
            },
            Crypto::Genuine => subject.value(&rows),
        };
        let vector = Self {
            instance_identity: value(Subject::Identity),
            configuration: value(Subject::Configuration),
            executables: value(Subject::Executables),
            hardware: value(Subject::Hardware),
            runtime_opaque: value(Subject::Opaque),
        };
        if verdict.simulated() && verdict.crypto != Crypto::Forged {
            return vector.without_hardware();
        }
        vector
    }

    /// A test key is no hardware that anybody should know, and what it says of a machine is no claim.
    fn without_hardware(self) -> Self {
        let bad = |value: i8| if value < 32 { NO_CLAIM } else { value };
        Self {
            instance_identity: bad(self.instance_identity),
            configuration: bad(self.configuration),
            executables: bad(self.executables),
            hardware: 97,
            runtime_opaque: bad(self.runtime_opaque),
        }
    }

    /// True when these reasons carry a status: of a good one, the hardware is affirmed and no entry is worse than the
    /// status says.
    pub(super) fn carries(self, status: Status) -> bool {
        let Self { instance_identity, configuration, executables, hardware, runtime_opaque } = self;
        let others = [instance_identity, configuration, executables, runtime_opaque];
        let held = |worst: i8| {
            let good = |value: i8| (2..=worst).contains(&value);
            good(hardware) && others.into_iter().all(|value| value == NO_CLAIM || good(value))
        };
        match status {
            Status::Affirming => held(31),
            Status::Warning => held(95),
            Status::None | Status::Contraindicated => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_belongs_to_the_subject_of_its_longest_name() {
        for (id, subject) in [
            ("snp.vek.tcb", Subject::Hardware),
            ("snp.vek.hwid", Subject::Identity),
            ("snp.policy.debug", Subject::Opaque),
            ("snp.policy.smt", Subject::Configuration),
            ("snp.something_new", Subject::Configuration),
            ("tdx.platform", Subject::Identity),
            ("tdx.platform.smt", Subject::Configuration),
            ("tdx.qe_identity.kind", Subject::Hardware),
            ("gpu.rim.age", Subject::Executables),
            ("policy.model", Subject::Executables),
            ("policy.platform", Subject::Hardware),
            ("policy.physical", Subject::Hardware),
            ("statement.leaf", Subject::Elsewhere),
        ] {
            assert_eq!(Subject::of(id), subject, "{id}");
        }
    }

    #[test]
    fn every_name_of_the_table_is_the_beginning_of_a_check() {
        let ids: Vec<_> = sealroom_attestation::checks::all().map(|check| check.id).collect();
        for (beginning, _) in SUBJECTS {
            assert!(ids.iter().any(|id| id.starts_with(beginning)), "{beginning}");
        }
        for subject in [Subject::Identity, Subject::Configuration, Subject::Executables] {
            for proving in subject.values().1 {
                assert!(ids.contains(proving) && Subject::of(proving) == subject, "{proving}");
            }
        }
    }
}
