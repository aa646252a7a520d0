//! Every item of the wire: no bytes panic, and what decodes has one encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::{
    cbor::Item,
    digests::ReceiptKey,
    endpoints::Challenge,
    evidence::{Bundle, GpuEntry},
    manifest::{Configuration, Manifest},
    receipt::{Fingerprint, Opening, Receipt, verify_signature},
    statement::Statement,
};

fn one_encoding<T: Item>(bytes: &[u8]) {
    if let Ok(item) = T::decode(bytes) {
        assert_eq!(item.encode(), bytes);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, bytes)) = input.split_first() else { return };
    match which % 10 {
        0 => one_encoding::<Bundle>(bytes),
        1 => one_encoding::<Statement>(bytes),
        2 => one_encoding::<Manifest>(bytes),
        3 => one_encoding::<Configuration>(bytes),
        4 => one_encoding::<Receipt>(bytes),
        5 => one_encoding::<Opening>(bytes),
        6 => one_encoding::<Challenge>(bytes),
        7 => one_encoding::<GpuEntry>(bytes),
        8 => {
            if let Ok(fingerprint) = Fingerprint::decode(bytes) {
                assert_eq!(fingerprint.bytes(), Some(bytes));
                assert_eq!(fingerprint.tokens().count(), fingerprint.len());
            }
        }
        _ => assert!(verify_signature(bytes, &ReceiptKey([0; 32])).is_err()),
    }
});
