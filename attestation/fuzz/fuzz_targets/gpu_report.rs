//! Reports: whatever is accepted is one exact encoding, and nothing but the genuine bytes is genuine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::gpu::{
    Anchors, Endorsements, Report, entry_from_files, report_from_file, verify,
};

const REPORT: &[u8] = include_bytes!("../../testdata/gpu/hopper_550_90_07_report.hex");
const CHAIN: &[u8] = include_bytes!("../../testdata/gpu/hopper_550_90_07_chain.pem");
const NOW: UnixTime = UnixTime(1_780_272_000);

fuzz_target!(|file: &[u8]| {
    for class in [GpuClass::Hopper, GpuClass::Blackwell, GpuClass::Ls10] {
        if let Ok(report) = Report::decode(class, file) {
            assert!(file.starts_with(report.signed_bytes()));
            assert_eq!(file.len(), report.signed_bytes().len() + 96);
            assert_eq!(report_from_file(file).as_deref(), Some(file));
        }
    }
    let genuine = entry_from_files(REPORT, CHAIN).unwrap();
    let entry = GpuEntry { report: file.to_vec(), ..genuine.clone() };
    let verdict = verify(&entry, &Endorsements::default(), &Anchors::production(), None, NOW);
    if verdict.is_ok() {
        let signed = genuine.report.len() - 96;
        assert_eq!(file.get(..signed), genuine.report.get(..signed));
    }
});
