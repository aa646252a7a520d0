//! What the quote itself says, and who signed it.

use sealroom_attestation::tdx::{Body, DecodeError, QeError, QuoteError, Tee};
use sealroom_forge::{Body as Kind, FakeTdx};

use crate::scene::{Row, Scene, accepts, fake, refuses, row};

const KINDS: [(u16, Kind); 7] = [
    (3, Kind::Sgx),
    (4, Kind::Sgx),
    (4, Kind::Td10),
    (5, Kind::Sgx),
    (5, Kind::Td10),
    (5, Kind::Td15),
    (5, Kind::Td15Ex),
];

fn trailing(fake: FakeTdx) -> Scene {
    Scene::edited(fake, |evidence| evidence.quote.push(0))
}

pub(crate) fn rows() -> Vec<Row> {
    let offsets = fake().sign().offsets;
    let sgx = || fake().quote(3, Kind::Sgx);
    let td15 = || fake().quote(5, Kind::Td15);
    let mut rows = vec![
        row("tdx.quote.encoding", fake(), trailing(fake())),
        row("tdx.quote.encoding", sgx(), trailing(sgx())),
        row("tdx.quote.encoding", td15(), trailing(td15())),
        row("tdx.quote.reserved", fake(), fake().header(8, &[1])),
        row("tdx.quote.reserved", fake(), fake().header(11, &[1])),
        row("tdx.quote.reserved", sgx(), sgx().field(20, &[1])),
        row("tdx.qe.vendor", fake(), fake().header(12, &[0])),
        row("tdx.qe.vendor", fake(), fake().header(27, &[0])),
        // What the library keeps in the header is nobody's business.
        row("tdx.qe.binding", fake().header(28, &[9; 20]), fake().qe_report(320, &[0])),
        row("tdx.qe.binding", fake(), fake().qe_report(352, &[1])),
        row("tdx.qe.binding", fake(), fake().qe_report(383, &[1])),
        row("tdx.qe.binding", fake().auth_data(&[]), fake().tamper(offsets.auth_data + 2, &[9])),
        row("tdx.qe.binding", fake(), fake().tamper(offsets.chain - 1, &[9])),
        row("tdx.qe.signature", fake(), fake().tamper(offsets.qe_report + 64, &[0; 4])),
        row("tdx.qe.signature", fake(), fake().tamper(offsets.qe_signature, &[0; 4])),
        row("tdx.quote.signature", fake(), fake().tamper(offsets.signature + 62, &[0, 0])),
        row("tdx.quote.signature", fake(), fake().tamper(offsets.body + 136, &[0; 4])),
        row("tdx.quote.signature", sgx(), sgx().tamper(48 + 64, &[0; 4])),
        row("tdx.quote.signature", td15(), td15().tamper(54 + 600, &[1])),
    ];
    // Each run of reserved bytes from its first to its last, beside the field that begins or ends there.
    let edges =
        [(20, 0), (31, 32), (96, 95), (127, 95), (160, 192), (191, 192), (262, 261), (303, 304)];
    for (reserved, field) in edges {
        let fields = fake().qe_report(field, &[1]);
        rows.push(row("tdx.qe.reserved", fields, fake().qe_report(reserved, &[1])));
    }
    rows
}

#[test]
fn each_change_of_a_quote_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn accepts_every_version_body_and_authority() {
    for (version, body) in KINDS {
        for fake in [fake(), fake().processor_ca(), fake().other_vendor()] {
            let claims = accepts(fake.quote(version, body).report_data([3; 64]));
            assert!(claims.simulated, "whatever a simulated root anchors is simulated");
            assert_eq!(claims.quote.version, version);
            assert_eq!(*claims.quote.body.report_data(), [3; 64]);
        }
    }
}

#[test]
fn reads_every_field_of_a_trust_domain() {
    let machine = fake()
        .quote(5, Kind::Td15)
        .mr_td([1; 48])
        .mr_config_id([2; 48])
        .mr_owner([3; 48])
        .mr_owner_config([4; 48])
        .mr_seam([5; 48])
        .mr_service_td([6; 48])
        .rtmr(0, [10; 48])
        .rtmr(3, [13; 48]);
    let Body::Td(td) = accepts(machine).quote.body else { panic!("a trust domain") };
    let measured = [td.mr_td, td.mr_config_id, td.mr_owner, td.mr_owner_config, td.mr_seam];
    assert_eq!(measured.map(|one| one.0), [[1; 48], [2; 48], [3; 48], [4; 48], [5; 48]]);
    assert_eq!((td.rtmr[0].0, td.rtmr[3].0), ([10; 48], [13; 48]));
    assert_eq!(td.td15.map(|td15| td15.mr_service_td.0), Some([6; 48]));
}

