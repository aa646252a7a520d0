//! The report itself: its framing, whom it answers, and who signed it.

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{Challenge, DecodeError, ReportError};
use sealroom_attestation::reader::ReadError;
use sealroom_forge::FakeGpu;
use sealroom_forge::gpu::measurement;

use crate::scene::{KINDS, One, Row, accepts, blackwell, fake, refuses, row, switch};

const ID: &str = "gpu.report.encoding";

fn trailing(fake: FakeGpu) -> One {
    One::from(fake).edited(|entry| entry.report.push(0))
}

pub(crate) fn rows() -> Vec<Row> {
    let offsets = fake().sign().offsets;
    let asked = |fake: FakeGpu| One::from(fake.nonce([3; 32])).asking([3; 32]);
    let signature = "gpu.report.signature";
    vec![
        row(ID, fake(), trailing(fake())),
        row(ID, blackwell(), trailing(blackwell())),
        row(ID, switch(), trailing(switch())),
        row("gpu.nonce", asked(fake()), One::from(fake()).asking([3; 32])),
        row("gpu.nonce", asked(switch()), One::from(switch()).asking([3; 32])),
        row(signature, fake().nonce([0; 32]), fake().tamper(4, &[0; 32])),
        row(
            signature,
            fake().measurement(9, [0; 48]),
            fake().tamper(offsets.blocks + 9 * 55 + 7, &[0; 48]),
        ),
        row(signature, fake(), fake().tamper(offsets.signature, &[0; 4])),
        row(signature, fake(), fake().tamper(offsets.signature + 48, &[0; 48])),
        row(signature, blackwell(), blackwell().tamper(offsets.opaque - 1, &[0, 0][..1])),
        row(signature, switch(), switch().tamper(offsets.blocks + 7, &[0; 48])),
        // The signature is there and good, and another device's.
        row(
            signature,
            fake(),
            One::from(fake()).edited(|entry| entry.report = fake().place(1).sign().report),
        ),
    ]
}

#[test]
fn refuses_headers_of_another_form_by_name() {
    let response = fake().sign().offsets.response;
    let refused = |offset, byte, error: DecodeError| {
        refuses(fake().raw(offset, &[byte]), ID, error);
    };
    let header = |field, found, expected| DecodeError::Header { field, found, expected };
    refused(0, 0x12, DecodeError::Version { message: "request", found: 0x12 });
    refused(1, 0xe1, header("request code", 0xe1, 0xe0));
    refused(2, 0, header("request attributes", 0, 1));
    refused(3, 1, header("requested measurements", 1, 0xff));
    refused(36, 1, header("slot", 1, 0));
    refused(response, 0x12, DecodeError::Version { message: "response", found: 0x12 });
    refused(response + 1, 0x7f, DecodeError::Refused { code: 0 });
    refused(response + 1, 0x61, header("response code", 0x61, 0x60));
    refused(response + 2, 1, header("first parameter of the response", 1, 0));
    refused(response + 3, 1, header("slot of the response", 1, 0));
    refuses(fake().raw(0, &[0x10, 0x84]), ID, DecodeError::Negotiation);
}

#[test]
fn refuses_an_error_in_place_of_measurements() {
    let busy = One::from(fake()).edited(|entry| {
        entry.report.truncate(37);
        entry.report.extend([0x11, 0x7f, 3, 0]);
    });
    refuses(busy, ID, DecodeError::Refused { code: 3 });
}

#[test]
fn refuses_blocks_that_are_not_the_next_ones() {
    let at = fake().sign().offsets.blocks;
    let refused = |offset: usize, byte, error: DecodeError| {
        refuses(fake().raw(at + offset, &[byte]), ID, error);
    };
    let block =
        |index, field, found, expected| DecodeError::Block { index, field, found, expected };
    refused(0, 0, DecodeError::Index { found: 0, expected: 1 });
    refused(0, 2, DecodeError::Index { found: 2, expected: 1 });
    refused(63 * 55, 63, DecodeError::Index { found: 63, expected: 64 });
    refused(1, 2, block(1, "specification", 2, 1));
    refused(2, 50, block(1, "size", 50, 51));
    refused(3, 1, block(1, "size", 51 + 256, 51));
    refused(4, 0x81, block(1, "type of value", 0x81, 1));
    refused(5, 32, block(1, "size of value", 32, 48));
    refused(55 + 6, 1, block(2, "size of value", 48 + 256, 48));
}

