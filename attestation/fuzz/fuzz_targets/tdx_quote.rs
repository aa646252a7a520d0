//! Quotes: whatever is accepted is one exact encoding, and nothing but the genuine bytes is genuine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::tdx::{Anchors, Endorsements, Quote, quote_from_file, verify};

const QUOTE: &[u8] = include_bytes!("../../testdata/tdx/v4_td10_uptodate_quote.bin");
const COLLATERAL: &str = include_str!("../../testdata/tdx/v4_td10_uptodate_collateral.json");

fuzz_target!(|file: &[u8]| {
    if let Ok(quote) = Quote::decode(file) {
        assert!(file.starts_with(quote.signed_bytes()));
        assert_eq!(quote_from_file(file).as_deref(), Some(file));
    }
    let genuine = quote_from_file(QUOTE).unwrap();
    let given = Endorsements::from_json(COLLATERAL).unwrap();
    let verdict = verify(file, &given, &Anchors::production(), UnixTime(1_751_328_000));
    if let Ok(verified) = verdict {
        let decoded = Quote::decode(&genuine).unwrap();
        assert_eq!(verified.claims().quote.signed_bytes(), decoded.signed_bytes());
    }
});
