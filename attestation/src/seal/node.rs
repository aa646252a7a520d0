//! The node's end: reads an encapsulated request, writes the encapsulated response.

use std::sync::Arc;

use super::cipher::ResponseCipher;
use super::client::split_last;
use super::config::{HEADER_LENGTH, KemKind};
use super::error::{FrameError, SealError};
use super::frames::{Frames, Framing, RequestDigest};
use super::hpke_context::{self, OpenContext, ResponseSecret};
use super::key::{KemKey, KeySet};
use super::random::Random;
use super::{CHUNK_LIMIT, Plaintext, REQUEST_LIMIT, RESPONSE_NONCE_LENGTH};

enum State {
    /// Key id, suite and encapsulated key, as far as they came; the key once its id is known.
    Header {
        bytes: Vec<u8>,
        key: Option<Arc<KemKey>>,
    },
    Chunks {
        key: Arc<KemKey>,
        enc: Vec<u8>,
        context: OpenContext,
        opened: u64,
    },
    /// The first error, for ever: bytes after a forged chunk are never looked at.
    Failed(SealError),
}

/// Reads one encapsulated request (RFC 9458 §4.3; chunked draft §6.1), however its bytes arrive.
///
/// Unknown key ids, wrong suites, failed decapsulation and a first chunk that does not open are all
/// [`SealError::Key`].
pub struct RequestReader {
    keys: KeySet,
    framing: Framing,
    state: State,
    frames: Frames,
    digest: RequestDigest,
    received: usize,
}

impl RequestReader {
    /// Before the first byte; accepts requests to any of `keys`.
    #[must_use]
    pub fn new(keys: KeySet, framing: Framing) -> Self {
        Self {
            keys,
            framing,
            state: State::Header { bytes: Vec::new(), key: None },
            frames: Frames::new(framing, REQUEST_LIMIT),
            digest: RequestDigest::new(),
            received: 0,
        }
    }

    /// Takes the next bytes of the carrier and adds what opened to `out`. Nothing may be done with it
    /// before [`RequestReader::finish`]: the rest may never come.
    ///
    /// # Errors
    /// The first [`SealError`], then always the same.
    pub fn feed(&mut self, carrier: &[u8], out: &mut Plaintext) -> Result<(), SealError> {
        let result = self.advance(carrier, out);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    /// The encapsulated key, once it has arrived.
    #[must_use]
    pub fn enc(&self) -> Option<&[u8]> {
        match &self.state {
            State::Chunks { enc, .. } => Some(enc),
            State::Header { .. } | State::Failed(_) => None,
        }
    }

    /// The carrier has ended: opens the final chunk and adds it to `out`.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when the final chunk never came, or the first error of before.
    pub fn finish(self, out: &mut Plaintext) -> Result<CompleteRequest, SealError> {
        match self.state {
            State::Header { .. } => Err(FrameError::Truncated.into()),
            State::Failed(error) => Err(error),
            State::Chunks { key, enc, mut context, opened } => {
                let last = self.frames.last()?;
                open(&mut context, last, self.framing.last_aad(), opened, out)?;
                let secret = context.export(self.framing.response_label())?;
                let digest = self.digest.finish();
                Ok(CompleteRequest { key, enc, secret, digest, framing: self.framing })
            }
        }
    }

    fn advance(&mut self, mut carrier: &[u8], out: &mut Plaintext) -> Result<(), SealError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        self.received = self.received.saturating_add(carrier.len());
        if self.received > REQUEST_LIMIT {
            return Err(SealError::TooLarge { limit: REQUEST_LIMIT });
        }
        self.digest.update(carrier);
        self.header(&mut carrier)?;
        if let State::Chunks { context, opened, .. } = &mut self.state {
            while let Some(sealed) = self.frames.next(&mut carrier)? {
                open(context, sealed, b"", *opened, out)?;
                *opened = opened.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Collects the header; the key is looked up as soon as the algorithm ids are there, so that no
    /// sender decides how much is kept.
    fn header(&mut self, carrier: &mut &[u8]) -> Result<(), SealError> {
        let State::Header { bytes, key } = &mut self.state else { return Ok(()) };
        take(bytes, HEADER_LENGTH, carrier);
        if bytes.len() < HEADER_LENGTH {
            return Ok(());
        }
        let key = match key {
            Some(key) => key,
            None => key.insert(named(&self.keys, bytes)?),
        };
        let length = HEADER_LENGTH.saturating_add(key.config().kind().enc_length());
        take(bytes, length, carrier);
        if bytes.len() < length {
            return Ok(());
        }
        let (header, enc) = bytes.split_at_checked(HEADER_LENGTH).ok_or(SealError::Key)?;
        let info = hpke_context::info(self.framing.request_label(), header);
        let context = OpenContext::setup(key.private(), enc, &info)?;
        self.state = State::Chunks { key: Arc::clone(key), enc: enc.to_vec(), context, opened: 0 };
        Ok(())
    }
}

/// Moves bytes until `bytes` holds `length` of them.
fn take(bytes: &mut Vec<u8>, length: usize, carrier: &mut &[u8]) {
    let wanted = length.saturating_sub(bytes.len()).min(carrier.len());
    let (taken, rest) = carrier.split_at(wanted);
    bytes.extend_from_slice(taken);
    *carrier = rest;
}

/// The key that a request header names, when its suite is the key's.
fn named(keys: &KeySet, header: &[u8]) -> Result<Arc<KemKey>, SealError> {
    let key = header.first().and_then(|key_id| keys.find(*key_id)).ok_or(SealError::Key)?;
    if key.config().header() != header {
        return Err(SealError::Key);
    }
    Ok(Arc::clone(key))
}

/// Opens a chunk; the first one proves the key, so its failure is the key's.
fn open(
    context: &mut OpenContext,
    sealed: &[u8],
    aad: &[u8],
    chunk: u64,
    out: &mut Plaintext,
) -> Result<(), SealError> {
    context
        .open_into(sealed, aad, chunk, out)
        .map_err(|error| if chunk == 0 { SealError::Key } else { error })
}

impl std::fmt::Debug for RequestReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RequestReader({:?}, {} bytes)", self.framing, self.received)
    }
}

/// A request that came to its authenticated end. It can be answered only after
/// [`ReplaySet::admit`](super::ReplaySet::admit) found it fresh.
pub struct CompleteRequest {
    key: Arc<KemKey>,
    enc: Vec<u8>,
    secret: ResponseSecret,
    digest: [u8; 32],
    framing: Framing,
}

impl CompleteRequest {
    /// SHA-256 over the encapsulated request: field 5 of its receipt.
    #[must_use]
    pub const fn request_digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Digest of the configuration it was sealed to: field 7 of its receipt.
    #[must_use]
    pub fn config_digest(&self) -> [u8; 32] {
        self.key.config_digest()
    }

