//! The client's end: writes an encapsulated request, reads the encapsulated response.

use super::cipher::{ResponseCipher, TAG_LENGTH};
use super::config::KeyConfig;
use super::error::{FrameError, SealError};
use super::frames::{Frames, Framing, RequestDigest};
use super::hpke_context::{self, ResponseSecret, Seed, SendContext};
use super::random::Random;
use super::{CHUNK_LIMIT, Plaintext, REQUEST_LIMIT, RESPONSE_LIMIT, RESPONSE_NONCE_LENGTH, varint};

/// Writes one encapsulated request (RFC 9458 §4.3; chunked draft §6.1). Every method adds the bytes to
/// send to `out`.
pub struct RequestWriter {
    context: SendContext,
    framing: Framing,
    enc: Vec<u8>,
    config_digest: [u8; 32],
    digest: RequestDigest,
    /// Bytes of the encapsulated request so far.
    written: usize,
    /// What [`Framing::Whole`] seals at the end.
    whole: Plaintext,
}

impl RequestWriter {
    /// Encapsulates to `config` and writes the request header. The caller has verified that the
    /// configuration is the attested one.
    ///
    /// # Errors
    /// [`SealError::Random`] when `random` fails, [`SealError::Key`] when the public key is degenerate.
    pub fn start(
        config: &KeyConfig,
        framing: Framing,
        random: &(impl Random + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, SealError> {
        let header = config.header();
        let info = hpke_context::info(framing.request_label(), &header);
        let (enc, context) = SendContext::setup(config.public(), &info, Seed::draw(random)?)?;
        let mut writer = Self {
            context,
            framing,
            enc,
            config_digest: config.digest(),
            digest: RequestDigest::new(),
            written: 0,
            whole: Plaintext::new(),
        };
        let start = out.len();
        out.extend_from_slice(&header);
        out.extend_from_slice(&writer.enc);
        writer.count(start, out)?;
        Ok(writer)
    }

    /// Seals `plaintext` as chunks of at most [`CHUNK_LIMIT`] bytes. Nothing is written for no bytes.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`REQUEST_LIMIT`].
    pub fn write(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        match self.framing {
            Framing::Whole => self.keep(plaintext),
            Framing::Chunked => {
                plaintext.chunks(CHUNK_LIMIT).try_for_each(|chunk| self.chunk(chunk, out))
            }
        }
    }

    /// Seals the rest of the message; the last piece is marked as the end. It may be empty.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`REQUEST_LIMIT`].
    pub fn finish(mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<SentRequest, SealError> {
        let start;
        match self.framing {
            Framing::Whole => {
                self.keep(plaintext)?;
                start = out.len();
                let whole = std::mem::take(&mut self.whole);
                self.context.seal_into(&whole, self.framing.last_aad(), out)?;
            }
            Framing::Chunked => {
                let (chunks, last) = split_last(plaintext);
                self.write(chunks, out)?;
                start = out.len();
                varint::write(0, out);
                self.context.seal_into(last, self.framing.last_aad(), out)?;
            }
        }
        self.count(start, out)?;
        Ok(SentRequest {
            secret: self.context.export(self.framing.response_label())?,
            framing: self.framing,
            enc: self.enc,
            config_digest: self.config_digest,
            digest: self.digest.finish(),
        })
    }

    fn chunk(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        varint::write_length(plaintext.len().saturating_add(TAG_LENGTH), out);
        self.context.seal_into(plaintext, b"", out)?;
        self.count(start, out)
    }

    fn keep(&mut self, plaintext: &[u8]) -> Result<(), SealError> {
        if self.whole.len().saturating_add(plaintext.len()) > REQUEST_LIMIT {
            return Err(SealError::TooLarge { limit: REQUEST_LIMIT });
        }
        self.whole.extend_from_slice(plaintext);
        Ok(())
    }

    fn count(&mut self, start: usize, out: &[u8]) -> Result<(), SealError> {
        let new = out.get(start..).unwrap_or_default();
        self.written = self.written.saturating_add(new.len());
        self.digest.update(new);
        if self.written > REQUEST_LIMIT {
            return Err(SealError::TooLarge { limit: REQUEST_LIMIT });
        }
        Ok(())
    }
}

/// Everything but the last chunk, and the last chunk, which is empty only when all is.
pub(super) fn split_last(plaintext: &[u8]) -> (&[u8], &[u8]) {
    let chunks = plaintext.len().div_ceil(CHUNK_LIMIT).saturating_sub(1);
    plaintext.split_at_checked(chunks.saturating_mul(CHUNK_LIMIT)).unwrap_or((plaintext, &[]))
}

impl std::fmt::Debug for RequestWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RequestWriter({:?}, {} bytes)", self.framing, self.written)
    }
}

/// Seals a whole message: what most callers need.
///
/// # Errors
/// As [`RequestWriter::start`] and [`RequestWriter::finish`].
pub fn seal_request(
    config: &KeyConfig,
    framing: Framing,
    plaintext: &[u8],
    random: &(impl Random + ?Sized),
) -> Result<(Vec<u8>, SentRequest), SealError> {
    let chunks = plaintext.len().div_ceil(CHUNK_LIMIT).saturating_mul(TAG_LENGTH.saturating_add(4));
    let header = config.kind().enc_length().saturating_add(64);
    let mut out = Vec::with_capacity(plaintext.len().saturating_add(chunks).saturating_add(header));
    let sent =
        RequestWriter::start(config, framing, random, &mut out)?.finish(plaintext, &mut out)?;
    Ok((out, sent))
}

/// A request whose last byte was written: the only thing a response can be read with.
pub struct SentRequest {
    secret: ResponseSecret,
    framing: Framing,
    enc: Vec<u8>,
    config_digest: [u8; 32],
    digest: [u8; 32],
}

impl SentRequest {
    /// SHA-256 over the encapsulated request: field 5 of its receipt.
    #[must_use]
    pub const fn request_digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Digest of the configuration it was sealed to: field 7 of its receipt.
    #[must_use]
    pub const fn config_digest(&self) -> [u8; 32] {
        self.config_digest
    }

