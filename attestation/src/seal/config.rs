//! Published key configurations and lists of them (RFC 9458 §3).

use std::fmt;

use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, Serializable};

use super::random::RandomFailed;
use crate::reader::{ReadError, Reader};

/// HKDF-SHA256 (RFC 9180 §7.2).
const KDF: u16 = 0x0001;
/// AES-128-GCM (RFC 9180 §7.3).
const AEAD: u16 = 0x0001;
/// Key id and three algorithm ids in front of every encapsulated request (RFC 9458 §4.3).
pub(super) const HEADER_LENGTH: usize = 7;
/// The longest list of configurations that is looked at.
const LIST_LIMIT: usize = 65_536;
/// The most configurations a list may hold.
const LIST_COUNT: usize = 32;

/// The two key encapsulation mechanisms of the wire specification §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KemKind {
    /// X-Wing: ML-KEM-768 with X25519, 0x647A.
    XWing,
    /// DHKEM(X25519, HKDF-SHA256), 0x0020, for plain Oblivious HTTP clients.
    X25519,
}

impl KemKind {
    /// The number in the IANA registry of HPKE.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::XWing => 0x647a,
            Self::X25519 => 0x0020,
        }
    }

    /// The key id of this kind in a KEM epoch: (2 × epoch + 0 | 1) mod 256.
    #[must_use]
    pub const fn key_id(self, epoch: u64) -> u8 {
        let low = epoch.to_le_bytes()[0].wrapping_mul(2);
        match self {
            Self::XWing => low,
            Self::X25519 => low | 1,
        }
    }

    /// Length of the encapsulated key.
    pub(super) const fn enc_length(self) -> usize {
        match self {
            Self::XWing => 1_120,
            Self::X25519 => 32,
        }
    }

    const fn public_length(self) -> usize {
        match self {
            Self::XWing => 1_216,
            Self::X25519 => 32,
        }
    }

    const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x647a => Some(Self::XWing),
            0x0020 => Some(Self::X25519),
            _ => None,
        }
    }
}

/// Which kinds a client may take from a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// X-Wing only.
    PostQuantum,
    /// X25519 as well: what is recorded today can be read by a quantum computer later.
    DangerClassical,
}

/// Why a key or a configuration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Bytes are missing or left over.
    #[error("malformed key configuration: {0}")]
    Malformed(#[from] ReadError),
    /// The list of algorithms is not 4 to 2^16 - 4 bytes, or not a multiple of 4.
    #[error("a list of algorithms of {found} bytes is not one of pairs")]
    Algorithms {
        /// Its length in bytes.
        found: u16,
    },
    /// The public key is not a point or a module element of its kind.
    #[error("the public key of configuration {key_id} is not valid")]
    PublicKey {
        /// The configuration's key id.
        key_id: u8,
    },
    /// No configuration of the list is supported and allowed.
    #[error("none of {found} key configurations is supported and allowed")]
    NoneSupported {
        /// Configurations in the list.
        found: usize,
    },
    /// The configuration names a suite this crate does not have.
    #[error("configuration {key_id} has no supported suite: its KEM is {kem:#06x}")]
    Unsupported {
        /// The configuration's key id.
        key_id: u8,
        /// The KEM's number.
        kem: u16,
    },
    /// The list is too long.
    #[error("a list of {found} bytes or configurations is longer than {limit}")]
    TooLarge {
        /// What was found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Two keys of one set share an id.
    #[error("two keys have the id {key_id}")]
    DuplicateId {
        /// The id.
        key_id: u8,
    },
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

/// A parsed public key. Parsing X-Wing costs as much as using it, so it is done once.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    XWing(Box<<XWing as Kem>::PublicKey>),
    X25519(<X25519HkdfSha256 as Kem>::PublicKey),
}

impl PublicKey {
    fn decode(kind: KemKind, bytes: &[u8]) -> Option<Self> {
        match kind {
            KemKind::XWing => <XWing as Kem>::PublicKey::from_bytes(bytes)
                .ok()
                .map(|key| Self::XWing(Box::new(key))),
            KemKind::X25519 => {
                <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).ok().map(Self::X25519)
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::XWing(key) => key.to_bytes().to_vec(),
            Self::X25519(key) => key.to_bytes().to_vec(),
        }
    }
}

/// One published key configuration, parsed (RFC 9458 §3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct KeyConfig {
    key_id: u8,
    kind: KemKind,
    public: PublicKey,
    encoded: Vec<u8>,
}

impl KeyConfig {
    /// The configuration of one key, with the one suite there is.
    pub(super) fn new(key_id: u8, kind: KemKind, public: PublicKey) -> Self {
        let key = public.encode();
        let mut encoded = Vec::with_capacity(key.len().saturating_add(9));
        encoded.push(key_id);
        encoded.extend_from_slice(&kind.id().to_be_bytes());
        encoded.extend_from_slice(&key);
        encoded.extend_from_slice(&4_u16.to_be_bytes());
        encoded.extend_from_slice(&KDF.to_be_bytes());
        encoded.extend_from_slice(&AEAD.to_be_bytes());
        Self { key_id, kind, public, encoded }
    }

