//! The policy over GPUs: one rule changed, one row.

use std::collections::BTreeSet;

use sealroom_attestation::{
    UnixTime,
    claims::{Finding, Outcome},
    digests::Nonce,
    gpu,
};
use sealroom_forge::{
    Fake, FakeGpu, GpuPublished, RimKind,
    gpu::{CertificateStatus, OcspSpec},
};
use sealroom_verifier::{Crypto, Evidence, Policy, Verdict, report};

use crate::scene::{NOW, Scene};

const SEED: [u8; 32] = [7; 32];
const WINDOW: (u64, u64) = (NOW.0 - 600, NOW.0 + 600);

pub(crate) fn fake() -> FakeGpu {
    Fake::gpu(SEED).nonce([3; 32])
}

/// RIMs and responses for everything about one GPU; the one about the RIMs' signer may be changed.
pub(crate) fn given(gpu: &FakeGpu, change: impl Fn(&mut OcspSpec)) -> gpu::Endorsements {
    let [signer, ..] = Fake::rim(SEED, RimKind::Driver).specs();
    let all = GpuPublished::about(std::slice::from_ref(gpu), WINDOW, |subject, response| {
        if subject.serial == signer.serial {
            change(response);
        }
    });
    gpu::Endorsements { rims: all.rims, ocsp: all.ocsp, ..gpu::Endorsements::default() }
}

/// The vendor of the RIMs has suspended their signer.
pub(crate) fn on_hold(response: &mut OcspSpec) {
    response.answers[0].status = CertificateStatus::Revoked(NOW.0 - 1, Some(6));
}

fn judge_with(gpu: &FakeGpu, given: gpu::Endorsements, policy: &str) -> Verdict {
    let policy = Policy::from_toml(&format!("version = 1\nfreshness = \"none\"\n[gpu]\n{policy}"));
    let scene = Scene { nonce: Some(Nonce([3; 32])), ..Scene::gpu(gpu, given) };
    assert!(matches!(scene.evidence, Evidence::GpuReport(_)));
    scene.judged(policy.expect("a policy"))
}

fn judge(gpu: &FakeGpu, policy: &str) -> Verdict {
    judge_with(gpu, given(gpu, |_| ()), policy)
}

fn row<'v>(verdict: &'v Verdict, id: &str) -> &'v Finding {
    let row = verdict.ledger.findings().iter().find(|row| row.check.id == id);
    row.unwrap_or_else(|| panic!("no row {id}"))
}

fn failed(verdict: &Verdict) -> BTreeSet<&'static str> {
    verdict.ledger.failed().map(|row| row.check.id).collect()
}

/// Only this check fails.
#[track_caller]
fn refuses(verdict: &Verdict, id: &'static str) {
    assert_eq!(failed(verdict), BTreeSet::from([id]));
    assert_eq!(verdict.crypto, Crypto::Genuine);
}

#[track_caller]
fn passes(verdict: &Verdict, id: &str) {
    assert_eq!(failed(verdict), BTreeSet::new());
    assert_eq!(row(verdict, id).outcome, Outcome::Pass);
}

#[test]
fn a_gpu_with_everything_passes_every_rule() {
    let verdict = judge(&fake(), "");
    for id in
        ["gpu.architecture", "gpu.driver", "gpu.vbios", "gpu.reference_values", "gpu.revocation"]
    {
        passes(&verdict, id);
    }
    assert_eq!(row(&verdict, "gpu.relay").outcome, Outcome::NotGiven);
    assert!(verdict.simulated() && verdict.evidence_id().is_some());
    // Six certificates: the table says so six times, the summary once.
    let lines = |text: &str| text.lines().filter(|line| line.contains("gpu.ocsp.validity")).count();
    let (table, summary) = (report::table(&verdict), report::summary(&verdict));
    assert_eq!((lines(&table), lines(&summary)), (6, 1), "{summary}");
    assert!(summary.contains("and 5 more") && !table.contains("and 5 more"), "{summary}");
}

