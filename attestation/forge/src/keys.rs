//! The keys of the forged vendors: RSA keys that are fixed and public, keys on curves that follow from a seed.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use p256::ecdsa::signature::Signer as _;
use p384::ecdsa::{SigningKey, VerifyingKey};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::rand_core::{CryptoRng, Error, RngCore};
use rsa::{Pss, RsaPrivateKey};
use sha2::{Digest as _, Sha256, Sha384};

use crate::der;

/// Which of two vendors that do not know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// The one that tests trust.
    One,
    /// Another one.
    Two,
}

/// Whose key: AMD's are RSA keys, Intel's are on P-256, NVIDIA's on P-384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// AMD root key.
    Ark,
    /// AMD signing key for VCEKs.
    Ask,
    /// AMD signing key for VLEKs.
    Asvk,
    /// Intel root key.
    SgxRoot,
    /// Intel key that signs the keys of platforms.
    PckAuthority,
    /// Intel key that signs TCB information.
    TcbSigning,
    /// The key of one Intel platform.
    Pck,
    /// NVIDIA root key.
    GpuRoot,
    /// NVIDIA key for one family of chips.
    GpuFamily,
    /// NVIDIA key that signs the keys of devices.
    GpuProvisioner,
    /// The key burnt into one NVIDIA device.
    GpuIdentity,
    /// The key with which one NVIDIA device signs reports.
    GpuAttestation,
    /// NVIDIA key for the reference values of one product.
    RimProduct,
    /// NVIDIA key that signs the keys of signers of reference values.
    RimAuthority,
    /// NVIDIA key that signs reference values.
    RimSigner,
    /// NVIDIA key that answers whether certificates are revoked.
    OcspResponder,
    /// NVIDIA key that signs the attestation service's tokens.
    AttestationService,
}

/// Whose hierarchy a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Amd,
    Intel,
    Nvidia,
}

impl Role {
    pub(crate) const fn maker(self) -> Maker {
        match self {
            Self::Ark | Self::Ask | Self::Asvk => Maker::Amd,
            Self::SgxRoot | Self::PckAuthority | Self::TcbSigning | Self::Pck => Maker::Intel,
            Self::GpuRoot
            | Self::GpuFamily
            | Self::GpuProvisioner
            | Self::GpuIdentity
            | Self::GpuAttestation
            | Self::RimProduct
            | Self::RimAuthority
            | Self::RimSigner
            | Self::OcspResponder
            | Self::AttestationService => Maker::Nvidia,
        }
    }
}

const FIXED: [(Vendor, Role, &[u8]); 6] = [
    (Vendor::One, Role::Ark, include_bytes!("../keys/one_ark.der")),
    (Vendor::One, Role::Ask, include_bytes!("../keys/one_ask.der")),
    (Vendor::One, Role::Asvk, include_bytes!("../keys/one_asvk.der")),
    (Vendor::Two, Role::Ark, include_bytes!("../keys/two_ark.der")),
    (Vendor::Two, Role::Ask, include_bytes!("../keys/two_ask.der")),
    (Vendor::Two, Role::Asvk, include_bytes!("../keys/two_asvk.der")),
];

static KEYS: LazyLock<HashMap<(Vendor, Role), RsaPrivateKey>> = LazyLock::new(|| {
    let load = |der| RsaPrivateKey::from_pkcs1_der(der).expect("the fixed keys are valid");
    FIXED.into_iter().map(|(vendor, role, der)| ((vendor, role), load(der))).collect()
});

type Signatures = HashMap<(Vendor, Role, [u8; 32]), Vec<u8>>;

/// Signatures that this process has already made: an RSA signature costs a hundred times a report's.
static MADE: LazyLock<Mutex<Signatures>> = LazyLock::new(Mutex::default);

fn key(vendor: Vendor, role: Role) -> &'static RsaPrivateKey {
    KEYS.get(&(vendor, role)).expect("every vendor has every role's key")
}

/// Signs as whoever is named: RSA for AMD, ECDSA with a key that follows from the seed for Intel and NVIDIA.
pub(crate) fn sign((vendor, role): (Vendor, Role), seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    match role.maker() {
        Maker::Amd => sign_rsa(vendor, role, message),
        Maker::Intel => {
            let signature: p256::ecdsa::Signature = intel(vendor, role, seed).sign(message);
            signature.to_der().as_bytes().to_vec()
        }
        Maker::Nvidia => {
            let signature: p384::ecdsa::Signature = nvidia(vendor, role, seed).sign(message);
            signature.to_der().as_bytes().to_vec()
        }
    }
}

