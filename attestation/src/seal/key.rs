//! KEM key pairs and the set a node accepts (wire specification §2).

use std::fmt;
use std::sync::Arc;

use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem};
use zeroize::Zeroizing;

use super::config::{KemKind, KeyConfig, KeyError, PublicKey};
use super::random::Random;

/// A parsed private key; the crates behind it wipe it on drop.
pub(super) enum PrivateKey {
    XWing(Box<<XWing as Kem>::PrivateKey>),
    X25519(<X25519HkdfSha256 as Kem>::PrivateKey),
}

/// A KEM key pair: the private half never leaves and is wiped on drop.
pub struct KemKey {
    private: PrivateKey,
    config: KeyConfig,
    digest: [u8; 32],
}

impl KemKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`KeyError::Random`] when `random` fails.
    pub fn generate(
        kind: KemKind,
        key_id: u8,
        random: &(impl Random + ?Sized),
    ) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut()).map_err(KeyError::Random)?;
        Self::from_seed(kind, key_id, &seed)
    }

    /// The key with this private half: the X-Wing seed, or the X25519 scalar.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`] when no key has this private half.
    pub fn from_seed(kind: KemKind, key_id: u8, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let refused = KeyError::PublicKey { key_id };
        let (private, public) = match kind {
            KemKind::XWing => {
                let private = <XWing as Kem>::PrivateKey::from_bytes(seed).map_err(|_| refused)?;
                let public = XWing::sk_to_pk(&private);
                (PrivateKey::XWing(Box::new(private)), PublicKey::XWing(Box::new(public)))
            }
            KemKind::X25519 => {
                let private =
                    <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(seed).map_err(|_| refused)?;
                let public = X25519HkdfSha256::sk_to_pk(&private);
                (PrivateKey::X25519(private), PublicKey::X25519(public))
            }
        };
        let config = KeyConfig::new(key_id, kind, public);
        let digest = config.digest();
        Ok(Self { private, config, digest })
    }

    /// The public configuration.
    #[must_use]
    pub const fn config(&self) -> &KeyConfig {
        &self.config
    }

    /// The configuration's digest, which also names the key.
    #[must_use]
    pub const fn config_digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) const fn private(&self) -> &PrivateKey {
        &self.private
    }
}

impl fmt::Debug for KemKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KemKey({} {:?}, private)", self.config.key_id(), self.config.kind())
    }
}

/// The keys a node accepts now: those of the current and the previous epoch. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KeySet(Arc<[Arc<KemKey>]>);

impl KeySet {
    /// Takes the keys.
    ///
    /// # Errors
    /// [`KeyError::DuplicateId`] when two share an id: a request could not name its key.
    pub fn new(keys: Vec<Arc<KemKey>>) -> Result<Self, KeyError> {
        let mut seen = [false; 256];
        for key in &keys {
            let key_id = key.config.key_id();
            let entry =
                seen.get_mut(usize::from(key_id)).ok_or(KeyError::DuplicateId { key_id })?;
            if std::mem::replace(entry, true) {
                return Err(KeyError::DuplicateId { key_id });
            }
        }
        Ok(Self(keys.into()))
    }

    /// The key with this id.
    #[must_use]
    pub fn find(&self, key_id: u8) -> Option<&Arc<KemKey>> {
        self.0.iter().find(|key| key.config.key_id() == key_id)
    }

    /// All keys, in the order given.
    #[must_use]
    pub fn keys(&self) -> &[Arc<KemKey>] {
        &self.0
    }
}
