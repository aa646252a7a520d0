//! Several devices of one node: what is proven of all, and which one a row is about.

use sealroom_attestation::claims::Outcome;
use sealroom_attestation::gpu::{NEEDED, ReportError, SetError, TOPOLOGY};

use crate::scene::{Set, fake, hgx, refuses_set};

#[test]
fn accepts_a_board_and_says_who_is_on_it() {
    let proven = Set::from(hgx().nonce([3; 32])).asking([3; 32]).verify().expect("a board");
    let claims = proven.claims();
    assert_eq!((claims.devices.len(), claims.simulated), (12, true));
    let serials: std::collections::BTreeSet<_> =
        claims.devices.iter().map(|device| device.identity.as_ref().unwrap().ueid()).collect();
    assert_eq!(serials.len(), 12);
    let rows = proven.ledger().findings();
    let own = |id: &str| !id.starts_with("gpu.rim.");
    let of = |subject: &'static str| {
        rows.iter().filter(move |row| row.subject.as_deref() == Some(subject))
    };
    let about = |subject| of(subject).filter(|row| own(row.check.id)).count();
    assert_eq!((about("GPU 0"), about("GPU 7")), (NEEDED.len(), NEEDED.len()));
    assert_eq!((about("switch 0"), about("switch 3")), (NEEDED.len() + 1, NEEDED.len() + 1));
    let of_all = rows.iter().filter(|row| row.subject.is_none());
    let of_all: Vec<_> = of_all.map(|row| row.check.id).collect();
    assert_eq!(of_all, TOPOLOGY.iter().map(|check| check.id).collect::<Vec<_>>());
    // Switches report no firmware.
    let open = rows.iter().filter(|row| row.outcome == Outcome::NotGiven);
    let open = open.filter(|row| row.check.id == "gpu.fwid");
    assert_eq!(open.count(), 4);
    assert!(of("endorsements").all(|row| row.outcome == Outcome::NotGiven));
}

#[test]
fn names_the_device_that_is_refused() {
    let broken = hgx().change(9, |device| device.tamper(4, &[0]));
    let (device, reason) = ("switch 1".to_owned(), ReportError::Signature.into());
    let error = SetError::Device { device, reason: Box::new(reason) };
    let verdict = Set::from(broken).verify().expect_err("a refusal");
    assert_eq!(verdict.error, error);
    let failed: Vec<_> = verdict.ledger.failed().collect();
    // Its nonce was changed, too: it no longer answers the others' question.
    let ids: Vec<_> = failed.iter().map(|row| (row.check.id, row.subject.as_deref())).collect();
    assert_eq!(ids, [("gpu.report.signature", Some("switch 1")), ("gpu.topology.nonce", None)]);
}

#[test]
fn after_a_signature_that_does_not_verify_there_is_no_more_work() {
    let broken = hgx().change(2, |gpu| gpu.leaf(|leaf| leaf.broken_signature = true));
    let refusal = Set::from(broken).verify().expect_err("a refusal");
    let signed = |outcome| {
        let rows = refusal.ledger.findings().iter();
        rows.filter(|row| row.check.id == "gpu.report.signature" && row.outcome == outcome).count()
    };
    assert_eq!((signed(Outcome::Pass), signed(Outcome::Missing)), (2, 10));
    assert_eq!(refusal.claimed.expect("readable").devices.len(), 12);
}

#[test]
fn a_device_that_cannot_be_read_leaves_the_set_unproven() {
    let scene = Set::from(hgx()).edited(|entries| entries[4].report.clear());
    let refusal = scene.verify().expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.subject.as_deref()).collect();
    assert_eq!(failed, [Some("GPU 4")]);
    assert_eq!(refusal.claimed.expect("the others").devices.len(), 11);
    let unique = refusal.ledger.findings().iter().find(|row| row.check.id == "gpu.topology.unique");
    assert_eq!(unique.map(|row| row.outcome), Some(Outcome::Missing));
}

#[test]
fn what_is_missing_leaves_the_answer_open() {
    let scene = Set::from(hgx()).edited(|entries| entries[4].chain.clear());
    let refusal = scene.verify().expect_err("undecided");
    assert_eq!(refusal.error, SetError::Undecided { missing: "gpu.chain.present" });
    assert!(refusal.error.is_undecided() && !refusal.ledger.has_failed(), "{:?}", refusal.ledger);
}

#[test]
fn another_nonce_than_the_one_asked_is_each_devices_own_refusal() {
    let scene = Set::from(vec![fake(), fake().place(1)]).asking([9; 32]);
    let refusal = scene.verify().expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(failed, ["gpu.nonce", "gpu.nonce"]);
}

#[test]
fn one_device_is_a_set() {
    let claims = Set::from(vec![fake()]).verify().expect("a set of one").claims().clone();
    assert_eq!(claims.devices.len(), 1);
    let none = sealroom_attestation::gpu::TopologyError::Count { gpus: 0, switches: 0 };
    refuses_set(Vec::new(), "gpu.topology.count", none);
}
