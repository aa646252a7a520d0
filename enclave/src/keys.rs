//! The keys that live for one boot: identity, receipts, TLS leaf. Born here, never stored, never exported.

use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sealroom_attestation::digests::{IdentityKey, LeafDigest, ReceiptKey};
use sealroom_attestation::tls;
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::memory;

/// What every leaf calls itself. The name proves nothing and tells nothing: the statement names the key.
const SUBJECT: &str = "sealroom node";

/// The signing keys of one boot.
pub struct Keys {
    identity: Box<Ed25519KeyPair>,
    receipts: Box<Ed25519KeyPair>,
    leaf: Leaf,
}

/// Why keys could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The certificate could not be made.
    #[error("the TLS leaf could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be read back.
    #[error("the TLS leaf could not be read back: {0}")]
    Leaf(#[from] rustls::Error),
}

impl Keys {
    /// Draws all keys. The leaf draws from the operating system whatever `entropy` is: its key generation
    /// takes no other source.
    ///
    /// # Errors
    /// [`KeysError`] when the leaf's certificate cannot be made.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, KeysError> {
        Ok(Self {
            identity: signing_key(entropy),
            receipts: signing_key(entropy),
            leaf: Leaf::generate()?,
        })
    }

    /// The public half of the identity.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        IdentityKey(public(&self.identity))
    }

    /// The public half of the receipt key.
    #[must_use]
    pub fn receipt_key(&self) -> ReceiptKey {
        ReceiptKey(public(&self.receipts))
    }

    /// The TLS leaf.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Signs a binder. Whoever calls this computed the message from the connection itself.
    #[must_use]
    pub fn sign_as_identity(&self, message: &[u8]) -> [u8; 64] {
        sign(&self.identity, message)
    }

    /// Signs a receipt.
    #[must_use]
    pub fn sign_as_receipts(&self, message: &[u8]) -> [u8; 64] {
        sign(&self.receipts, message)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({:?}, private)", self.identity())
    }
}

/// The TLS leaf: P-256, self-signed.
pub struct Leaf {
    certificate: CertificateDer<'static>,
    pkcs8: Zeroizing<Vec<u8>>,
    digest: LeafDigest,
}

impl Leaf {
    fn generate() -> Result<Self, KeysError> {
        let (certificate, pkcs8) = memory::off_the_stack(|| {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            let mut params = rcgen::CertificateParams::new([])?;
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, SUBJECT);
            let certificate = params.self_signed(&key)?.der().clone();
            Ok::<_, rcgen::Error>((certificate, Zeroizing::new(key.serialize_der())))
        })?;
        let digest = tls::leaf_digest(&certificate)?;
        Ok(Self { certificate, pkcs8, digest })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The private key, PKCS#8.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// What a statement calls it.
    #[must_use]
    pub const fn digest(&self) -> LeafDigest {
        self.digest
    }

    /// The node's end of TLS with this leaf.
    pub(crate) fn server_config(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()));
        tls::server_config(self.certificate.clone(), key)
    }
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaf({:?}, private)", self.digest)
    }
}

/// Makes the key on stack that is then overwritten, and keeps it on the heap, which wipes itself.
fn signing_key(entropy: &dyn Entropy) -> Box<Ed25519KeyPair> {
    memory::off_the_stack(|| {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut());
        let key = Ed25519KeyPair::from_seed_unchecked(seed.as_ref());
        Box::new(key.expect("every 32 bytes are a seed"))
    })
}

fn public(key: &Ed25519KeyPair) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(key.public_key().as_ref());
    bytes
}

fn sign(key: &Ed25519KeyPair, message: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    // The expanded key passes through the stack of every signature.
    memory::off_the_stack(|| bytes.copy_from_slice(key.sign(message).as_ref()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::FixedEntropy;

    #[test]
    fn two_boots_share_no_key() {
        let entropy = FixedEntropy::new();
        let keys = [(); 2].map(|()| Keys::generate(&entropy).expect("keys"));
        assert_ne!(keys[0].identity(), keys[1].identity());
        assert_ne!(keys[0].receipt_key(), keys[1].receipt_key());
        assert_ne!(keys[0].leaf().digest(), keys[1].leaf().digest());
        assert_ne!(keys[0].identity().0, keys[0].receipt_key().0);
    }

    #[test]
    fn prints_no_private_part() {
        let keys = Keys::generate(&FixedEntropy::new()).expect("keys");
        let (printed, leaf) = (format!("{keys:?}"), format!("{:?}", keys.leaf()));
        assert!(printed.ends_with("private)") && leaf.ends_with("private)"), "{printed} {leaf}");
    }
}
