//! Certificate chains: whatever is read, the report is genuine under the device's own certificates alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::evidence::GpuEntry;
use sealroom_attestation::gpu::{Anchors, Endorsements, entry_from_files, verify};
use sealroom_attestation::x509::canonical;

const REPORT: &[u8] = include_bytes!("../../testdata/gpu/hopper_550_90_07_report.hex");
const CHAIN: &[u8] = include_bytes!("../../testdata/gpu/hopper_550_90_07_chain.pem");
const NOW: UnixTime = UnixTime(1_780_272_000);

fn id(entry: &GpuEntry) -> Option<[u8; 32]> {
    let verdict = verify(entry, &Endorsements::default(), &Anchors::production(), None, NOW);
    verdict.ok().and_then(|proven| proven.claims().evidence_id())
}

fuzz_target!(|file: &[u8]| {
    let genuine = entry_from_files(REPORT, CHAIN).unwrap();
    let own = id(&genuine);
    assert!(own.is_some());
    // As text, and as one certificate in each place of the genuine chain.
    let mut chains = vec![file.to_vec()];
    let text = std::str::from_utf8(CHAIN).unwrap();
    let blocks = sealroom_attestation::x509::blocks(text).unwrap();
    for place in 0..blocks.len() {
        let mut ders: Vec<&[u8]> = blocks.iter().map(|block| block.der.as_slice()).collect();
        ders[place] = file;
        chains.push(canonical("CERTIFICATE", ders).into_bytes());
    }
    for chain in chains {
        let found = id(&GpuEntry { chain, ..genuine.clone() });
        assert!(found.is_none() || found == own);
    }
});
