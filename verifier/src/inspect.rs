//! A live node, judged as a relying party would judge it, by somebody who seals nothing to it.

use sealroom_attestation::{Ledger, UnixTime, node::Context};

use crate::{
    contact::{ContactError, Shown},
    judge::{Examined, Trust, judge},
    verdict::Verdict,
};

/// Judges what a node showed on a connection of the caller's own, the binder of that connection included. A node that
/// showed nothing has a verdict too: refused where it was found wrong, undecided where it was out of reach.
#[must_use]
pub fn inspect(shown: Result<&Shown, &ContactError>, trust: &Trust, now: UnixTime) -> Verdict {
    match shown {
        Ok(shown) => match judge(&shown.bundle, Context::Session(&shown.session), trust, now) {
            Ok(accepted) => accepted.into_verdict(),
            Err(verdict) => *verdict,
        },
        Err(error) => {
            let mut ledger = Ledger::new();
            match error.is_refusal() {
                true => ledger.fail(error.reason(), error.to_string(), ""),
                false => ledger.missing(error.reason(), error.to_string()),
            }
            Examined::claimed(None, ledger).conclude(now, Some(trust.appraiser(now)))
        }
    }
}

#[cfg(test)]
mod tests {
    use sealroom_attestation::{
        Outcome,
        endorsements::{Anchors, Endorsements},
    };

    use super::*;
    use crate::{policy::Policy, verdict::Decision};

    fn verdict(error: &ContactError) -> (Decision, Vec<(&'static str, Outcome)>) {
        let policy = Policy::built_in();
        let trust = Trust::new(policy, &Endorsements::default(), &Anchors::production());
        let verdict = inspect(Err(error), &trust, UnixTime(1));
        let rows = verdict.ledger.findings().iter().map(|row| (row.check.id, row.outcome));
        (verdict.decision, rows.collect())
    }

    #[test]
    fn a_node_out_of_reach_is_undecided_and_one_without_its_key_is_refused() {
        let (address, reason) = ("https://a:1".to_owned(), "refused".to_owned());
        let unreachable = verdict(&ContactError::Connect { address, reason });
        assert_eq!(unreachable, (Decision::Undecided, vec![("http.connect", Outcome::Missing)]));
        let keyless = verdict(&ContactError::CertificateVerify);
        let row = ("tls.certificate_verify", Outcome::Fail);
        assert_eq!(keyless, (Decision::Refused, vec![row]));
    }
}
