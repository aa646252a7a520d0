//! A certificate table: what decodes encodes, and decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::snp::{TableError, decode_table, encode_table};

fuzz_target!(|table: &[u8]| {
    let Ok(entries) = decode_table(table) else { return };
    match encode_table(&entries) {
        Ok(encoded) => assert_eq!(decode_table(&encoded), Ok(entries)),
        // Entries may share bytes; written apart they may be longer than the limit.
        Err(error) => assert!(matches!(error, TableError::TooLong { .. })),
    }
});
