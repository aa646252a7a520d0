//! Cuts a carrier into sealed chunks (draft-ietf-ohai-chunked-ohttp-08 §3), however its bytes arrive.

use ring::digest;

use super::error::FrameError;
use super::varint::VarintReader;
use super::{CHUNK_LIMIT, cipher};

/// How a message is encapsulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// In chunks that open one by one (draft-ietf-ohai-chunked-ohttp-08).
    Chunked,
    /// As one piece (RFC 9458 §4).
    Whole,
}

impl Framing {
    /// Media type of an encapsulated request.
    #[must_use]
    pub const fn request_type(self) -> &'static str {
        match self {
            Self::Chunked => "message/ohttp-chunked-req",
            Self::Whole => "message/ohttp-req",
        }
    }

    /// Media type of an encapsulated response.
    #[must_use]
    pub const fn response_type(self) -> &'static str {
        match self {
            Self::Chunked => "message/ohttp-chunked-res",
            Self::Whole => "message/ohttp-res",
        }
    }

    /// Begins HPKE's `info` (RFC 9458 §4.3; chunked draft §6.1).
    pub(super) const fn request_label(self) -> &'static [u8] {
        match self {
            Self::Chunked => b"message/bhttp chunked request",
            Self::Whole => b"message/bhttp request",
        }
    }

    /// Exporter context of the response secret (RFC 9458 §4.4; chunked draft §6.2).
    pub(super) const fn response_label(self) -> &'static [u8] {
        match self {
            Self::Chunked => b"message/bhttp chunked response",
            Self::Whole => b"message/bhttp response",
        }
    }

    /// Additional data of the last (or only) piece: what tells an end from a cut.
    pub(super) const fn last_aad(self) -> &'static [u8] {
        match self {
            Self::Chunked => b"final",
            Self::Whole => b"",
        }
    }
}

/// `request_digest`: SHA-256 over every byte of an encapsulated request (wire specification §8), as node,
/// relay and client each compute it.
///
/// ```
/// use sealroom_attestation::seal::RequestDigest;
/// let mut digest = RequestDigest::new();
/// digest.update(b"in ");
/// digest.update(b"parts");
/// let mut whole = RequestDigest::new();
/// whole.update(b"in parts");
/// assert_eq!(digest.finish(), whole.finish());
/// ```
#[derive(Clone)]
pub struct RequestDigest(digest::Context);

impl RequestDigest {
    /// Before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next bytes of the carrier.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}

impl Default for RequestDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RequestDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RequestDigest(..)")
    }
}

/// The largest sealed chunk, tag included.
const SEALED_LIMIT: usize = CHUNK_LIMIT + cipher::TAG_LENGTH;
const SMALLEST: u64 = cipher::TAG_LENGTH as u64;

/// Where the carrier stands.
#[derive(Debug)]
enum State {
    Length(VarintReader),
    Chunk { left: usize },
    Last,
}

/// Collects sealed chunks. Nothing is allocated for an announced length, only for bytes that came.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    sealed: Vec<u8>,
    /// `sealed` was handed out by the last call and starts anew.
    spent: bool,
    last_limit: usize,
}

impl Frames {
    /// Expects `limit` bytes at most in the one piece of [`Framing::Whole`].
    pub(super) fn new(framing: Framing, limit: usize) -> Self {
        let (state, last_limit) = match framing {
            Framing::Chunked => (State::Length(VarintReader::default()), SEALED_LIMIT),
            Framing::Whole => (State::Last, limit),
        };
        Self { state, sealed: Vec::new(), spent: false, last_limit }
    }

    /// The next sealed chunk before the last one, or `None` when `carrier` is used up.
    pub(super) fn next<'s, 'c: 's>(
        &'s mut self,
        carrier: &mut &'c [u8],
    ) -> Result<Option<&'s [u8]>, FrameError> {
        if std::mem::take(&mut self.spent) {
            self.sealed.clear();
        }
        loop {
            match &mut self.state {
                State::Length(reader) => {
                    let Some((byte, rest)) = carrier.split_first() else { return Ok(None) };
                    *carrier = rest;
                    if let Some(length) = reader.push(*byte) {
                        self.state = announced(length)?;
                    }
                }
                State::Chunk { left } => {
                    let (taken, rest) = carrier.split_at(carrier.len().min(*left));
                    *carrier = rest;
                    *left = left.saturating_sub(taken.len());
                    if *left > 0 {
                        self.sealed.extend_from_slice(taken);
                        return Ok(None);
                    }
                    self.state = State::Length(VarintReader::default());
                    if self.sealed.is_empty() {
                        return Ok(Some(taken));
                    }
                    self.sealed.extend_from_slice(taken);
                    self.spent = true;
                    return Ok(Some(&self.sealed));
                }
                State::Last => {
                    let found = self.sealed.len().saturating_add(carrier.len());
                    if found > self.last_limit {
                        return Err(too_large(found, self.last_limit));
                    }
                    self.sealed.extend_from_slice(carrier);
                    *carrier = &[];
                    return Ok(None);
                }
            }
        }
    }

    /// At the end of the carrier: the sealed last chunk.
    pub(super) fn last(&self) -> Result<&[u8], FrameError> {
        match self.state {
            State::Length(_) | State::Chunk { .. } => Err(FrameError::Truncated),
            State::Last if self.sealed.len() < cipher::TAG_LENGTH => Err(FrameError::Truncated),
            State::Last => Ok(&self.sealed),
        }
    }
}

