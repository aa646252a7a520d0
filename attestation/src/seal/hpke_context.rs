//! HPKE base mode (RFC 9180) for the two suites of the wire specification §8.

use hpke::aead::{AeadCtxR, AeadCtxS, AeadTag, AesGcm128};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::rand_core::{Infallible, TryCryptoRng, TryRng};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng,
};
use zeroize::Zeroizing;

use super::cipher::TAG_LENGTH;
use super::config::PublicKey;
use super::error::{FrameError, SealError};
use super::key::PrivateKey;
use super::random::{Random, RandomFailed};
use super::{Plaintext, RESPONSE_NONCE_LENGTH};

/// Randomness of one encapsulation: 64 bytes for X-Wing, 32 for X25519.
const SEED_LENGTH: usize = 64;

/// Hands bytes drawn beforehand to HPKE, whose own interface cannot report a failing source.
pub(super) struct Seed {
    bytes: Zeroizing<[u8; SEED_LENGTH]>,
    used: usize,
    /// More was asked for than was drawn; what was made from it must be thrown away.
    exhausted: bool,
}

impl Seed {
    pub(super) fn draw(random: &(impl Random + ?Sized)) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; SEED_LENGTH]);
        random.fill(bytes.as_mut())?;
        Ok(Self { bytes, used: 0, exhausted: false })
    }
}

impl TryRng for Seed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        let end = self.used.saturating_add(target.len());
        match self.bytes.get(self.used..end) {
            Some(bytes) => target.copy_from_slice(bytes),
            None => self.exhausted = true,
        }
        self.used = end;
        Ok(())
    }
}

impl TryCryptoRng for Seed {}

type Sender<K> = Box<AeadCtxS<AesGcm128, HkdfSha256, K>>;
type Receiver<K> = Box<AeadCtxR<AesGcm128, HkdfSha256, K>>;
/// The exported secret a response key is derived from.
pub(super) type ResponseSecret = Zeroizing<[u8; RESPONSE_NONCE_LENGTH]>;

/// The client's half.
pub(super) enum SendContext {
    XWing(Sender<XWing>),
    X25519(Sender<X25519HkdfSha256>),
}

impl SendContext {
    /// `SetupBaseS`: the encapsulated key and the context (RFC 9180 §5.1.1).
    pub(super) fn setup(
        key: &PublicKey,
        info: &[u8],
        mut seed: Seed,
    ) -> Result<(Vec<u8>, Self), SealError> {
        fn sender<K: Kem>(
            key: &K::PublicKey,
            info: &[u8],
            seed: &mut Seed,
        ) -> Result<(Vec<u8>, Sender<K>), SealError> {
            let made =
                setup_sender_with_rng::<AesGcm128, HkdfSha256, K>(&OpModeS::Base, key, info, seed);
            let (enc, context) = made.map_err(|_| SealError::Key)?;
            if seed.exhausted {
                return Err(SealError::Random(RandomFailed));
            }
            Ok((enc.to_bytes().to_vec(), Box::new(context)))
        }
        match key {
            PublicKey::XWing(key) => sender::<XWing>(key, info, &mut seed)
                .map(|(enc, context)| (enc, Self::XWing(context))),
            PublicKey::X25519(key) => sender::<X25519HkdfSha256>(key, info, &mut seed)
                .map(|(enc, context)| (enc, Self::X25519(context))),
        }
    }

