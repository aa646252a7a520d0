//! The policy over proven claims: one rule broken at a time, beside evidence that is accepted.

use sealroom_attestation::{
    digests::ManifestDigest,
    endorsements::{Anchors, Endorsements},
    node::Freshness,
    snp::{Generation as Product, Measurement, TcbComponents},
};
use sealroom_forge::{FakeSnp, Generation};
use sealroom_verifier::{
    Crypto, Decision, Evidence, Input, Mode, Need, Policy, Trust, Verdict, check,
    report::{VerdictReport, table},
};

use crate::scene::{IMAGE, NOW, Scene, snp_chip as chip};

/// An auditor's: a bare report names no session, so none can be fresh.
fn policy() -> Policy {
    let mut policy = Policy { freshness: Freshness::Cached, ..Policy::built_in() };
    policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
    policy
}

fn judged(chip: &FakeSnp, policy: Policy) -> Verdict {
    Scene::snp(chip).judged(policy)
}

fn refused(chip: &FakeSnp, policy: Policy) -> &'static str {
    let verdict = judged(chip, policy);
    assert_eq!((verdict.decision, verdict.crypto), (Decision::Refused, Crypto::Genuine));
    verdict.decisive().expect("a row").check.id
}

fn undecided(chip: &FakeSnp, policy: Policy) -> &'static str {
    let verdict = judged(chip, policy);
    assert_eq!((verdict.decision, verdict.crypto), (Decision::Undecided, Crypto::Genuine));
    verdict.decisive().expect("a row").check.id
}

#[test]
fn accepts_a_pinned_image_on_a_trusted_generation() {
    let verdict = judged(&chip(), policy());
    assert_eq!((verdict.decision, verdict.crypto), (Decision::Accepted, Crypto::Genuine));
    assert!(verdict.simulated());
}

#[test]
fn refuses_debugging_migration_and_other_privilege_levels() {
    assert_eq!(refused(&chip().debug(true), policy()), "snp.policy.debug");
    assert_eq!(refused(&chip().policy(0x3_0000 | 1 << 18), policy()), "snp.policy.migrate_ma");
    assert_eq!(refused(&chip().vmpl(1), policy()), "snp.vmpl");
    let mut lenient = policy();
    lenient.snp.vmpls = vec![0, 1];
    assert_eq!(judged(&chip().vmpl(1), lenient).decision, Decision::Accepted);
}

#[test]
fn refuses_another_image_and_cannot_decide_without_a_pin() {
    assert_eq!(refused(&chip().measurement([8; 48]), policy()), "snp.measurement");
    assert_eq!(undecided(&chip(), Policy::built_in()), "snp.measurement");
}

#[test]
fn a_bare_report_proves_neither_a_fresh_session_nor_a_model() {
    for freshness in [Freshness::Key, Freshness::Hardware] {
        let fresh = Policy { freshness, ..policy() };
        assert_eq!(undecided(&chip(), fresh), "statement.freshness");
    }
    let models = [("model".to_owned(), vec![ManifestDigest([2; 32])])].into();
    assert_eq!(undecided(&chip(), Policy { models, ..policy() }), "policy.model");
}

#[test]
fn refuses_milan_unless_the_policy_names_it() {
    let milan = chip().generation(Generation::Milan);
    assert_eq!(refused(&milan, policy()), "snp.product.generation");
    let mut named = policy();
    named.snp.generations.push(Product::Milan);
    assert_eq!(judged(&milan, named).decision, Decision::Accepted);
}

#[test]
fn says_which_component_of_a_tcb_is_behind_and_how_far() {
    let old = chip().tcb([5, 0, 0, 0, 0, 0, 20, 70]);
    let floor = |microcode| {
        let least = TcbComponents {
            fmc: None,
            boot_loader: 5,
            tee: 0,
            snp: 20,
            microcode,
            reserved: [0; 4],
        };
        let mut policy = policy();
        policy.snp.minimum_tcb = [(Product::Genoa, least)].into();
        policy
    };
    assert_eq!(judged(&old, floor(70)).decision, Decision::Accepted);
    let verdict = judged(&old, floor(71));
    let row = verdict.decisive().expect("a row");
    assert_eq!((row.check.id, &*row.found), ("snp.tcb.reported", "microcode is 70, needs 71"));
}

#[test]
fn cannot_decide_without_a_revocation_list_unless_the_policy_needs_none() {
    let mut scene = Scene::snp(&chip());
    scene.endorsements.snp.crls.clear();
    let without_list = |revocation| {
        let mut policy = policy();
        policy.snp.revocation = revocation;
        scene.judged(policy)
    };
    let verdict = without_list(Need::Required);
    assert_eq!(verdict.decision, Decision::Undecided);
    assert_eq!(verdict.decisive().expect("a row").check.id, "snp.revocation");
    assert_eq!(without_list(Need::IfGiven).decision, Decision::Accepted);
}

#[test]
fn claims_that_were_not_proven_can_refuse_and_cannot_pass() {
    let judge = |chip: FakeSnp| {
        let evidence = Evidence::from_file(&chip.sign().report).expect("a report");
        let trust = Trust::new(policy(), &Endorsements::default(), &Anchors::production());
        check(&Input { evidence, nonce: None, mode: Mode::Policy, at: NOW }, &trust)
    };
    let plain = judge(chip());
    assert_eq!((plain.decision, plain.crypto), (Decision::Undecided, Crypto::Undecided));
    let debug = judge(chip().debug(true));
    assert_eq!((debug.decision, debug.crypto), (Decision::Refused, Crypto::Undecided));
    let debug = plain.ledger.findings().iter().find(|row| row.check.id == "snp.policy.debug");
    assert!(debug.is_some_and(|row| row.found.contains("claimed, not proven")));
}

#[test]
fn every_output_of_a_simulated_verdict_says_so_first() {
    let verdict = judged(&chip(), policy());
    let text = anstream::adapter::strip_str(&table(&verdict)).to_string();
    assert!(text.starts_with("SIMULATED") && !text.contains("genuinely the vendor's"), "{text}");
    let json = serde_json::to_value(VerdictReport::from(&verdict)).expect("JSON");
    assert_eq!((&json["simulated"], &json["verdict"]), (&true.into(), &"accepted".into()));
}
