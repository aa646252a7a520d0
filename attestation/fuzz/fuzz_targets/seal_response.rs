//! A response reader: raw bytes, and an honest carrier with bytes changed and cut anywhere. What opens is
//! what was sealed, and cuts change nothing.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::seal::{
    Framing, KemKey, KemKind, KeySet, Plaintext, Random, RandomFailed, ReplaySet, RequestReader,
    SealError, seal_request,
};

struct Same;

impl Random for Same {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        bytes.fill(42);
        Ok(())
    }
}

const TEXT: &[u8] = b"one two";

static HONEST: LazyLock<(Arc<KemKey>, Vec<u8>)> = LazyLock::new(|| {
    let key = Arc::new(KemKey::from_seed(KemKind::X25519, 1, &[9; 32]).unwrap());
    let (request, _) = seal_request(key.config(), Framing::Chunked, b"?", &Same).unwrap();
    let mut reader = RequestReader::new(KeySet::new(vec![key.clone()]).unwrap(), Framing::Chunked);
    reader.feed(&request, &mut Plaintext::new()).unwrap();
    let complete = reader.finish(&mut Plaintext::new()).unwrap();
    let fresh = ReplaySet::new(&key, 1).admit(complete).unwrap();
    let mut out = Vec::new();
    let mut writer = fresh.respond(&Same, &mut out).unwrap();
    writer.write(b"one ", &mut out).unwrap();
    writer.finish(b"two", &mut out).unwrap();
    (key, out)
});

fn open(carrier: &[u8], cut: usize) -> Result<Vec<u8>, SealError> {
    let (_, sent) = seal_request(HONEST.0.config(), Framing::Chunked, b"?", &Same).unwrap();
    let (mut reader, mut out) = (sent.into_reader(), Plaintext::new());
    let (head, tail) = carrier.split_at(cut.min(carrier.len()));
    reader.feed(head, &mut out)?;
    reader.feed(tail, &mut out)?;
    reader.finish(&mut out)?;
    Ok(out.to_vec())
}

fuzz_target!(|input: (u16, u16, u8, Vec<u8>)| {
    let (cut, at, byte, rest) = input;
    assert!(open(&rest, usize::from(cut)).is_err());
    let mut carrier = HONEST.1.clone();
    let at = usize::from(at) % carrier.len();
    let same = carrier[at] == byte && rest.is_empty();
    carrier[at] = byte;
    carrier.extend_from_slice(&rest);
    let once = open(&carrier, 0);
    assert_eq!(open(&carrier, usize::from(cut)), once);
    assert_eq!(once.is_ok(), same);
    assert!(once.is_err() || once.as_deref() == Ok(TEXT));
});
