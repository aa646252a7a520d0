//! The signature algorithms that vendors of confidential hardware use, and no others.

use ring::signature::{
    self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_FIXED, RSA_PSS_2048_8192_SHA384, VerificationAlgorithm,
};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::transcript::sha256;

/// How a certificate or a revocation list was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055 §3.1): AMD.
    RsaPssSha384,
    /// ECDSA with SHA-256 (RFC 5758 §3.2): Intel.
    EcdsaSha256,
    /// ECDSA with SHA-384 (RFC 5758 §3.2): NVIDIA.
    EcdsaSha384,
}

/// The AlgorithmIdentifier of RSASSA-PSS as AMD's key service wrote it until 2024: the trailer field is spelled out
/// although it has its default, which DER forbids. It is signed, so it stands.
const PSS_WITH_TRAILER: &[u8] = b"\x30\x46\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x39\
    \xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xa2\x03\x02\x01\x30\xa3\x03\x02\x01\x01";
/// The same without the trailer field, as newer certificates have it.
const PSS: &[u8] = b"\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\
    \xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xa2\x03\x02\x01\x30";
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ECDSA_SHA384: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";

impl Algorithm {
    /// By its whole AlgorithmIdentifier, parameters included: another hash, mask or salt length is another algorithm.
    pub(crate) fn from_identifier(identifier: &[u8]) -> Option<Self> {
        match identifier {
            _ if identifier == PSS || identifier == PSS_WITH_TRAILER => Some(Self::RsaPssSha384),
            _ if identifier == ECDSA_SHA256 => Some(Self::EcdsaSha256),
            _ if identifier == ECDSA_SHA384 => Some(Self::EcdsaSha384),
            _ => None,
        }
    }
}

/// What a public key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa(usize),
    /// A point on P-256.
    P256,
    /// A point on P-384.
    P384,
    /// Anything else.
    Other,
}

/// A public key as a certificate carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Algorithm and size.
    pub kind: KeyKind,
    /// SHA-256 of the whole SubjectPublicKeyInfo: the key's name.
    pub sha256: [u8; 32],
    key: Vec<u8>,
}

/// A signature does not verify: no reason is told, and none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

impl PublicKey {
    pub(super) fn from_parsed(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let key = spki.subject_public_key.data.to_vec();
        Self { kind: kind(spki), sha256: sha256(spki.raw), key }
    }

    /// The key's own bytes: an uncompressed point, or an RSAPublicKey.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.key
    }

    /// Checks a signature made with `algorithm` by this key.
    ///
    /// # Errors
    /// When the key is not of that algorithm, or the signature does not verify.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let verifier: &dyn VerificationAlgorithm = match (algorithm, self.kind) {
            (Algorithm::RsaPssSha384, KeyKind::Rsa(4096)) => &RSA_PSS_2048_8192_SHA384,
            (Algorithm::EcdsaSha256, KeyKind::P256) => &ECDSA_P256_SHA256_ASN1,
            (Algorithm::EcdsaSha384, KeyKind::P384) => &ECDSA_P384_SHA384_ASN1,
            _ => return Err(BadSignature),
        };
        signature::UnparsedPublicKey::new(verifier, &self.key)
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }

    /// Checks an ECDSA signature that is R and S side by side, most significant byte first, with the hash that fits
    /// the curve: the form of reports and quotes.
    ///
    /// # Errors
    /// When the key is on no curve that is used here, or the signature does not verify.
    pub fn verify_fixed(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let verifier: &dyn VerificationAlgorithm = match self.kind {
            KeyKind::P256 => &ECDSA_P256_SHA256_FIXED,
            KeyKind::P384 => &ECDSA_P384_SHA384_FIXED,
            KeyKind::Rsa(_) | KeyKind::Other => return Err(BadSignature),
        };
        signature::UnparsedPublicKey::new(verifier, &self.key)
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }
}

fn kind(spki: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let algorithm = &spki.algorithm.algorithm;
    let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        match curve {
            Some(curve) if curve == OID_EC_P256 => KeyKind::P256,
            Some(curve) if curve == OID_NIST_EC_P384 => KeyKind::P384,
            _ => KeyKind::Other,
        }
    } else if *algorithm == OID_PKCS1_RSAENCRYPTION {
        match spki.parsed() {
            Ok(Parsed::RSA(key)) => KeyKind::Rsa(modulus_bits(key.modulus)),
            _ => KeyKind::Other,
        }
    } else {
        KeyKind::Other
    }
}

/// Bits of the modulus as an INTEGER: a leading zero byte is the sign.
fn modulus_bits(modulus: &[u8]) -> usize {
    let digits = match modulus {
        [0, digits @ ..] => digits,
        digits => digits,
    };
    digits.len().saturating_mul(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::Certificate;

    const NVIDIA: &[u8] = include_bytes!("../gpu/roots/nvidia_device_identity_ca.der");
    /// secp384r1 (RFC 5480 §2.1.1.1), as bytes; secp521r1 is the next.
    const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

    fn kind_of(der: &[u8]) -> KeyKind {
        Certificate::decode(der).expect("a certificate").key.kind
    }

    #[test]
    fn a_key_on_another_curve_is_of_no_kind_that_verifies() {
        assert_eq!(kind_of(NVIDIA), KeyKind::P384);
        let at = NVIDIA.windows(P384.len()).position(|bytes| bytes == P384).expect("its curve");
        let mut other = NVIDIA.to_vec();
        other[at + P384.len() - 1] = 0x23;
        assert_eq!(kind_of(&other), KeyKind::Other);
        let key = Certificate::decode(&other).expect("a certificate").key;
        assert_eq!(key.verify(Algorithm::EcdsaSha384, b"", b""), Err(BadSignature));
    }
}
