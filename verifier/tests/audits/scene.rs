//! Forged machines under a policy, and what comes of them.

use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
    tdx,
};
use sealroom_forge::{Fake, FakeSnp, FakeTdx, TdxEvidence};
use sealroom_verifier::{Decision, Evidence, Input, Mode, Policy, Trust, Verdict, check};

pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
const IMAGE: [u8; 48] = [7; 48];

pub(crate) fn snp() -> FakeSnp {
    Fake::snp([3; 32]).measurement(IMAGE)
}

pub(crate) fn tdx() -> FakeTdx {
    Fake::tdx([3; 32]).mr_td(IMAGE).attributes((1_u64 << 28).to_le_bytes())
}

/// An auditor's policy that pins the image of both machines, and these lines before and in tables.
pub(crate) fn policy(keys: &str, tables: &str) -> Policy {
    let image = hex::encode(IMAGE);
    let text = format!(
        "version = 1\nfreshness = \"none\"\n{keys}\n[snp.measurements]\nimage = \"{image}\"\n\
         [tdx.images.image]\nmrtd = \"{image}\"\n{tables}\n"
    );
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The report with its certificates and its revocation list.
pub(crate) fn snp_trust(chip: &FakeSnp, policy: Policy) -> (Trust, Evidence) {
    let forged = chip.sign();
    let mut given = Endorsements::default();
    for file in forged.certificates().iter().chain([&forged.crl]) {
        given.add_file(file).expect("an endorsement");
    }
    let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
    let evidence = Evidence::from_file(&forged.report).expect("a report");
    (Trust::new(policy, &given, &anchors), evidence)
}

/// The quote with all of Intel's documents.
pub(crate) fn tdx_trust(forged: &TdxEvidence, policy: Policy) -> (Trust, Evidence) {
    let given = tdx::Endorsements::from_json(&forged.collateral_json()).expect("collateral");
    let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
    let evidence = Evidence::from_file(&forged.quote).expect("a quote");
    (Trust::new(policy, &Endorsements::from(given), &anchors), evidence)
}

pub(crate) fn judged((trust, evidence): (Trust, Evidence)) -> Verdict {
    check(&Input { evidence, nonce: None, mode: Mode::Policy, at: NOW }, &trust)
}

#[track_caller]
pub(crate) fn accepts(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Accepted, "{:?}", verdict.decisive());
}

/// Exactly this check fails.
#[track_caller]
pub(crate) fn refuses(verdict: &Verdict, id: &str) {
    let failed: Vec<_> = verdict.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!((verdict.decision, &failed[..]), (Decision::Refused, &[id][..]));
}
