//! The response cipher: AES-128-GCM with a counter (RFC 9458 §4.4; chunked draft §6.2).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;

use super::error::{FrameError, SealError};
use super::varint::{self, Sink};
use super::{Plaintext, RESPONSE_NONCE_LENGTH};

/// Length of the authentication tag of a chunk.
pub(super) const TAG_LENGTH: usize = 16;
/// Chunks one response key seals at most: the invocation bound of NIST SP 800-38D §8.3.
pub(super) const CHUNK_COUNT_LIMIT: u64 = 1 << 32;

/// Output length of one HKDF expansion.
struct NonceLength;

impl hkdf::KeyType for NonceLength {
    fn len(&self) -> usize {
        NONCE_LEN
    }
}

/// Key, base nonce and counter of one response, derived once.
pub(super) struct ResponseCipher {
    key: LessSafeKey,
    base: [u8; NONCE_LEN],
    count: u64,
}

impl ResponseCipher {
    /// Derives the key from HPKE's exported `secret`, `enc` and the response nonce (RFC 9458 §4.4).
    pub(super) fn derive(
        secret: &[u8],
        enc: &[u8],
        nonce: &[u8; RESPONSE_NONCE_LENGTH],
    ) -> Result<Self, SealError> {
        let salt = [enc, nonce].concat();
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(secret);
        let key = extracted.expand(&[b"key"], &AES_128_GCM).map_err(|_| SealError::Sealing)?;
        let mut base = [0; NONCE_LEN];
        let expanded =
            extracted.expand(&[b"nonce"], NonceLength).map_err(|_| SealError::Sealing)?;
        expanded.fill(&mut base).map_err(|_| SealError::Sealing)?;
        Ok(Self { key: LessSafeKey::new(UnboundKey::from(key)), base, count: 0 })
    }

    /// Chunks sealed or opened so far.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The base nonce XOR the counter; every number is used once.
    fn next_nonce(&mut self) -> Result<Nonce, SealError> {
        if self.count >= CHUNK_COUNT_LIMIT {
            return Err(FrameError::TooManyChunks { limit: CHUNK_COUNT_LIMIT }.into());
        }
        let mut nonce = self.base;
        for (byte, counter) in nonce.iter_mut().rev().zip(self.count.to_le_bytes()) {
            *byte ^= counter;
        }
        self.count = self.count.saturating_add(1);
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Adds `plaintext`, sealed, and its tag to `out`.
    pub(super) fn seal_into(
        &mut self,
        plaintext: &[u8],
        aad: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let nonce = self.next_nonce()?;
        out.reserve(plaintext.len().saturating_add(TAG_LENGTH));
        let start = out.len();
        out.extend_from_slice(plaintext);
        let sealed = out.get_mut(start..).ok_or(SealError::Sealing)?;
        match self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), sealed) {
            Ok(tag) => {
                out.extend_from_slice(tag.as_ref());
                Ok(())
            }
            Err(ring::error::Unspecified) => {
                out.truncate(start);
                Err(SealError::Sealing)
            }
        }
    }

    /// Adds one length-prefixed chunk to `out`.
    pub(super) fn seal_chunk_into(
        &mut self,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let start = out.len();
        varint::write_length(plaintext.len().saturating_add(TAG_LENGTH), out);
        self.seal_into(plaintext, b"", out).inspect_err(|_| out.truncate(start))
    }

    /// Adds the final chunk to `out`: its length is written as 0, it reaches to the end of the carrier.
    pub(super) fn seal_last_into(
        &mut self,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        out.put(&[0]);
        self.seal_into(plaintext, b"final", out)
    }

    /// Opens one sealed chunk and adds the plaintext to `out`.
    pub(super) fn open_into(
        &mut self,
        sealed: &[u8],
        aad: &[u8],
        out: &mut Plaintext,
    ) -> Result<(), SealError> {
        let chunk = self.count;
        let nonce = self.next_nonce()?;
        let open = |bytes: &mut [u8]| {
            self.key.open_in_place(nonce, Aad::from(aad), bytes).ok().map(|text| text.len())
        };
        out.append_opened(sealed, open).ok_or(SealError::BadFrame(FrameError::Open { chunk }))
    }
}

impl std::fmt::Debug for ResponseCipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ResponseCipher(chunk {})", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_chunk_after_the_last_counter() {
        let mut cipher = ResponseCipher::derive(&[1; 16], &[2; 32], &[3; 16]).unwrap();
        cipher.count = CHUNK_COUNT_LIMIT - 1;
        let mut out = Vec::new();
        assert_eq!(cipher.seal_chunk_into(b"last", &mut out), Ok(()));
        let length = out.len();
        let refused = SealError::BadFrame(FrameError::TooManyChunks { limit: CHUNK_COUNT_LIMIT });
        assert_eq!(cipher.seal_chunk_into(b"one more", &mut out), Err(refused));
        assert_eq!(out.len(), length);
    }

    #[test]
    fn leaves_nothing_behind_when_a_chunk_does_not_open() {
        let mut cipher = ResponseCipher::derive(&[1; 16], &[2; 32], &[3; 16]).unwrap();
        let mut out = Plaintext::from(&b"kept"[..]);
        let refused = SealError::BadFrame(FrameError::Open { chunk: 0 });
        assert_eq!(cipher.open_into(&[0; 40], b"", &mut out), Err(refused));
        assert_eq!(&out[..], b"kept");
    }
}