    /// The key it was sealed to.
    #[must_use]
    pub fn key(&self) -> &Arc<KemKey> {
        &self.key
    }

    /// The id of that key.
    #[must_use]
    pub fn key_id(&self) -> u8 {
        self.key.config().key_id()
    }

    /// The kind of that key.
    #[must_use]
    pub fn kind(&self) -> KemKind {
        self.key.config().kind()
    }

    /// The encapsulated key: what a replay repeats.
    #[must_use]
    pub fn enc(&self) -> &[u8] {
        &self.enc
    }

    /// How the request was encapsulated; the response is encapsulated alike.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) const fn fresh(self) -> FreshRequest {
        FreshRequest(self)
    }
}

impl std::fmt::Debug for CompleteRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "CompleteRequest({:?}, {:?})", self.framing, self.key)
    }
}

/// A complete request that no one has sent to this key before: it may be acted on, once.
#[derive(Debug)]
pub struct FreshRequest(CompleteRequest);

impl FreshRequest {
    /// Begins the response: draws its nonce and writes it to `out` (RFC 9458 §4.4).
    ///
    /// # Errors
    /// [`SealError::Random`] when `random` fails.
    pub fn respond(
        self,
        random: &(impl Random + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<ResponseWriter, SealError> {
        let mut nonce = [0; RESPONSE_NONCE_LENGTH];
        random.fill(&mut nonce)?;
        let request = self.0;
        let cipher = ResponseCipher::derive(request.secret.as_ref(), &request.enc, &nonce)?;
        out.extend_from_slice(&nonce);
        Ok(ResponseWriter { cipher, framing: request.framing, whole: Plaintext::new() })
    }
}

impl std::ops::Deref for FreshRequest {
    type Target = CompleteRequest;

    fn deref(&self) -> &CompleteRequest {
        &self.0
    }
}

/// Writes one encapsulated response. Every method adds the bytes to send to `out`.
#[derive(Debug)]
pub struct ResponseWriter {
    cipher: ResponseCipher,
    framing: Framing,
    /// What [`Framing::Whole`] seals at the end.
    whole: Plaintext,
}

impl ResponseWriter {
    /// Seals `plaintext` as chunks of at most [`CHUNK_LIMIT`] bytes: one chunk for what fits in one.
    /// Nothing is written for no bytes, nor before the end of a [`Framing::Whole`] response.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] when a whole response exceeds [`REQUEST_LIMIT`],
    /// [`FrameError::TooManyChunks`] when the counter is used up.
    pub fn write(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        match self.framing {
            Framing::Chunked => plaintext
                .chunks(CHUNK_LIMIT)
                .try_for_each(|chunk| self.cipher.seal_chunk_into(chunk, out)),
            Framing::Whole => {
                // The reader's limit counts the nonce and the tag as well.
                let limit = REQUEST_LIMIT.saturating_sub(64);
                if self.whole.len().saturating_add(plaintext.len()) > limit {
                    return Err(SealError::TooLarge { limit });
                }
                self.whole.extend_from_slice(plaintext);
                Ok(())
            }
        }
    }

    /// Seals the rest of the message; the last piece is marked as the end. It may be empty.
    ///
    /// # Errors
    /// As [`ResponseWriter::write`].
    pub fn finish(mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        match self.framing {
            Framing::Chunked => {
                let (chunks, last) = split_last(plaintext);
                self.write(chunks, out)?;
                self.cipher.seal_last_into(last, out)
            }
            Framing::Whole => {
                self.write(plaintext, out)?;
                let whole = std::mem::take(&mut self.whole);
                self.cipher.seal_into(&whole, self.framing.last_aad(), out)
            }
        }
    }
}