#[test]
fn refuses_counts_and_lengths_that_do_not_agree() {
    let response = fake().sign().offsets.response;
    let count = |class, found, limit| DecodeError::Count { class, found, limit };
    let hopper = GpuClass::Hopper;
    refuses(fake().raw(response + 4, &[0]), ID, count(hopper, 0, 64));
    refuses(fake().raw(response + 4, &[65]), ID, count(hopper, 65, 64));
    refuses(switch().raw(response + 4, &[32]), ID, count(GpuClass::Ls10, 32, 31));
    let record = |found, expected| DecodeError::Record { found, expected };
    refuses(fake().raw(response + 4, &[63]), ID, record(3520, 3465));
    refuses(fake().raw(response + 5, &[0xbf]), ID, record(3519, 3520));
    refuses(fake().raw(response + 7, &[1]), ID, record(3520 + 65536, 3520));
    let opaque = fake().sign().offsets.opaque;
    let length = fake().sign().offsets.signature - opaque - 2;
    let [low, _] = u16::try_from(length).expect("a length").to_le_bytes();
    let one_more = One::from(fake().raw(opaque, &[low + 1])).verify().expect_err("a refusal");
    assert!(matches!(one_more.error, sealroom_attestation::gpu::GpuError::Decode(_)));
}

#[test]
fn refuses_a_report_cut_anywhere() {
    for fake in [fake(), switch()] {
        let whole = fake.sign().report.len();
        for length in (0..whole).step_by(61).chain([whole - 1]) {
            let cut = One::from(fake.clone()).edited(|entry| entry.report.truncate(length));
            let refusal = cut.verify().expect_err("a refusal");
            let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
            assert_eq!((failed.as_slice(), &refusal.claimed), (&[ID][..], &None), "{length}");
        }
    }
    let (offset, left) = (fake().sign().report.len(), 1);
    refuses(trailing(fake()), ID, DecodeError::Read(ReadError::Trailing { offset, left }));
}

#[test]
fn says_why_a_report_is_not_genuine() {
    let asked = One::from(fake()).asking([3; 32]);
    refuses(asked, "gpu.nonce", ReportError::Nonce);
    let tampered = fake().tamper(4, &[0; 32]);
    refuses(tampered, "gpu.report.signature", ReportError::Signature);
}

#[test]
fn accepts_every_kind_of_device_and_says_what_it_measured() {
    for kind in KINDS {
        for fake in [fake(), fake().other_vendor()] {
            let claims = accepts(fake.class(kind).measurement(3, [9; 48]));
            assert!(claims.simulated, "whatever a simulated root anchors is simulated");
            assert_eq!(claims.challenge, Challenge::NotGiven);
            for (index, found) in (0..).zip(&claims.report.measurements) {
                let expected = if index == 3 { [9; 48] } else { measurement(kind, index) };
                assert_eq!(*found, expected, "{kind:?} {index}");
            }
            assert_eq!(claims.report.measurements.len(), usize::from(kind.blocks()));
        }
    }
}

#[test]
fn a_nonce_that_was_compared_says_so() {
    let asked = One::from(fake().nonce([3; 32])).asking([3; 32]);
    assert_eq!(accepts(asked).challenge, Challenge::Answered);
}

#[test]
fn every_byte_of_a_forged_switchs_report_counts() {
    let genuine = One::from(switch());
    let accepted: Vec<_> = (0..genuine.evidence.report.len())
        .filter(|place| genuine.clone().edited(|entry| entry.report[*place] ^= 1).verify().is_ok())
        .collect();
    assert_eq!(accepted, [0; 0]);
}
