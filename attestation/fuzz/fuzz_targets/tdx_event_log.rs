//! Event logs: bounded, and what replays has a digest for every event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::tdx::{Quote, quote_from_file, replay};

const QUOTE: &[u8] = include_bytes!("../../testdata/tdx/v4_td10_uptodate_quote.bin");

fuzz_target!(|log: &[u8]| {
    let quote = Quote::decode(&quote_from_file(QUOTE).unwrap()).unwrap();
    let mut report = quote.body.td().unwrap().clone();
    assert!(replay(log, &report).is_err());
    for register in &mut report.rtmr {
        register.0 = [0; 48];
    }
    if let Ok(replayed) = replay(log, &report) {
        assert!(replayed.events.iter().all(|event| event.register == 3));
    }
});