#[test]
fn refuses_quotes_of_unknown_form_by_name() {
    let td15 = || fake().quote(5, Kind::Td15);
    let id = "tdx.quote.encoding";
    let refused = |scene: Scene, error| refuses(scene, id, error);
    refused(fake().tamper(0, &[2]).into(), DecodeError::Version { found: 2 });
    refused(fake().tamper(0, &[6]).into(), DecodeError::Version { found: 6 });
    refused(fake().tamper(2, &[3]).into(), DecodeError::KeyType { found: 3 });
    let unknown = DecodeError::Tee { version: 4, found: 0x82 };
    refused(fake().tamper(4, &[0x82]).into(), unknown);
    let enclave_of_a_td = DecodeError::Tee { version: 3, found: 0x81 };
    refused(fake().tamper(0, &[3]).into(), enclave_of_a_td);
    let body = |kind, length| DecodeError::Body { tee: Tee::Tdx, kind, length };
    refused(td15().tamper(48, &[5]).into(), body(5, 648));
    refused(td15().tamper(48, &[1]).into(), body(1, 648));
    refused(td15().tamper(50, &[0x89]).into(), body(3, 649));
    let certification = |found, expected| DecodeError::Certification { found, expected };
    refused(fake().certification(|data| data.outer = 5).into(), certification(5, "6"));
    refused(fake().certification(|data| data.kind = 4).into(), certification(4, "1, 2, 3 or 5"));
    refused(fake().certification(|data| data.kind = 7).into(), certification(7, "1, 2, 3 or 5"));
}

#[test]
fn refuses_lengths_that_do_not_agree() {
    let offsets = fake().sign().offsets;
    for offset in [offsets.length, offsets.certification + 2, offsets.auth_data, offsets.chain + 2]
    {
        for step in [1, -1_i8] {
            let scene = Scene::edited(fake(), |evidence| {
                evidence.quote[offset] = evidence.quote[offset].wrapping_add_signed(step);
            });
            assert_eq!(crate::scene::failed(&scene), ["tdx.quote.encoding"], "{offset}");
        }
    }
    let whole = fake().sign().quote.len();
    for length in [0, 1, 47, 48, 631, 632, 636, whole - 1] {
        let scene = Scene::edited(fake(), |evidence| evidence.quote.truncate(length));
        assert_eq!(crate::scene::failed(&scene), ["tdx.quote.encoding"], "{length}");
    }
}

#[test]
fn says_why_a_quote_is_not_genuine() {
    let offsets = fake().sign().offsets;
    refuses(fake().header(8, &[1]), "tdx.quote.reserved", QuoteError::Reserved);
    refuses(fake().header(12, &[0]), "tdx.qe.vendor", QeError::Vendor);
    refuses(fake().qe_report(20, &[1]), "tdx.qe.reserved", QeError::Reserved);
    refuses(fake().qe_report(352, &[1]), "tdx.qe.binding", QeError::Binding);
    let tampered = fake().tamper(offsets.body + 136, &[0; 4]);
    refuses(tampered, "tdx.quote.signature", QuoteError::Signature);
    let qe = fake().tamper(offsets.qe_signature, &[0; 4]);
    refuses(qe, "tdx.qe.signature", QeError::Signature);
}

#[test]
fn every_byte_of_an_enclaves_and_of_an_extended_quote_counts() {
    for (version, body) in [(3, Kind::Sgx), (5, Kind::Td15Ex)] {
        let genuine = Scene::from(fake().quote(version, body));
        let accepted: Vec<_> = (0..genuine.quote.len())
            .filter(|place| {
                let mut changed = genuine.clone();
                changed.quote[*place] ^= 1;
                changed.verify().is_ok()
            })
            .collect();
        assert_eq!(accepted, [0; 0], "version {version}");
    }
}
