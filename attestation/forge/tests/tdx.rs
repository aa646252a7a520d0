//! What the forge signs, read by a verifier that shares nothing with it.

use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::configs::RingConfig;
use dcap_qvl::verify::{QuoteVerifier, VerifiedReport};
use sealroom_forge::tdx::{Event, replay};
use sealroom_forge::{Body, Fake, FakeTdx, Vendor};

const NOW: u64 = 1_790_000_000;
/// This verifier knows enclaves in version 3 only.
const KINDS: [(u16, Body); 5] =
    [(3, Body::Sgx), (4, Body::Td10), (5, Body::Td10), (5, Body::Td15), (5, Body::Td15Ex)];

fn fake() -> FakeTdx {
    Fake::tdx([7; 32])
}

fn verify(fake: &FakeTdx) -> Result<VerifiedReport, String> {
    let evidence = fake.sign();
    let collateral: QuoteCollateralV3 =
        serde_json::from_str(&evidence.collateral_json()).expect("the layout of the samples");
    QuoteVerifier::new(evidence.root)
        .with_config::<RingConfig>()
        .verify(&evidence.quote, &collateral, NOW)
        .map_err(|error| format!("{error:#}"))
}

#[track_caller]
fn refuses(fake: &FakeTdx, why: &str) {
    let found = verify(fake).expect_err("a refusal");
    assert!(found.contains(why), "{found}");
}

#[test]
fn another_verifier_accepts_every_version_body_and_authority() {
    for (version, body) in KINDS {
        for fake in [fake(), fake().processor_ca(), fake().other_vendor()] {
            let fake = fake.quote(version, body);
            let report = verify(&fake).unwrap_or_else(|why| panic!("{version} {body:?}: {why}"));
            assert_eq!((report.status.as_str(), report.advisory_ids.len()), ("UpToDate", 0));
            assert_eq!(report.ppid, fake.ppid());
        }
    }
}

#[test]
fn another_verifier_refuses_what_was_tampered_with() {
    let offsets = fake().sign().offsets;
    refuses(&fake().tamper(offsets.body + 136, &[0xff]), "ignature");
    refuses(&fake().tamper(offsets.qe_signature, &[0; 8]), "ignature");
    refuses(&fake().tamper(offsets.key, &[0]), "hash");
    refuses(&fake().tcb_info(|info| info.signing.broken_signature = true), "ignature");
    refuses(&fake().qe_identity(|identity| identity.signing.broken_signature = true), "ignature");
    refuses(&fake().pck(|pck| pck.signer.0 = Vendor::Two), "ignature");
    refuses(&fake().pck_crl(|crl| crl.signer.0 = Vendor::Two), "ignature");
}

#[test]
fn another_verifier_sees_revocation_levels_and_dates() {
    let serial = vec![0x11; 20];
    let revoked = fake()
        .pck({
            let serial = serial.clone();
            move |pck| pck.serial = serial.clone()
        })
        .pck_crl(move |crl| crl.revoked.push(serial.clone()));
    refuses(&revoked, "evoked");
    refuses(&fake().debug(true), "ebug");
    refuses(&fake().issued(NOW - 100, NOW - 1), "expired");
    refuses(&fake().sgx(|sgx| sgx.fmspc = [1; 6]), "Fmspc");
    let behind = fake().tee_tcb_svn([6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let report = verify(&behind).expect("genuine but out of date");
    assert_eq!(report.status, "OutOfDate");
    assert_eq!(report.advisory_ids, ["INTEL-SA-01192", "INTEL-SA-01245"]);
}

#[test]
fn the_same_machine_signs_the_same_bytes() {
    assert_eq!(fake().sign(), fake().sign());
    assert_ne!(fake().sign().root, fake().other_vendor().sign().root);
    assert_ne!(fake().sign().root, Fake::tdx([8; 32]).sign().root);
}

#[test]
fn registers_follow_from_the_event_log() {
    let evidence = fake().event_log(Event::boot()).sign();
    let registers = replay(&Event::boot()).concat();
    assert_eq!(evidence.quote[48 + 328..48 + 520], registers);
    let log = evidence.event_log.expect("a log");
    assert_eq!((log.len() % 4096, log.last()), (0, Some(&0xff)));
}
