//! Collateral files: whatever is read changes no verdict to the better.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::tdx::{Anchors, Endorsements, SignedDocument, quote_from_file, verify};

const QUOTE: &[u8] = include_bytes!("../../testdata/tdx/v5_td15_nomatch_quote.bin");
const COLLATERAL: &str = include_str!("../../testdata/tdx/v5_td15_nomatch_collateral.json");
const NOW: UnixTime = UnixTime(1_772_323_200);

fuzz_target!(|file: &[u8]| {
    let quote = quote_from_file(QUOTE).unwrap();
    if let Ok(given) = std::str::from_utf8(file)
        .map_err(drop)
        .and_then(|text| Endorsements::from_json(text).map_err(drop))
    {
        assert!(verify(&quote, &given, &Anchors::production(), NOW).is_err());
    }
    let whole = Endorsements::from_json(COLLATERAL).unwrap();
    let signed = SignedDocument { body: file.to_vec(), signature: vec![1; 64] };
    for given in [
        Endorsements { tcb_infos: vec![signed.clone()], ..whole.clone() },
        Endorsements { qe_identities: vec![signed.clone()], ..whole.clone() },
        Endorsements { certificates: vec![file.to_vec()], ..whole.clone() },
    ] {
        assert!(verify(&quote, &given, &Anchors::production(), NOW).is_err());
    }
});