    /// Adds `plaintext`, sealed, and its tag to `out`.
    pub(super) fn seal_into(
        &mut self,
        plaintext: &[u8],
        aad: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        out.reserve(plaintext.len().saturating_add(TAG_LENGTH));
        let start = out.len();
        out.extend_from_slice(plaintext);
        let bytes = InOutBuf::from(out.get_mut(start..).ok_or(SealError::Sealing)?);
        let tag = match self {
            Self::XWing(context) => {
                context.seal_inout_detached(bytes, aad).map(|tag| tag.to_bytes())
            }
            Self::X25519(context) => {
                context.seal_inout_detached(bytes, aad).map(|tag| tag.to_bytes())
            }
        };
        match tag {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                out.truncate(start);
                Err(SealError::Sealing)
            }
        }
    }

    /// `Context.Export` (RFC 9180 §5.3).
    pub(super) fn export(&self, label: &[u8]) -> Result<ResponseSecret, SealError> {
        let mut secret = ResponseSecret::default();
        let exported = match self {
            Self::XWing(context) => context.export(label, secret.as_mut()),
            Self::X25519(context) => context.export(label, secret.as_mut()),
        };
        exported.map(|()| secret).map_err(|_| SealError::Sealing)
    }
}

/// The node's half.
pub(super) enum OpenContext {
    XWing(Receiver<XWing>),
    X25519(Receiver<X25519HkdfSha256>),
}

impl OpenContext {
    /// `SetupBaseR` (RFC 9180 §5.1.1). Every failure is the one error that tells nothing.
    pub(super) fn setup(key: &PrivateKey, enc: &[u8], info: &[u8]) -> Result<Self, SealError> {
        fn receiver<K: Kem>(
            key: &K::PrivateKey,
            enc: &[u8],
            info: &[u8],
        ) -> Result<Receiver<K>, SealError> {
            let enc = K::EncappedKey::from_bytes(enc).map_err(|_| SealError::Key)?;
            let made = setup_receiver::<AesGcm128, HkdfSha256, K>(&OpModeR::Base, key, &enc, info);
            made.map(Box::new).map_err(|_| SealError::Key)
        }
        match key {
            PrivateKey::XWing(key) => receiver::<XWing>(key, enc, info).map(Self::XWing),
            PrivateKey::X25519(key) => {
                receiver::<X25519HkdfSha256>(key, enc, info).map(Self::X25519)
            }
        }
    }

    /// Opens one sealed chunk, number `chunk`, and adds the plaintext to `out`.
    pub(super) fn open_into(
        &mut self,
        sealed: &[u8],
        aad: &[u8],
        chunk: u64,
        out: &mut Plaintext,
    ) -> Result<(), SealError> {
        let open = |bytes: &mut [u8]| {
            let length = bytes.len().checked_sub(TAG_LENGTH)?;
            let (text, tag) = bytes.split_at_mut_checked(length)?;
            let tag = AeadTag::<AesGcm128>::from_bytes(tag).ok()?;
            let opened = match self {
                Self::XWing(context) => {
                    context.open_inout_detached(InOutBuf::from(text), aad, &tag)
                }
                Self::X25519(context) => {
                    context.open_inout_detached(InOutBuf::from(text), aad, &tag)
                }
            };
            opened.ok().map(|()| length)
        };
        out.append_opened(sealed, open).ok_or(SealError::BadFrame(FrameError::Open { chunk }))
    }

    /// `Context.Export` (RFC 9180 §5.3).
    pub(super) fn export(&self, label: &[u8]) -> Result<ResponseSecret, SealError> {
        let mut secret = ResponseSecret::default();
        let exported = match self {
            Self::XWing(context) => context.export(label, secret.as_mut()),
            Self::X25519(context) => context.export(label, secret.as_mut()),
        };
        exported.map(|()| secret).map_err(|_| SealError::Sealing)
    }
}

/// HPKE's `info`: the label, a zero byte and the request header (RFC 9458 §4.3).
pub(super) fn info(label: &[u8], header: &[u8]) -> Vec<u8> {
    [label, &[0], header].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_more_randomness_was_asked_for_than_drawn() {
        let mut seed = Seed::draw(&ring::rand::SystemRandom::new()).unwrap();
        let mut first = [0; SEED_LENGTH];
        assert_eq!(seed.try_fill_bytes(&mut first), Ok(()));
        assert!(!seed.exhausted);
        assert_eq!(seed.try_next_u32(), Ok(0));
        assert!(seed.exhausted);
    }
}
