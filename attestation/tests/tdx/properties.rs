//! Decoders meet any bytes at all: they answer, and nothing is genuine by chance.

use proptest::prelude::*;
use sealroom_attestation::UnixTime;
use sealroom_attestation::tdx::{
    Anchors, Endorsements, Quote, SignedDocument, quote_from_file, verify,
};

use crate::{collateral, quote};

const NAMES: [&str; 3] = ["v4_td10_uptodate", "v5_td15ex_uptodate", "v3_sgx"];

/// A genuine structure with some bytes changed and the end cut off or drawn out.
fn damaged(genuine: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (places, any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(
        move |(places, cut, more)| {
            let mut bytes = genuine.clone();
            for (place, value) in places {
                bytes[place.index(genuine.len())] = value;
            }
            if more.is_empty() {
                bytes.truncate(cut.index(genuine.len()).max(genuine.len() / 2));
            }
            bytes.extend(more);
            bytes
        },
    )
}

fn any_quote() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(NAMES.to_vec()).prop_flat_map(|name| damaged(quote(name)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_a_quote_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000), version in 0_u8..8) {
        let mut bytes = bytes;
        for (byte, value) in bytes.iter_mut().zip([version, 0, 2, 0, 0x81, 0, 0, 0]) {
            *byte = value;
        }
        let _ = (Quote::decode(&bytes).is_ok(), quote_from_file(&bytes));
    }

    #[test]
    fn a_damaged_quote_is_refused(bytes in any_quote()) {
        let genuine = NAMES.iter().any(|name| quote(name) == bytes);
        let given = collateral(NAMES[0]);
        let verdict = verify(&bytes, &given, &Anchors::production(), UnixTime(1_751_328_000));
        prop_assert!(genuine || verdict.is_err());
    }

    #[test]
    fn a_damaged_document_is_refused(body in damaged(collateral(NAMES[0]).tcb_infos[0].body.clone())) {
        let whole = collateral(NAMES[0]);
        let [info] = &whole.tcb_infos[..] else { return Ok(()) };
        let same = info.body == body;
        let tcb_infos = vec![SignedDocument { body, signature: info.signature.clone() }];
        let given = Endorsements { tcb_infos, ..whole.clone() };
        let verdict = verify(&quote(NAMES[0]), &given, &Anchors::production(), UnixTime(1_751_328_000));
        prop_assert!(same || verdict.is_err());
    }

    #[test]
    fn any_text_is_collateral_or_an_error(text in "\\PC{0,200}") {
        let _ = Endorsements::from_json(&text).is_ok();
    }
}
