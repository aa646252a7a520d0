//! A client and a node face to face, with fixed randomness.

use std::cell::Cell;
use std::sync::Arc;

use sealroom_attestation::seal::{
    Complete, CompleteRequest, Framing, FreshRequest, KemKey, KemKind, KeySet, Plaintext, Random,
    RandomFailed, ReplaySet, RequestReader, RequestWriter, SealError, SentRequest,
};

/// SHA-256 in counter mode over a seed: the same bytes in every run.
pub(crate) struct Fixed(u64, Cell<u64>);

impl Fixed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed, Cell::new(0))
    }
}

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        for part in bytes.chunks_mut(32) {
            let block =
                [self.0.to_be_bytes(), self.1.replace(self.1.get() + 1).to_be_bytes()].concat();
            let hash = ring::digest::digest(&ring::digest::SHA256, &block);
            part.copy_from_slice(&hash.as_ref()[..part.len()]);
        }
        Ok(())
    }
}

pub(crate) fn key(kind: KemKind) -> Arc<KemKey> {
    Arc::new(KemKey::generate(kind, kind.key_id(3), &Fixed::new(1)).unwrap())
}

pub(crate) fn set(key: &Arc<KemKey>) -> KeySet {
    KeySet::new(vec![key.clone()]).unwrap()
}

/// Seals `chunks`; the last is the final one.
pub(crate) fn request(key: &KemKey, framing: Framing, chunks: &[&[u8]]) -> (Vec<u8>, SentRequest) {
    let mut out = Vec::new();
    let mut writer = RequestWriter::start(key.config(), framing, &Fixed::new(2), &mut out).unwrap();
    let (last, before) = chunks.split_last().unwrap();
    for chunk in before {
        writer.write(chunk, &mut out).unwrap();
    }
    let sent = writer.finish(last, &mut out).unwrap();
    (out, sent)
}

/// What a node opens from parts of a carrier.
pub(crate) fn open(
    key: &Arc<KemKey>,
    framing: Framing,
    parts: &[&[u8]],
) -> Result<(Vec<u8>, CompleteRequest), SealError> {
    let mut reader = RequestReader::new(set(key), framing);
    let mut out = Plaintext::new();
    for part in parts {
        reader.feed(part, &mut out)?;
    }
    let complete = reader.finish(&mut out)?;
    Ok((out.to_vec(), complete))
}

pub(crate) fn fresh(complete: CompleteRequest) -> FreshRequest {
    ReplaySet::new(&complete.key().clone(), 1).admit(complete).unwrap()
}

pub(crate) fn respond(complete: CompleteRequest, chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = fresh(complete).respond(&Fixed::new(3), &mut out).unwrap();
    let (last, before) = chunks.split_last().unwrap();
    for chunk in before {
        writer.write(chunk, &mut out).unwrap();
    }
    writer.finish(last, &mut out).unwrap();
    out
}

/// What a client opens from parts of a carrier.
pub(crate) fn read(sent: SentRequest, parts: &[&[u8]]) -> Result<(Vec<u8>, Complete), SealError> {
    let mut reader = sent.into_reader();
    let mut out = Plaintext::new();
    for part in parts {
        reader.feed(part, &mut out)?;
    }
    let complete = reader.finish(&mut out)?;
    Ok((out.to_vec(), complete))
}

/// A whole exchange: both carriers, and what reads the second.
pub(crate) fn exchange(
    kind: KemKind,
    framing: Framing,
    question: &[&[u8]],
    answer: &[&[u8]],
) -> (Vec<u8>, Vec<u8>) {
    let key = key(kind);
    let (request, _) = request(&key, framing, question);
    let (_, complete) = open(&key, framing, &[&request]).unwrap();
    let response = respond(complete, answer);
    (request, response)
}