    /// Reads the response.
    #[must_use]
    pub fn into_reader(self) -> ResponseReader {
        let limit = match self.framing {
            Framing::Chunked => RESPONSE_LIMIT,
            Framing::Whole => REQUEST_LIMIT,
        };
        ResponseReader {
            frames: Frames::new(self.framing, limit),
            state: State::Nonce { nonce: [0; RESPONSE_NONCE_LENGTH], filled: 0 },
            received: 0,
            limit,
            request: self,
        }
    }
}

impl std::fmt::Debug for SentRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SentRequest({:?})", self.framing)
    }
}

enum State {
    Nonce {
        nonce: [u8; RESPONSE_NONCE_LENGTH],
        filled: usize,
    },
    Chunks(Box<ResponseCipher>),
    /// The first error, for ever: bytes after a forged chunk are never looked at.
    Failed(SealError),
}

/// Reads one encapsulated response (RFC 9458 §4.4; chunked draft §6.2), however its bytes arrive.
pub struct ResponseReader {
    request: SentRequest,
    frames: Frames,
    state: State,
    received: usize,
    limit: usize,
}

impl ResponseReader {
    /// Takes the next bytes of the carrier and adds what opened to `out`. What it adds is genuine, but
    /// the message is whole only after [`ResponseReader::finish`].
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

    /// Whether the response nonce has arrived: from then on a request must not be tried again.
    #[must_use]
    pub const fn nonce_arrived(&self) -> bool {
        self.received >= RESPONSE_NONCE_LENGTH
    }

    /// The carrier has ended: opens the final chunk and adds it to `out`. Only this is success.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when the final chunk never came, or the first error of before.
    pub fn finish(self, out: &mut Plaintext) -> Result<Complete, SealError> {
        match self.state {
            State::Nonce { .. } => Err(FrameError::Truncated.into()),
            State::Failed(error) => Err(error),
            State::Chunks(mut cipher) => {
                cipher.open_into(self.frames.last()?, self.request.framing.last_aad(), out)?;
                Ok(Complete { chunks: cipher.count() })
            }
        }
    }

    fn advance(&mut self, mut carrier: &[u8], out: &mut Plaintext) -> Result<(), SealError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        self.received = self.received.saturating_add(carrier.len());
        if self.received > self.limit {
            return Err(SealError::TooLarge { limit: self.limit });
        }
        if let State::Nonce { nonce, filled } = &mut self.state {
            let (taken, rest) =
                carrier.split_at(carrier.len().min(nonce.len().saturating_sub(*filled)));
            for (place, byte) in nonce.iter_mut().skip(*filled).zip(taken) {
                *place = *byte;
            }
            *filled = filled.saturating_add(taken.len());
            carrier = rest;
            if *filled < nonce.len() {
                return Ok(());
            }
            let cipher =
                ResponseCipher::derive(self.request.secret.as_ref(), &self.request.enc, nonce)?;
            self.state = State::Chunks(Box::new(cipher));
        }
        if let State::Chunks(cipher) = &mut self.state {
            while let Some(sealed) = self.frames.next(&mut carrier)? {
                cipher.open_into(sealed, b"", out)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for ResponseReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ResponseReader({:?}, {} bytes)", self.request.framing, self.received)
    }
}

/// A response that came to its authenticated end. Made only by [`ResponseReader::finish`].
#[derive(Debug, PartialEq, Eq)]
pub struct Complete {
    chunks: u64,
}

impl Complete {
    /// Chunks in the response, the final one included.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }
}
