//! Files as people have them: hexadecimal, binary, and with the driver's buffer behind.

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{
    DecodeError, LONGEST_REPORT, Report, entry_from_files, report_from_file,
};
use sealroom_attestation::reader::ReadError;

use crate::{hopper, vector};

fn decode(bytes: &[u8]) -> Result<Report, DecodeError> {
    Report::decode(GpuClass::Hopper, bytes)
}

#[test]
fn hexadecimal_and_binary_are_the_same_report() {
    let text = vector("gpu/hopper_550_90_07_report.hex").expect("it is in this repository");
    let report = hopper().report;
    assert_eq!(report_from_file(&text).as_ref(), Some(&report));
    assert_eq!(report_from_file(&report).as_ref(), Some(&report));
    let upper = [text.to_ascii_uppercase(), b"\r\n".to_vec()].concat();
    assert_eq!(report_from_file(&upper).as_ref(), Some(&report));
}

#[test]
fn the_buffers_zeros_are_cut_off_and_everything_else_is_kept() {
    let report = hopper().report;
    let mut padded = report.clone();
    padded.resize(LONGEST_REPORT, 0);
    assert_eq!(report_from_file(&padded).as_ref(), Some(&report));
    // Decoding itself lets nothing follow, zero or not.
    let (offset, left) = (report.len(), LONGEST_REPORT - report.len());
    let trailing = ReadError::Trailing { offset, left };
    assert_eq!(decode(&padded), Err(DecodeError::Read(trailing)));
    let mut more = report.clone();
    more.push(1);
    assert_eq!(report_from_file(&more).as_ref(), Some(&more));
    let trailing = ReadError::Trailing { offset, left: 1 };
    assert_eq!(decode(&more), Err(DecodeError::Read(trailing)));
    let short = &report[..report.len() - 1];
    assert_eq!(report_from_file(short).as_deref(), Some(short));
    let found = LONGEST_REPORT + 1;
    assert_eq!(decode(&vec![0x11; found]), Err(DecodeError::TooLong { found }));
}

#[test]
fn a_report_of_a_later_version_is_still_a_report() {
    let mut later = vec![0x10, 0x84, 0, 0];
    later.extend(hopper().report);
    assert_eq!(report_from_file(&later).as_ref(), Some(&later));
    assert_eq!(decode(&later), Err(DecodeError::Negotiation));
    for nothing in [&b""[..], b"hello", b"11", &[4; 4000]] {
        assert_eq!(report_from_file(nothing), None);
    }
}

#[test]
fn without_certificates_the_number_of_measurements_tells_a_switch() {
    let report = hopper().report;
    let entry = |chain: &[u8]| entry_from_files(&report, chain).map(|entry| entry.class);
    assert_eq!((entry(b""), entry(b"hello")), (Some(GpuClass::Hopper), Some(GpuClass::Hopper)));
    let mut switch = report.clone();
    switch[41] = 31;
    assert_eq!(entry_from_files(&switch, b"").map(|one| one.class), Some(GpuClass::Ls10));
    assert_eq!(entry_from_files(b"hello", &hopper().chain), None);
}
