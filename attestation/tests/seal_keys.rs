//! Key configurations and lists of them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/seal.rs"]
#[expect(dead_code, reason = "this file needs keys only")]
mod support;

use std::sync::Arc;

use sealroom_attestation::reader::ReadError;
use sealroom_attestation::seal::{Allowed, KemKey, KemKind, KeyConfig, KeyError, KeySet};
use support::{Fixed, key};

/// A well-formed configuration of a KEM nobody knows.
const UNKNOWN: [u8; 9] = [9, 0x12, 0x34, 1, 2, 3, 4, 5, 6];

fn list(entries: &[&[u8]]) -> Vec<u8> {
    let mut list = Vec::new();
    for entry in entries {
        list.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_be_bytes());
        list.extend_from_slice(entry);
    }
    list
}

#[test]
fn numbers_keys_by_epoch_and_wraps() {
    let ids = |epoch| (KemKind::XWing.key_id(epoch), KemKind::X25519.key_id(epoch));
    assert_eq!(
        [ids(0), ids(1), ids(127), ids(128), ids(u64::MAX)],
        [(0, 1), (2, 3), (254, 255), (0, 1), (254, 255)]
    );
}

#[test]
fn decodes_what_it_encodes() {
    for (kind, length) in [(KemKind::XWing, 1_225), (KemKind::X25519, 41)] {
        let key = key(kind);
        let encoded = key.config().encode();
        assert_eq!(encoded.len(), length);
        let decoded = KeyConfig::decode(encoded).unwrap();
        assert_eq!((&decoded, decoded.digest()), (key.config(), key.config_digest()));
    }
}

/// Trap: the other crate took the last key of a list.
#[test]
fn takes_the_first_supported_and_allowed_key_of_a_list() {
    let (xwing, x25519) = (key(KemKind::XWing), key(KemKind::X25519));
    let other = KemKey::generate(KemKind::XWing, 77, &Fixed::new(8)).unwrap();
    let (a, b, c) = (xwing.config().encode(), x25519.config().encode(), other.config().encode());
    let select = |entries: &[&[u8]], allowed| {
        KeyConfig::select(&list(entries), allowed).map(|config| config.key_id())
    };
    assert_eq!(select(&[a, b, c], Allowed::PostQuantum), Ok(6));
    assert_eq!(select(&[&UNKNOWN, c, a], Allowed::PostQuantum), Ok(77));
    assert_eq!(select(&[b, a], Allowed::PostQuantum), Ok(6));
    assert_eq!(select(&[b, a], Allowed::DangerClassical), Ok(7));
    assert_eq!(
        select(&[b, &UNKNOWN], Allowed::PostQuantum),
        Err(KeyError::NoneSupported { found: 2 })
    );
    assert_eq!(select(&[], Allowed::DangerClassical), Err(KeyError::NoneSupported { found: 0 }));
    let published = KeyConfig::encode_list(&[xwing.config(), x25519.config()]);
    assert_eq!(published, list(&[a, b]));
}

/// Trap: a configuration with AES-256 only made the other crate panic.
#[test]
fn skips_suites_it_does_not_have() {
    let key = key(KemKind::X25519);
    let with = |suites: &[u8]| {
        let mut config = key.config().encode()[..35].to_vec();
        config.extend_from_slice(&u16::try_from(suites.len()).unwrap().to_be_bytes());
        config.extend_from_slice(suites);
        config
    };
    let aes_256 = with(&[0, 1, 0, 2]);
    let unsupported = KeyError::Unsupported { key_id: 7, kem: 0x20 };
    assert_eq!(KeyConfig::decode(&aes_256), Err(unsupported));
    let several = with(&[0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 1]);
    let chosen = KeyConfig::select(&list(&[&aes_256, &several]), Allowed::DangerClassical).unwrap();
    assert_eq!(chosen.encode(), several);
    assert_eq!(KeyConfig::decode(&with(&[])), Err(KeyError::Algorithms { found: 0 }));
    assert_eq!(KeyConfig::decode(&with(&[0, 1, 0])), Err(KeyError::Algorithms { found: 3 }));
    assert_eq!(
        KeyConfig::decode(&with(&[0, 1, 0, 1, 0, 1])),
        Err(KeyError::Algorithms { found: 6 })
    );
}

#[test]
fn refuses_a_malformed_list_even_after_a_good_key() {
    let key = key(KemKind::XWing);
    let good = list(&[key.config().encode()]);
    for length in 1..good.len() {
        let refused = KeyConfig::select(&good[..length], Allowed::PostQuantum);
        assert!(
            matches!(refused, Err(KeyError::Malformed(ReadError::Short { .. }))),
            "{length} bytes: {refused:?}"
        );
    }
    let trailing = [good.clone(), vec![0]].concat();
    let short =
        ReadError::Short { field: "length of a configuration", offset: 1_227, needed: 2, left: 1 };
    assert_eq!(KeyConfig::select(&trailing, Allowed::PostQuantum), Err(KeyError::Malformed(short)));
    let empty_entry = [good.clone(), vec![0, 0]].concat();
    let short = ReadError::Short { field: "key id", offset: 0, needed: 1, left: 0 };
    assert_eq!(
        KeyConfig::select(&empty_entry, Allowed::PostQuantum),
        Err(KeyError::Malformed(short))
    );
    let longer = list(&[key.config().encode(), &[key.config().encode(), &[0]].concat()]);
    let left_over = ReadError::Trailing { offset: 1_225, left: 1 };
    assert_eq!(
        KeyConfig::select(&longer, Allowed::PostQuantum),
        Err(KeyError::Malformed(left_over))
    );
}

#[test]
fn refuses_too_many_keys_and_a_key_outside_the_module() {
    let many: Vec<&[u8]> = vec![&UNKNOWN; 33];
    assert_eq!(
        KeyConfig::select(&list(&many[1..]), Allowed::PostQuantum),
        Err(KeyError::NoneSupported { found: 32 })
    );
    let refused = KeyConfig::select(&list(&many), Allowed::PostQuantum);
    assert_eq!(refused, Err(KeyError::TooLarge { found: 33, limit: 32 }));
    let refused = KeyConfig::select(&vec![0; 65_537], Allowed::PostQuantum);
    assert_eq!(refused, Err(KeyError::TooLarge { found: 65_537, limit: 65_536 }));

    // Coefficients of 4,095 are not reduced modulo 3,329 (FIPS 203 §7.2).
    let mut config = key(KemKind::XWing).config().encode().to_vec();
    config[3..100].fill(0xff);
    assert_eq!(KeyConfig::decode(&config), Err(KeyError::PublicKey { key_id: 6 }));
}

#[test]
fn refuses_two_keys_with_one_id() {
    let (one, two) = (key(KemKind::XWing), key(KemKind::X25519));
    assert_eq!(KeySet::new(vec![one.clone(), two]).map(|set| set.keys().len()), Ok(2));
    let same = Arc::new(KemKey::generate(KemKind::X25519, 6, &Fixed::new(1)).unwrap());
    assert_eq!(KeySet::new(vec![one, same]).map(|_| ()), Err(KeyError::DuplicateId { key_id: 6 }));
}
