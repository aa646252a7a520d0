//! TCB info, QE identity, and who signed them; the quoting enclave by its identity.

use sealroom_attestation::tdx::{DocumentError, QeError};
use sealroom_attestation::{UnixTime, Window};
use sealroom_forge::{Body, FakeTdx, Role, Vendor};

use crate::scene::{NOW, Row, Scene, accepts, fake, refuses, row, undecided};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = tcb_info();
    rows.extend(qe_identity());
    rows.extend(signers());
    rows.extend(quoting_enclave());
    rows
}

fn dated(info: bool, from: u64, until: u64, now: u64) -> Scene {
    let fake = if info {
        fake().tcb_info(move |info| (info.issued, info.next_update) = (from, until))
    } else {
        fake().qe_identity(move |identity| (identity.issued, identity.next_update) = (from, until))
    };
    Scene::from(fake).at(now)
}

fn tcb_info() -> Vec<Row> {
    let (from, until) = (NOW - 1000, NOW + 1000);
    let at = move |now| dated(true, from, until, now);
    let sgx = || fake().quote(3, Body::Sgx);
    let one_more =
        || fake().tcb_info(|info| info.signing.replace("\"tcbType\"", "\"also\":1,\"tcbType\""));
    let changed = |evidence: &mut sealroom_forge::TdxEvidence| {
        evidence.tcb_info = evidence.tcb_info.replace("\"isvsvn\":11", "\"isvsvn\":10");
    };
    vec![
        row("tdx.endorsements.decode", fake(), one_more()),
        row("tdx.tcb_info.kind", fake(), fake().tcb_info(|info| info.version = 4)),
        row("tdx.tcb_info.kind", fake(), fake().tcb_info(|info| info.tcb_type = 1)),
        row("tdx.tcb_info.kind", sgx(), sgx().tcb_info(|info| info.id = "TDX".to_owned())),
        row("tdx.tcb_info.platform", fake(), fake().sgx(|sgx| sgx.fmspc[5] = 1)),
        row("tdx.tcb_info.platform", fake(), fake().sgx(|sgx| sgx.pce_id = [1, 0])),
        row("tdx.tcb_info.platform", sgx(), sgx().tcb_info(|info| info.fmspc = [0; 6])),
        row("tdx.tcb_info.validity", at(from), at(from - 1)),
        row("tdx.tcb_info.validity", at(until), at(until + 1)),
        row(
            "tdx.tcb_info.signature",
            fake(),
            fake().tcb_info(|info| info.signing.broken_signature = true),
        ),
        row("tdx.tcb_info.signature", fake(), Scene::edited(fake(), changed)),
        // The same document with one space more is another document.
        row(
            "tdx.tcb_info.signature",
            fake().tcb_info(|info| info.signing.replace("\"version\":", "\"version\": ")),
            Scene::edited(fake(), |evidence| {
                evidence.tcb_info = evidence.tcb_info.replace("\"version\":", "\"version\": ");
            }),
        ),
        row(
            "tdx.tcb_info.signature",
            fake(),
            fake().tcb_info(|info| info.signing.signer.1 = Role::PckAuthority),
        ),
    ]
}

fn qe_identity() -> Vec<Row> {
    let (from, until) = (NOW - 1000, NOW + 1000);
    let at = move |now| dated(false, from, until, now);
    let id = "tdx.qe_identity.signature";
    vec![
        row("tdx.qe_identity.kind", fake(), fake().qe_identity(|one| one.version = 3)),
        row("tdx.qe_identity.kind", fake(), fake().qe_identity(|one| one.id = "QE".to_owned())),
        row("tdx.qe_identity.validity", at(from), at(from - 1)),
        row("tdx.qe_identity.validity", at(until), at(until + 1)),
        row(id, fake(), fake().qe_identity(|one| one.signing.broken_signature = true)),
        row(id, fake(), fake().qe_identity(|one| one.signing.signer.0 = Vendor::Two)),
        row(
            id,
            fake(),
            Scene::edited(fake(), |evidence| {
                evidence.qe_identity = evidence.qe_identity.replace("OutOfDate", "UpToDate");
            }),
        ),
    ]
}

