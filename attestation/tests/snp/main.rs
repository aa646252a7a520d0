//! SEV-SNP: forged machines with one thing changed, and real ones.

mod chain;
mod edges;
mod properties;
mod report;
mod vectors;
mod vek;

use std::cell::RefCell;
use std::collections::BTreeSet;

use sealroom_attestation::snp::{
    Anchors, Endorsements, Known, NEEDED, REVOCATION, SnpClaims, SnpError, verify,
};
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
    RAN.with_borrow_mut(|ran| ran.push(id.to_owned()));
}

thread_local! {
    /// The checks of refusals that ran in this test.
    static RAN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Checks that can only be missing: without their input the answer is neither yes nor no.
const UNDECIDED: [&str; 2] = ["snp.vek.present", "snp.chain.present"];

#[test]
fn every_check_has_a_refusal_that_ran() {
    for refusals in REFUSALS {
        refusals();
    }
    let ran = RAN.take();
    let mut left: BTreeSet<_> = NEEDED.iter().chain(REVOCATION).map(|check| check.id).collect();
    let needed = left.len();
    left.retain(|id| !ran.iter().any(|ran| ran == id) && !UNDECIDED.contains(id));
    println!("SNP: {needed} checks, {} refusals ran", ran.len());
    println!("checks without a refusal test: {}", left.len());
    assert_eq!(left, BTreeSet::new());
}

/// Every test whose refusals count.
const REFUSALS: &[fn()] = &[
    vek::refuses_a_key_on_another_curve,
    chain::refuses_endorsements_that_cannot_be_read,
    chain::refuses_certificates_that_two_readers_could_read_differently,
    chain::accepts_both_spellings_of_the_algorithm_and_no_other_salt,
    chain::counts_each_window_from_its_first_to_its_last_second,
    chain::refuses_a_root_that_is_not_pinned,
    chain::refuses_a_simulated_chain_whose_root_is_left_out,
    chain::shows_no_name_that_is_not_visible_text,
    chain::refuses_authorities_without_the_right_to_sign,
    chain::refuses_links_that_do_not_hold,
    chain::refuses_revoked_certificates_and_lists_that_do_not_count,
    chain::refuses_lists_that_cover_less_or_never_end,
    report::refuses_another_length_and_another_version,
    report::refuses_another_signature_algorithm,
    report::refuses_a_report_that_the_firmware_did_not_sign,
    report::refuses_a_processor_of_another_generation,
    report::refuses_a_report_with_a_false_signature,
    vek::refuses_kinds_of_key_that_do_not_agree,
    vek::refuses_extensions_that_are_not_as_the_key_service_writes_them,
    vek::refuses_products_that_do_not_agree,
    vek::refuses_a_key_for_another_tcb_in_each_component,
    vek::refuses_a_key_of_another_chip,
];
