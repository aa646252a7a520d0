//! Published vectors, and bytes of our own that must never change.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/seal.rs"]
mod support;

use std::sync::Arc;

use sealroom_attestation::seal::{
    Framing, KemKey, KemKind, KeyConfig, Random, RandomFailed, SealError,
};
use support::{exchange, fresh, key, open, read, request};

/// Hands out the one response nonce of a vector.
struct Nonce([u8; 16]);

impl Random for Nonce {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

struct Broken;

impl Random for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomFailed> {
        Err(RandomFailed)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// RFC 9458, appendix A: the whole exchange as the gateway sees it.
#[test]
fn reproduces_the_exchange_of_rfc_9458() {
    let secret = bytes("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a");
    let published = bytes(
        "01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e79815500080001000100010003",
    );
    let key = Arc::new(KemKey::from_seed(KemKind::X25519, 1, &secret.try_into().unwrap()).unwrap());
    let config = KeyConfig::decode(&published).unwrap();
    assert_eq!((config.key_id(), config.kind()), (1, KemKind::X25519));
    assert_eq!(config.encode()[..35], key.config().encode()[..35]);

    let carrier = bytes(concat!(
        "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b472",
        "6374e469135906992e1268c594d2a10c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525",
    ));
    let (message, complete) = open(&key, Framing::Whole, &[&carrier]).unwrap();
    assert_eq!(message, bytes("00034745540568747470730b6578616d706c652e636f6d012f"));

    let nonce = Nonce(bytes("c789e7151fcba46158ca84b04464910d").try_into().unwrap());
    let mut response = Vec::new();
    let writer = fresh(complete).respond(&nonce, &mut response).unwrap();
    writer.finish(&[0x01, 0x40, 0xc8], &mut response).unwrap();
    let expected = bytes("c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd");
    assert_eq!(response, expected);
}

const QUESTION: [&[u8]; 3] = [b"first chunk", b"second chunk", b"final chunk"];
const ANSWER: [&[u8]; 3] = [b"head", &[b'.'; 254], b"end"];
/// Kind, framing, key configuration, request, response.
type Golden = (KemKind, Framing, &'static [u8], &'static [u8], &'static [u8]);

const GOLDEN: [Golden; 3] = [
    (
        KemKind::XWing,
        Framing::Chunked,
        include_bytes!("../testdata/wire/seal_xwing_key.bin"),
        include_bytes!("../testdata/wire/seal_xwing_chunked_request.bin"),
        include_bytes!("../testdata/wire/seal_xwing_chunked_response.bin"),
    ),
    (
        KemKind::X25519,
        Framing::Chunked,
        include_bytes!("../testdata/wire/seal_x25519_key.bin"),
        include_bytes!("../testdata/wire/seal_x25519_chunked_request.bin"),
        include_bytes!("../testdata/wire/seal_x25519_chunked_response.bin"),
    ),
    (
        KemKind::X25519,
        Framing::Whole,
        include_bytes!("../testdata/wire/seal_x25519_key.bin"),
        include_bytes!("../testdata/wire/seal_x25519_whole_request.bin"),
        include_bytes!("../testdata/wire/seal_x25519_whole_response.bin"),
    ),
];

/// With the fixed randomness of `support/seal.rs` every byte is known; and what is stored opens.
#[test]
fn writes_the_golden_bytes_and_opens_them() {
    for (kind, framing, config, carrier, response) in GOLDEN {
        let key = key(kind);
        assert_eq!(key.config().encode(), config, "{kind:?}");
        let (written, answered) = exchange(kind, framing, &QUESTION, &ANSWER);
        assert_eq!((&written[..], &answered[..]), (carrier, response), "{kind:?} {framing:?}");
        let (_, sent) = request(&key, framing, &QUESTION);
        assert_eq!(open(&key, framing, &[carrier]).unwrap().0, QUESTION.concat());
        assert_eq!(read(sent, &[response]).unwrap().0, ANSWER.concat());
    }
}

#[test]
#[ignore = "writes the golden bytes anew; run it only when the wire format changes"]
fn rewrite_the_golden_bytes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/wire");
    for (kind, framing, ..) in GOLDEN {
        let kem = if kind == KemKind::XWing { "xwing" } else { "x25519" };
        let form = if framing == Framing::Chunked { "chunked" } else { "whole" };
        let (carrier, response) = exchange(kind, framing, &QUESTION, &ANSWER);
        std::fs::write(format!("{folder}/seal_{kem}_key.bin"), key(kind).config().encode())
            .unwrap();
        std::fs::write(format!("{folder}/seal_{kem}_{form}_request.bin"), carrier).unwrap();
        std::fs::write(format!("{folder}/seal_{kem}_{form}_response.bin"), response).unwrap();
    }
}

#[test]
fn says_that_randomness_failed_and_writes_nothing() {
    let key = key(KemKind::X25519);
    let refused = Err(SealError::Random(RandomFailed));
    let sealed =
        sealroom_attestation::seal::seal_request(key.config(), Framing::Chunked, b"x", &Broken);
    assert_eq!(sealed.map(|_| ()), refused);
    let (carrier, _) = request(&key, Framing::Chunked, &QUESTION);
    let (_, complete) = open(&key, Framing::Chunked, &[&carrier]).unwrap();
    let mut out = Vec::new();
    assert_eq!(fresh(complete).respond(&Broken, &mut out).map(|_| ()), refused);
    assert_eq!(out, b"");
}
