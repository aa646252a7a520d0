//! Decoders meet any bytes at all: they answer, and nothing is genuine by chance.

use proptest::prelude::*;
use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::rim::Document;
use sealroom_attestation::gpu::{Endorsements, nras, ocsp};
use sealroom_forge::Fake;
use sealroom_forge::gpu::{NrasSpec, OcspSpec};

use crate::scene::{NOW, SEED};
use crate::{TIME, VBIOS, check, own};

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

/// Text of the pieces that a RIM is made of.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "<SoftwareIdentity",
        "<ns0:Entity",
        "<ns0:Meta",
        "<ns0:Payload",
        "<ns0:Resource",
        "<ds:Signature",
        "/>",
        ">",
        "</",
        " xmlns=\"\"",
        " index=\"0\"",
        " active=\"True\"",
        "\n",
        " ",
        "\"",
        "=",
        "<",
        "&",
        "ns2:Hash0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|all| all.concat())
}

fn response() -> Vec<u8> {
    let chain = Fake::gpu(SEED).specs();
    OcspSpec::new(&chain[1], &chain[2], (NOW, NOW + 9)).sign()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_rim_is_refused(bytes in damaged(own(VBIOS))) {
        let genuine = own(VBIOS).trim_ascii_end() == bytes.trim_ascii_end();
        prop_assert!(genuine || check(&bytes, TIME).is_err());
    }

    #[test]
    fn any_text_is_a_rim_or_an_error(text in pieces()) {
        prop_assert!(Document::decode(text.as_bytes()).is_err());
    }

    #[test]
    fn a_rim_between_pieces_is_itself_or_an_error(text in pieces(), place in any::<prop::sample::Index>()) {
        let genuine = String::from_utf8(own(VBIOS)).expect("text");
        let (before, after) = genuine.split_at(place.index(genuine.len()));
        let changed = format!("{before}{text}{after}");
        let same = changed.trim_end() == genuine.trim_end();
        prop_assert!(same || check(changed.as_bytes(), TIME).is_err());
    }

    #[test]
    fn a_damaged_response_is_an_error_or_counts_for_nobody(bytes in damaged(response())) {
        let verdict = ocsp::verify(&[bytes], &[], UnixTime(NOW));
        prop_assert!(verdict.map_or(true, |verified| verified.claims().is_empty()));
    }

    #[test]
    fn a_damaged_token_is_refused(bytes in damaged(NrasSpec::new(SEED, [1; 32], NOW).sign().into_bytes())) {
        let spec = NrasSpec::new(SEED, [1; 32], NOW);
        let keys = spec.key_set("nv-eat-kid-forged").into_bytes();
        let same = spec.sign().as_bytes() == bytes;
        prop_assert!(same || nras::verify(&[bytes], &[keys], None, UnixTime(NOW)).is_err());
    }

    #[test]
    fn any_file_is_known_or_unknown(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut given = Endorsements::default();
        let known = given.add_file(&bytes).is_ok();
        prop_assert!(known != given.is_empty());
    }
}