    /// The key id that requests carry.
    #[must_use]
    pub const fn key_id(&self) -> u8 {
        self.key_id
    }

    /// The kind of key.
    #[must_use]
    pub const fn kind(&self) -> KemKind {
        self.kind
    }

    /// The bytes of this one configuration, as they were decoded, without the list's length prefix.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// SHA-256 of [`KeyConfig::encode`]: field 7 of a receipt (wire specification §10).
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &self.encoded).as_ref());
        bytes
    }

    /// Decodes one configuration (RFC 9458 §3.1).
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] when it is well formed but names nothing this crate has.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let key_id = reader.u8("key id")?;
        let kem = u16::from_be_bytes(reader.array("KEM id")?);
        let unsupported = KeyError::Unsupported { key_id, kem };
        // The length of an unknown kind's key is unknown: nothing after it can be looked at.
        let kind = KemKind::from_id(kem).ok_or(unsupported)?;
        let key = reader.bytes("public key", kind.public_length())?;
        let length = u16::from_be_bytes(reader.array("length of algorithms")?);
        if length < 4 || !length.is_multiple_of(4) {
            return Err(KeyError::Algorithms { found: length });
        }
        let algorithms = reader.bytes("algorithms", usize::from(length))?;
        reader.finish()?;
        let ours = [KDF.to_be_bytes(), AEAD.to_be_bytes()].concat();
        if !algorithms.chunks_exact(4).any(|pair| pair == ours) {
            return Err(unsupported);
        }
        let public = PublicKey::decode(kind, key).ok_or(KeyError::PublicKey { key_id })?;
        Ok(Self { key_id, kind, public, encoded: bytes.to_vec() })
    }

    /// The **first** supported and allowed configuration of an `application/ohttp-keys` list. Unknown
    /// ones are skipped; one malformed entry refuses the list (RFC 9458 §3.2; wire specification §8).
    ///
    /// # Errors
    /// [`KeyError::NoneSupported`] when a well-formed list holds nothing usable.
    pub fn select(list: &[u8], allowed: Allowed) -> Result<Self, KeyError> {
        let (known, found) = Self::read_list(list)?;
        let first = known.into_iter().find(|config| config.is(allowed));
        first.ok_or(KeyError::NoneSupported { found })
    }

    /// Every configuration of an `application/ohttp-keys` list that this crate knows, in its order.
    ///
    /// # Errors
    /// [`KeyError`] for a list that is too long or has a malformed entry.
    pub fn decode_list(list: &[u8]) -> Result<Vec<Self>, KeyError> {
        Self::read_list(list).map(|(known, _)| known)
    }

    /// The known ones, and how many there are in all.
    fn read_list(list: &[u8]) -> Result<(Vec<Self>, usize), KeyError> {
        if list.len() > LIST_LIMIT {
            return Err(KeyError::TooLarge { found: list.len(), limit: LIST_LIMIT });
        }
        let mut reader = Reader::new(list);
        let (mut known, mut found) = (Vec::new(), 0_usize);
        while reader.left() > 0 {
            found = found.saturating_add(1);
            if found > LIST_COUNT {
                return Err(KeyError::TooLarge { found, limit: LIST_COUNT });
            }
            let length = u16::from_be_bytes(reader.array("length of a configuration")?);
            match Self::decode(reader.bytes("configuration", usize::from(length))?) {
                Ok(config) => known.push(config),
                Err(KeyError::Unsupported { .. }) => {}
                Err(malformed) => return Err(malformed),
            }
        }
        Ok((known, found))
    }

    /// The `application/ohttp-keys` list of these configurations, in this order (RFC 9458 §3.2).
    #[must_use]
    pub fn encode_list(configs: &[&Self]) -> Vec<u8> {
        let mut list = Vec::new();
        for config in configs {
            // A decoded configuration was at most 2^16 - 1 bytes long when it came out of a list.
            let Ok(length) = u16::try_from(config.encoded.len()) else { continue };
            list.extend_from_slice(&length.to_be_bytes());
            list.extend_from_slice(&config.encoded);
        }
        list
    }

    const fn is(&self, allowed: Allowed) -> bool {
        match (allowed, self.kind) {
            (Allowed::PostQuantum, KemKind::X25519) => false,
            (Allowed::PostQuantum | Allowed::DangerClassical, KemKind::XWing)
            | (Allowed::DangerClassical, KemKind::X25519) => true,
        }
    }

    pub(super) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What an encapsulated request begins with (RFC 9458 §4.3).
    pub(super) fn header(&self) -> [u8; HEADER_LENGTH] {
        let ([kem0, kem1], [kdf0, kdf1], [aead0, aead1]) =
            (self.kind.id().to_be_bytes(), KDF.to_be_bytes(), AEAD.to_be_bytes());
        [self.key_id, kem0, kem1, kdf0, kdf1, aead0, aead1]
    }
}

impl fmt::Debug for KeyConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyConfig({} {:?})", self.key_id, self.kind)
    }
}