#[test]
fn architectures_drivers_and_vbios_have_rules() {
    refuses(&judge(&fake(), "architectures = [\"blackwell\"]"), "gpu.architecture");
    passes(&judge(&fake(), "architectures = [\"hopper\"]"), "gpu.architecture");
    let driver = judge(&fake(), "").claims.and_then(|claims| match claims {
        sealroom_verifier::Claims::Gpu(gpu) => {
            gpu.report.fields.gpu().map(|gpu| gpu.driver.clone())
        }
        _ => None,
    });
    let driver = driver.expect("a GPU's driver");
    passes(&judge(&fake(), &format!("minimum_driver = \"{driver}\"")), "gpu.driver");
    refuses(&judge(&fake(), "minimum_driver = \"999.0\""), "gpu.driver");
    refuses(&judge(&fake(), &format!("drivers_denied = [\"{driver}\"]")), "gpu.driver");
    let old = judge(&fake(), "minimum_vbios = { hopper = \"FF.00.00.00.00\" }");
    refuses(&old, "gpu.vbios");
    assert_eq!(row(&old, "gpu.vbios").expected, "at least FF.00.00.00.00");
    passes(&judge(&fake(), "minimum_vbios = { blackwell = \"FF.00.00.00.00\" }"), "gpu.vbios");
}

#[test]
fn modes_have_a_rule_where_they_are_reported() {
    let single = fake().field(34, &[1, 0]).field(36, &[0, 0]);
    passes(&judge(&single, "modes = [\"single\"]"), "gpu.mode");
    refuses(&judge(&single, "modes = [\"multi\"]"), "gpu.mode");
    let silent = judge(&fake(), "modes = [\"multi\"]");
    assert_eq!(row(&silent, "gpu.mode").outcome, Outcome::NotGiven);
}

#[test]
fn what_was_not_compared_or_asked_leaves_the_answer_open() {
    let none = || gpu::Endorsements::default();
    let open = judge_with(&fake(), none(), "");
    for id in ["gpu.reference_values", "gpu.revocation"] {
        assert_eq!(row(&open, id).outcome, Outcome::Missing);
    }
    let loose =
        judge_with(&fake(), none(), "reference_values = \"if-given\"\nrevocation = \"if-given\"");
    for id in ["gpu.reference_values", "gpu.revocation"] {
        assert_eq!(row(&loose, id).outcome, Outcome::NotGiven);
    }
}

#[test]
fn suspended_signers_and_ages_have_rules() {
    let verdict = |policy: &str| judge_with(&fake(), given(&fake(), on_hold), policy);
    refuses(&verdict(""), "gpu.hold");
    passes(&verdict("suspended_signers = \"allowed\""), "gpu.hold");
    refuses(&judge(&fake(), "maximum_rim_age = 1"), "gpu.rim.age");
    passes(&judge(&fake(), "maximum_rim_age = 4000000000"), "gpu.rim.age");
    // Every response is as old as its window, and the oldest counts.
    let aged = |age: u64| judge(&fake(), &format!("maximum_ocsp_age = {age}"));
    refuses(&aged(599), "gpu.ocsp.age");
    passes(&aged(600), "gpu.ocsp.age");
    assert_eq!(aged(650).valid_until(), NOW.plus(50));
    assert_eq!(aged(4000).valid_until(), UnixTime(WINDOW.1));
}

#[test]
fn unknown_rules_and_values_are_refused_by_name() {
    let refused = |text: &str| {
        Policy::from_toml(&format!("version = 1\n[gpu]\n{text}"))
            .expect_err("a bad rule")
            .to_string()
    };
    assert!(refused("devtools = true").contains("devtools"));
    assert!(refused("architectures = [\"volta\"]").contains("gpu.architectures is \"volta\""));
    assert!(refused("minimum_driver = \"new\"").contains("gpu.minimum_driver"));
    assert!(refused("required = \"never\"").contains("gpu.required"));
}
