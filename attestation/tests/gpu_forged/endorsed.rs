//! Devices beside what NVIDIA says of them: reference values, revocation, and its service's opinion.

use sealroom_attestation::Outcome;
use sealroom_attestation::gpu::compare::CompareError;
use sealroom_attestation::gpu::ocsp::{OcspError, Standing};
use sealroom_attestation::gpu::{Endorsements, GpuError, SetError, rim};
use sealroom_forge::gpu::{CertificateStatus, OcspSpec};
use sealroom_forge::{Fake, FakeHgx, FakeRim, GpuPublished, RimKind};

use crate::scene::{NOW, One, Set, fake, hgx, refuses, switch};

const SEED: [u8; 32] = [7; 32];
const WINDOW: (u64, u64) = (NOW - 600, NOW + 600);

fn fake_rim(kind: RimKind) -> FakeRim {
    Fake::rim(SEED, kind)
}

/// RIMs for everything on a board.
fn rims() -> Vec<FakeRim> {
    [RimKind::Driver, RimKind::Vbios, RimKind::SwitchBios].map(fake_rim).to_vec()
}

fn given(rims: &[FakeRim]) -> Endorsements {
    let rims = rims.iter().map(|rim| rim.sign().xml).collect();
    Endorsements { rims, ..Endorsements::default() }
}

/// Everything that can be said about a board. The response about its first device's identity may be changed.
pub(crate) fn everything(board: &FakeHgx, change: impl Fn(&mut OcspSpec)) -> Endorsements {
    let [_, identity, ..] = board.devices[0].specs();
    let published = GpuPublished::about(&board.devices, WINDOW, |subject, spec| {
        if subject.serial == identity.serial {
            change(spec);
        }
    });
    let GpuPublished { rims, ocsp } = published;
    Endorsements { rims, ocsp, ..Endorsements::default() }
}

#[test]
fn a_gpu_is_what_its_reference_values_say() {
    let both = given(&[fake_rim(RimKind::Driver), fake_rim(RimKind::Vbios)]);
    let proven = One::from(fake()).with(both).verify().expect("accepted");
    let compared = &proven.claims().compared;
    assert_eq!(compared.len(), 2);
    assert!(compared.iter().all(|one| one.matched == one.golden && one.golden > 0));
    let changed =
        One::from(fake().measurement(9, [1; 48])).with(given(&[fake_rim(RimKind::Vbios)]));
    let issued =
        One::from(fake()).with(given(&[fake_rim(RimKind::Vbios)])).verify().expect("accepted");
    let issued = issued.claims().compared[0].issued;
    let refusal = changed.verify().expect_err("another measurement");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(failed, ["gpu.rim.measurements"]);
    let CompareError::Measurement { index, issued: shown, .. } = compare_error(&refusal.error)
    else {
        panic!("{:?}", refusal.error)
    };
    assert_eq!((index, shown), (9, issued));
}

fn compare_error(error: &GpuError) -> CompareError {
    match error {
        GpuError::Compare(error) => error.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn reference_values_of_another_version_or_product_are_refused() {
    let old = fake().driver("535.86.09");
    let expected = "535.86.09".to_owned();
    let found = "550.90.07".to_owned();
    let scene = One::from(old).with(given(&[fake_rim(RimKind::Driver).version("550.90.07")]));
    let error = CompareError::Version { kind: rim::RimKind::Driver, found, expected };
    refuses(scene, "gpu.rim.version", error);
    let foreign = One::from(switch()).with(given(&[fake_rim(RimKind::Vbios)]));
    let refusal = foreign.verify().expect_err("a RIM of another product");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(failed, ["gpu.rim.product"]);
}

#[test]
fn a_board_is_verified_with_everything_that_is_said_of_it() {
    let board = hgx();
    let scene = Set::from(board.clone()).with(everything(&board, |_| ()));
    let proven = scene.verify().unwrap_or_else(|refusal| panic!("{:?}", refusal.error));
    let devices = &proven.claims().devices;
    assert!(devices[..8].iter().all(|gpu| gpu.compared.len() == 2));
    assert!(devices[8..].iter().all(|switch| switch.compared.len() == 1));
    let endorsed = &devices[0].endorsed;
    assert!(endorsed.standings.iter().all(|one| one.standing == Some(Standing::Good)));
    assert!(proven.claims().validity.until.0 <= WINDOW.1);
    let rows = proven.ledger().findings();
    let once = rows.iter().filter(|row| row.check.id == "gpu.rim.signature");
    assert_eq!(once.count(), 3, "each RIM is verified once for twelve devices");
    let open = rows.iter().filter(|row| row.outcome == Outcome::NotGiven);
    let open: Vec<_> =
        open.map(|row| row.check.id).filter(|id| id.starts_with("gpu.ocsp")).collect();
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_board_with_one_revoked_suspended_or_stale_device_is_refused_by_name() {
    let board = hgx();
    let refused = |change: fn(&mut OcspSpec)| {
        let scene = Set::from(board.clone()).with(everything(&board, change));
        let refusal = scene.verify().expect_err("a refusal");
        let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
        let SetError::Device { device, reason } = refusal.error else { panic!("an endorsement") };
        assert_eq!(device, "endorsements");
        (failed, *reason)
    };
    let (failed, reason) =
        refused(|spec| spec.answers[0].status = CertificateStatus::Revoked(NOW - 1, Some(1)));
    assert_eq!(failed, ["gpu.ocsp.revoked"]);
    assert!(matches!(reason, GpuError::Ocsp(OcspError::Revoked { .. })));
    let (failed, _) =
        refused(|spec| spec.answers[0].status = CertificateStatus::Revoked(NOW - 1, Some(6)));
    assert_eq!(failed, ["gpu.ocsp.hold"]);
    let (failed, _) = refused(|spec| spec.answers[0].next_update = Some(NOW - 1));
    assert_eq!(failed, ["gpu.ocsp.validity"]);
}

#[test]
fn one_device_of_a_board_that_differs_is_named() {
    let board = hgx().change(5, |gpu| gpu.measurement(9, [1; 48]));
    let refusal = Set::from(board).with(given(&rims())).verify().expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().collect();
    let ids: Vec<_> = failed.iter().map(|row| (row.check.id, row.subject.as_deref())).collect();
    assert_eq!(ids, [("gpu.rim.measurements", Some("GPU 5"))]);
}

#[test]
fn what_was_given_about_a_device_that_is_not_genuine_is_not_reached() {
    for forged in [fake().tamper(4, &[0xee]), fake().tamper(0, &[0xee])] {
        let refusal = One::from(forged).with(given(&rims())).verify().expect_err("a refusal");
        let rows = refusal.ledger.findings().iter();
        let missing = rows.filter(|row| row.outcome == Outcome::Missing).map(|row| row.check.id);
        let missing: Vec<_> = missing.filter(|id| id.starts_with("gpu.rim.")).collect();
        assert!(
            missing.contains(&"gpu.rim.signature") && missing.contains(&"gpu.rim.measurements")
        );
    }
}
