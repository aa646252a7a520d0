//! Genuine evidence with one thing changed: which check says so.

use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::gpu::{
    Anchors, ChainError, DecodeError, Endorsements, FwidError, ReportError, verify,
};
use sealroom_attestation::x509;

use crate::{BLACKWELL, SWITCH, at, check, entry, failed, hopper, nonce, refuses};

/// Every byte of a report is signed, or is the signature, or is framing that has one form.
fn every_byte_counts(genuine: &GpuEntry) {
    assert_eq!(failed(&check(genuine, None)), [""; 0]);
    let accepted: Vec<_> = (0..genuine.report.len())
        .filter(|place| {
            let mut changed = genuine.clone();
            changed.report[*place] ^= if place % 2 == 0 { 0x01 } else { 0x80 };
            check(&changed, None).is_ok()
        })
        .collect();
    assert_eq!(accepted, [0_usize; 0], "{:?}", genuine.class);
}

#[test]
fn every_byte_of_a_hopper_report_counts() {
    every_byte_counts(&hopper());
}

#[test]
fn every_byte_of_a_blackwell_report_counts() {
    entry(BLACKWELL).iter().for_each(every_byte_counts);
}

#[test]
fn every_byte_of_a_switchs_report_counts() {
    entry(SWITCH).iter().for_each(every_byte_counts);
}

#[test]
fn every_byte_of_the_certificates_that_somebody_signed_counts() {
    let genuine = hopper();
    let text = std::str::from_utf8(&genuine.chain).expect("text");
    let blocks = x509::blocks(text).expect("PEM");
    let mut accepted = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        for place in (0..block.der.len()).step_by(7) {
            let mut ders: Vec<_> = blocks.iter().map(|block| block.der.clone()).collect();
            ders[index][place] ^= 1;
            let chain = x509::canonical("CERTIFICATE", ders.iter().map(Vec::as_slice)).into_bytes();
            if check(&GpuEntry { chain, ..genuine.clone() }, None).is_ok() {
                accepted.push((index, place));
            }
        }
    }
    assert_eq!(accepted, [(0, 0); 0]);
}

#[test]
fn another_nonce_is_another_question() {
    let other = check(&hopper(), Some(&[1; 32]));
    refuses(other, &["gpu.nonce"], ReportError::Nonce);
    check(&hopper(), Some(&nonce())).expect("the one that was asked");
}

#[test]
fn the_signature_and_the_signed_bytes_have_one_check() {
    let flipped = |place: usize| {
        let mut entry = hopper();
        entry.report[place] ^= 1;
        check(&entry, None)
    };
    let id = &["gpu.report.signature"][..];
    let length = hopper().report.len();
    for place in [4, 35, 37 + 8 + 7, length - 97, length - 96, length - 1] {
        // The byte before the signature is the last field's: protected PCIe.
        if place != length - 97 {
            refuses(flipped(place), id, ReportError::Signature);
        }
    }
}

#[test]
fn certificates_of_another_device_are_refused() {
    let Some(other) = entry("hopper_535_86_09") else { return };
    let mixed = GpuEntry { chain: other.chain, ..hopper() };
    let ids = &["gpu.fwid", "gpu.report.signature"];
    refuses(check(&mixed, None), ids, FwidError::Differs);
}

#[test]
fn a_report_is_read_by_the_rules_of_its_own_kind() {
    let class = GpuClass::Blackwell;
    let other = check(&GpuEntry { class, ..hopper() }, None);
    let error = ChainError::Class { chip: "GH100".to_owned(), expected: class };
    refuses(other, &["gpu.chain.class"], error);
    let class = GpuClass::Ls10;
    let switch = check(&GpuEntry { class, ..hopper() }, None);
    let error = DecodeError::Count { class, found: 64, limit: 31 };
    refuses(switch, &["gpu.report.encoding"], error);
}

#[test]
fn a_real_root_is_not_trusted_for_being_named_like_one() {
    let mut entry = hopper();
    let text = String::from_utf8(entry.chain.clone()).expect("text");
    let mut ders: Vec<_> = x509::blocks(&text).unwrap().into_iter().map(|one| one.der).collect();
    // The root's own signature: nobody checks it, and nobody may change it.
    let last = ders[4].len() - 1;
    ders[4][last] ^= 1;
    entry.chain = x509::canonical("CERTIFICATE", ders.iter().map(Vec::as_slice)).into_bytes();
    assert_eq!(failed(&check(&entry, None)), ["gpu.chain.root"]);
}

#[test]
fn certificates_begin_to_count_when_nvidia_says() {
    let verdict = |time: &str| {
        verify(&hopper(), &Endorsements::default(), &Anchors::production(), None, at(time))
    };
    assert_eq!(failed(&verdict("2022-02-28T23:59:59Z")), ["gpu.chain.validity"]);
    verdict("2022-03-01T00:00:00Z").expect("the first second");
    verdict("2099-03-01T00:00:00Z").expect("device certificates do not expire");
}

#[test]
fn the_name_of_evidence_changes_with_what_was_signed_and_with_nothing_else() {
    let id = |entry: &GpuEntry| check(entry, None).expect("genuine").claims().evidence_id();
    let mut spelled = hopper();
    spelled.chain.extend([0; 100]);
    assert!(id(&hopper()).is_some());
    assert_eq!(id(&hopper()), id(&spelled));
    assert!(entry("hopper_535_86_09").is_none_or(|other| id(&other) != id(&hopper())));
}
