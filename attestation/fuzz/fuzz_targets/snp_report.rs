//! A report: any bytes are a report or a named error, and verification always ends with an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::snp::{
    Anchors, DecodeError, Endorsements, REPORT_LENGTH, Report, report_from_file, verify,
};

const VCEK: &[u8] = include_bytes!("../../testdata/snp/genoa_v2_vcek.der");
const CHAIN: &[u8] = include_bytes!("../../testdata/roots/amd_genoa_ask_ark_asvk.pem");

fuzz_target!(|bytes: &[u8]| {
    let decoded = Report::decode(bytes);
    assert_eq!(matches!(decoded, Err(DecodeError::Length { .. })), bytes.len() != REPORT_LENGTH);
    if let Some(report) = report_from_file(bytes) {
        assert_eq!(report.len(), REPORT_LENGTH);
    }
    let mut endorsements = Endorsements::default();
    endorsements.add_file(VCEK).unwrap();
    endorsements.add_file(CHAIN).unwrap();
    // Nobody but AMD can make a second report that this key signed.
    let genuine = bytes == include_bytes!("../../testdata/snp/genoa_v2_report.bin");
    let verdict = verify(bytes, &endorsements, &Anchors::production(), UnixTime(1_780_272_000));
    assert_eq!(verdict.is_ok(), genuine);
});