/// RSASSA-PSS with SHA-384 and a salt of 48 bytes that follows from the message: the same bytes every time.
fn sign_rsa(vendor: Vendor, role: Role, message: &[u8]) -> Vec<u8> {
    let name = (vendor, role, Sha256::digest(message).into());
    if let Some(made) = MADE.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return made.clone();
    }
    let digest = Sha384::digest(message);
    let mut salt = Salt(Sha384::new().chain_update(b"salt").chain_update(digest).finalize().into());
    let scheme = Pss::new_with_salt::<Sha384>(48);
    let signature = key(vendor, role)
        .sign_with_rng(&mut salt, scheme, &digest)
        .expect("the key is long enough");
    MADE.lock().unwrap_or_else(PoisonError::into_inner).insert(name, signature.clone());
    signature
}

/// SubjectPublicKeyInfo of an RSA key (RFC 3279 §2.3.1).
pub(crate) fn rsa_spki(vendor: Vendor, role: Role) -> Vec<u8> {
    let public =
        key(vendor, role).to_public_key().to_pkcs1_der().expect("the fixed keys can be written");
    let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.1"), &der::element(5, &[])]);
    der::sequence(&[&algorithm, &der::bit_string(public.as_bytes())])
}

/// SubjectPublicKeyInfo of a P-384 key (RFC 5480 §2).
pub(crate) fn p384_spki(key: &SigningKey) -> Vec<u8> {
    let point = VerifyingKey::from(key).to_encoded_point(false);
    let algorithm = der::sequence(&[&der::oid("1.2.840.10045.2.1"), &der::oid("1.3.132.0.34")]);
    der::sequence(&[&algorithm, &der::bit_string(point.as_bytes())])
}

/// Intel's keys follow from the vendor's and the role's name.
pub(crate) fn intel(vendor: Vendor, role: Role, seed: &[u8; 32]) -> p256::ecdsa::SigningKey {
    p256(seed, &format!("{vendor:?} {role:?}"))
}

/// NVIDIA's keys follow from the vendor's and the role's name.
pub(crate) fn nvidia(vendor: Vendor, role: Role, seed: &[u8; 32]) -> SigningKey {
    p384(seed, &format!("{vendor:?} {role:?}"))
}

/// R and S side by side, by one of NVIDIA's keys.
pub(crate) fn sign_fixed(
    (vendor, role): (Vendor, Role),
    seed: &[u8; 32],
    message: &[u8],
) -> Vec<u8> {
    let signature: p384::ecdsa::Signature = nvidia(vendor, role, seed).sign(message);
    signature.to_bytes().to_vec()
}

/// SubjectPublicKeyInfo of a P-256 key (RFC 5480 §2).
pub(crate) fn p256_spki(key: &p256::ecdsa::SigningKey) -> Vec<u8> {
    let point = key.verifying_key().to_encoded_point(false);
    let algorithm =
        der::sequence(&[&der::oid("1.2.840.10045.2.1"), &der::oid("1.2.840.10045.3.1.7")]);
    der::sequence(&[&algorithm, &der::bit_string(point.as_bytes())])
}

/// The P-256 key that follows from a seed and a label.
pub(crate) fn p256(seed: &[u8; 32], label: &str) -> p256::ecdsa::SigningKey {
    let attempt = |attempt| {
        let bytes = derive384(seed, label, attempt);
        p256::ecdsa::SigningKey::from_slice(bytes.get(..32)?).ok()
    };
    (0_u8..=255).find_map(attempt).expect("almost every 32 bytes are a key")
}

/// The P-384 key that follows from a seed and a label.
pub(crate) fn p384(seed: &[u8; 32], label: &str) -> SigningKey {
    (0_u8..=255)
        .find_map(|attempt| SigningKey::from_slice(&derive384(seed, label, attempt)).ok())
        .expect("almost every 48 bytes are a key")
}

fn derive384(seed: &[u8; 32], label: &str, attempt: u8) -> [u8; 48] {
    Sha384::new().chain_update(seed).chain_update(label).chain_update([attempt]).finalize().into()
}

/// Bytes that follow from a seed and a label.
pub(crate) fn derive<const N: usize>(seed: &[u8; 32], label: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (attempt, chunk) in (0_u8..).zip(bytes.chunks_mut(48)) {
        chunk.iter_mut().zip(derive384(seed, label, attempt)).for_each(|(to, from)| *to = from);
    }
    bytes
}

/// The salt, in the shape in which `rsa` asks for it.
struct Salt([u8; 48]);

impl RngCore for Salt {
    fn next_u32(&mut self) -> u32 {
        rsa::rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rsa::rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(48) {
            chunk.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
            self.0 = Sha384::digest(self.0).into();
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Salt {}
