//! SEV-SNP: forged machines with one thing changed, and real ones.

mod chain;
mod properties;
mod report;
mod vectors;
mod vek;

use sealroom_attestation::snp::{Anchors, Endorsements, Known, SnpClaims, SnpError, verify};
use sealroom_attestation::{Refusal, UnixTime, Verified};
use sealroom_forge::{Fake, FakeSnp, SnpEvidence};

const SEED: [u8; 32] = [7; 32];
const NOW: UnixTime = UnixTime(1_790_000_000);
/// AMD's arc.
const ARC: &str = "1.3.6.1.4.1.3704.1";

type Verdict = Result<Verified<SnpClaims>, Refusal<SnpError, SnpClaims>>;

fn fake() -> FakeSnp {
    Fake::snp(SEED)
}

fn given(evidence: &SnpEvidence) -> Endorsements {
    Endorsements { certificates: evidence.certificates(), crls: Vec::new() }
}

fn with_list(evidence: &SnpEvidence) -> Endorsements {
    Endorsements { crls: vec![evidence.crl.clone()], ..given(evidence) }
}

fn check_at(evidence: &SnpEvidence, endorsements: &Endorsements, now: UnixTime) -> Verdict {
    let anchors = Anchors::production().danger_accept_simulated(evidence.root_sha256);
    let verdict = verify(&evidence.report, endorsements, &anchors, now);
    same_whatever_was_verified_before(evidence, endorsements, &anchors, now);
    verdict
}

/// A verdict with its whole ledger is the same from memory: at this time, and where everything has ended or not begun.
fn same_whatever_was_verified_before(
    evidence: &SnpEvidence,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) {
    let known = Known::new(endorsements, anchors.clone());
    let nothing = Endorsements::default();
    for now in [now, now, UnixTime(u64::MAX)] {
        let cold = verify(&evidence.report, endorsements, anchors, now);
        assert_eq!(known.verify(&evidence.report, &nothing, now), cold);
    }
}

fn check(fake: &FakeSnp) -> Verdict {
    let evidence = fake.sign();
    check_at(&evidence, &given(&evidence), NOW)
}

fn accepts(fake: &FakeSnp) -> SnpClaims {
    match check(fake) {
        Ok(verified) => verified.claims().clone(),
        Err(refusal) => panic!("{refusal:?}"),
    }
}

/// The refusal's first reason, and that exactly this one check failed.
#[track_caller]
fn refuses(verdict: Verdict, id: &str, error: impl Into<SnpError>) {
    let refusal = verdict.expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(
        (failed.as_slice(), &refusal.error),
        (&[id][..], &error.into()),
        "{:?}",
        refusal.ledger
    );
    assert!(!refusal.error.is_undecided());
}
