//! Verifies one genuine report of an SEV-SNP machine with nothing but its bytes, AMD's certificates and a time.
//!
//! `cargo run -p sealroom-attestation --example offline`; it also builds for `wasm32-unknown-unknown`.

use std::process::ExitCode;

use sealroom_attestation::UnixTime;
use sealroom_attestation::snp::{Anchors, Endorsements, verify};

const REPORT: &[u8] = include_bytes!("../testdata/snp/genoa_v2_report.bin");
const KEY: &[u8] = include_bytes!("../testdata/snp/genoa_v2_vcek.der");
const CHAIN: &[u8] = include_bytes!("../testdata/roots/amd_genoa_ask_ark_asvk.pem");

fn main() -> ExitCode {
    let mut endorsements = Endorsements::default();
    for file in [KEY, CHAIN] {
        endorsements.add_file(file).expect("AMD's certificates");
    }
    let now = UnixTime::from_rfc3339("2026-06-01T00:00:00Z").expect("a time");
    match verify(REPORT, &endorsements, &Anchors::production(), now) {
        Ok(genuine) => {
            println!("genuine: measurement {}", genuine.claims().report.measurement);
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            println!("refused: {}", refusal.error);
            ExitCode::FAILURE
        }
    }
}