fn signers() -> Vec<Row> {
    let (from, until) = (NOW - 1000, NOW + 1000);
    let signer =
        move || fake().tcb_signer(move |one| (one.not_before, one.not_after) = (from, until));
    let at = |fake: FakeTdx, now| Scene::from(fake).at(now);
    let below = fake().tcb_signer(|one| one.issuer = "Intel SGX PCK Platform CA".to_owned());
    let an_authority =
        fake().tcb_signer(|one| *one.extension("2.5.29.19") = vec![0x30, 3, 1, 1, 0xff]);
    vec![
        row("tdx.signer.chain", fake(), an_authority),
        row("tdx.signer.validity", at(signer(), from), at(signer(), from - 1)),
        row("tdx.signer.validity", at(signer(), until), at(signer(), until + 1)),
        row("tdx.signer.signature", fake(), fake().tcb_signer(|one| one.broken_signature = true)),
        row("tdx.signer.signature", fake(), fake().tcb_signer(|one| one.signer.0 = Vendor::Two)),
        row(
            "tdx.signer.signature",
            fake(),
            fake().tcb_signer(|one| one.signer.1 = Role::PckAuthority),
        ),
        // Directly below the root, not below an authority that the root certified for something else.
        row("tdx.signer.chain", fake(), below),
    ]
}

fn quoting_enclave() -> Vec<Row> {
    let sgx = || fake().quote(3, Body::Sgx);
    vec![
        row("tdx.qe.mrsigner", fake(), fake().qe_report(128, &[0; 32])),
        row("tdx.qe.mrsigner", sgx(), sgx().qe_identity(|one| one.mr_signer[31] ^= 1)),
        row("tdx.qe.isvprodid", fake(), fake().qe_report(256, &[1])),
        row("tdx.qe.isvprodid", sgx(), sgx().qe_report(256, &[2])),
        row(
            "tdx.qe.miscselect",
            fake().qe_report(16, &[1]).qe_identity(|one| one.misc_select_mask[0] = 0xfe),
            fake().qe_report(16, &[1]),
        ),
        // A bit that the mask leaves out, and one that it does not.
        row("tdx.qe.attributes", fake().qe_report(48, &[0x11]), fake().qe_report(48, &[0x35])),
        row("tdx.qe.attributes", fake().qe_report(56, &[3]), fake().qe_report(48, &[0x17])),
        row(
            "tdx.qe.attributes",
            fake(),
            fake().qe_report(48, &[0x17]).qe_identity(|one| one.attributes_mask = [0; 16]),
        ),
        row("tdx.qe.level", fake().qe_report(258, &[1]), fake().qe_report(258, &[0])),
    ]
}

#[test]
fn each_change_of_a_document_or_signer_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn is_undecided_without_a_document_or_its_signer() {
    let without =
        |change: fn(&mut sealroom_attestation::tdx::Endorsements)| Scene::from(fake()).with(change);
    undecided(without(|given| given.tcb_infos.clear()), "tdx.tcb_info.present");
    undecided(without(|given| given.qe_identities.clear()), "tdx.qe_identity.present");
    let signer = fake().sign().tcb_signer;
    let without = Scene::from(fake()).with(|given| given.certificates.retain(|one| *one != signer));
    undecided(without, "tdx.signer.present");
    undecided(fake().tcb_signer(|one| one.subject = "Another".to_owned()), "tdx.signer.present");
}

#[test]
fn reads_documents_as_intel_serves_them() {
    let evidence = fake().sign();
    let mut scene = Scene::from(evidence.clone());
    for text in [evidence.tcb_info_document(), evidence.qe_identity_document()] {
        let found = sealroom_attestation::tdx::Endorsements::from_json(&text).expect("a document");
        scene.endorsements.extend(found);
    }
    scene.endorsements.tcb_infos.remove(0);
    scene.endorsements.qe_identities.remove(0);
    accepts(scene);
}

#[test]
fn says_why_a_document_does_not_count() {
    let error = |document| DocumentError::Signature { document };
    let broken = fake().tcb_info(|info| info.signing.broken_signature = true);
    refuses(broken, "tdx.tcb_info.signature", error("TCB info"));
    let broken = fake().qe_identity(|one| one.signing.broken_signature = true);
    refuses(broken, "tdx.qe_identity.signature", error("QE identity"));
    let window = Window { from: UnixTime(5), until: UnixTime(NOW - 1) };
    let error = DocumentError::Validity { document: "TCB info", window, now: UnixTime(NOW) };
    refuses(dated(true, 5, NOW - 1, NOW), "tdx.tcb_info.validity", error);
    let (found, expected) = ("b0c06f000000/0000".to_owned(), "b0c06f000001/0000".to_owned());
    let error = DocumentError::Platform { found, expected };
    refuses(fake().sgx(|sgx| sgx.fmspc[5] = 1), "tdx.tcb_info.platform", error);
    let product = QeError::Product { found: 1, expected: 2 };
    refuses(fake().qe_report(256, &[1]), "tdx.qe.isvprodid", product);
    refuses(fake().qe_report(258, &[0]), "tdx.qe.level", QeError::Level { found: 0 });
}