/// The length is the attacker's: compare before anything is kept. Zero announces the last chunk.
fn announced(length: u64) -> Result<State, FrameError> {
    match usize::try_from(length) {
        Ok(0) => Ok(State::Last),
        Ok(cipher::TAG_LENGTH) => Err(FrameError::EmptyChunk),
        Ok(_) if length < SMALLEST => Err(FrameError::ShortChunk { found: length }),
        Ok(left) if left <= SEALED_LIMIT => Ok(State::Chunk { left }),
        _ => Err(FrameError::ChunkTooLarge { found: length, limit: SEALED_LIMIT as u64 }),
    }
}

fn too_large(found: usize, limit: usize) -> FrameError {
    FrameError::ChunkTooLarge {
        found: u64::try_from(found).unwrap_or(u64::MAX),
        limit: u64::try_from(limit).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(carrier: &[u8], cut: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>), FrameError> {
        let mut frames = Frames::new(Framing::Chunked, 0);
        let mut chunks = Vec::new();
        let (head, tail) = carrier.split_at(cut);
        for mut part in [head, tail] {
            while let Some(chunk) = frames.next(&mut part)? {
                chunks.push(chunk.to_vec());
            }
        }
        Ok((chunks, frames.last()?.to_vec()))
    }

    fn two_and_last() -> Vec<u8> {
        let mut carrier = vec![17];
        carrier.extend_from_slice(&[1; 17]);
        carrier.extend_from_slice(&[0x40, 100]);
        carrier.extend_from_slice(&[2; 100]);
        carrier.push(0);
        carrier.extend_from_slice(&[3; 20]);
        carrier
    }

    /// Trap: a read that ends inside a two-byte length made the chunk the final one.
    #[test]
    fn finds_the_same_chunks_at_every_cut() {
        let carrier = two_and_last();
        for cut in 0..=carrier.len() {
            let expected = (vec![vec![1; 17], vec![2; 100]], vec![3; 20]);
            assert_eq!(collect(&carrier, cut), Ok(expected), "cut at {cut}");
        }
    }

    #[test]
    fn accepts_lengths_in_a_longer_form_and_refuses_wrong_ones() {
        let mut carrier = vec![0x80, 0, 0, 17];
        carrier.extend_from_slice(&[1; 17]);
        carrier.extend_from_slice(&[0x40, 0]);
        carrier.extend_from_slice(&[3; 16]);
        assert_eq!(collect(&carrier, 2), Ok((vec![vec![1; 17]], vec![3; 16])));
        assert_eq!(collect(&[16], 0), Err(FrameError::EmptyChunk));
        assert_eq!(collect(&[15], 0), Err(FrameError::ShortChunk { found: 15 }));
        assert_eq!(collect(&[], 0), Err(FrameError::Truncated));
    }

    /// Trap: a length of 2^60 aborted the process.
    #[test]
    fn refuses_a_huge_length_without_allocating_for_it() {
        let limit = 16_400;
        let huge = [0xd0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(collect(&huge, 3), Err(FrameError::ChunkTooLarge { found: 1 << 60, limit }));
        assert_eq!(
            collect(&[0x80, 0, 0x40, 0x11], 0),
            Err(FrameError::ChunkTooLarge { found: 16_401, limit })
        );
        assert_eq!(collect(&[0x80, 0, 0x40, 0x10], 0), Err(FrameError::Truncated));
    }

    #[test]
    fn refuses_a_last_chunk_longer_than_the_limit() {
        let carrier = [vec![0], vec![7; 16_400]].concat();
        assert_eq!(collect(&carrier, 9).map(|(_, last)| last.len()), Ok(16_400));
        let longer = [carrier, vec![7]].concat();
        assert_eq!(
            collect(&longer, 9),
            Err(FrameError::ChunkTooLarge { found: 16_401, limit: 16_400 })
        );
    }
}
