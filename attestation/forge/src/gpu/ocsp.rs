//! Forged OCSP responses (RFC 6960), with every field open to change before they are signed.

use sha2::{Digest as _, Sha384};

use super::{FakeGpu, chain, changed};
use crate::certificate::{CertificateSpec, ExtensionSpec, SHA384, ecdsa_sha384, name};
use crate::der;
use crate::keys::{Role, Vendor, nvidia, p384_spki, sign};

/// How a certificate's issuer is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateHash {
    /// SHA-1.
    Sha1,
    /// SHA-384.
    Sha384,
    /// SHA-256, which NVIDIA does not use.
    Sha256,
}

/// What is said about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// It counts.
    Good,
    /// Since when, and why if it is said.
    Revoked(u64, Option<u8>),
    /// The issuer does not know it.
    Unknown,
}

/// The answer about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerSpec {
    /// How its issuer is named.
    pub hash: CertificateHash,
    /// The issuer's encoded name.
    pub issuer: Vec<u8>,
    /// The issuer's key, as the certificate has it.
    pub issuer_key: Vec<u8>,
    /// Most significant byte first.
    pub serial: Vec<u8>,
    /// What is said.
    pub status: CertificateStatus,
    /// First second.
    pub this_update: u64,
    /// Last second; none leaves the field out.
    pub next_update: Option<u64>,
    /// Extensions of this answer.
    pub extensions: Vec<ExtensionSpec>,
}

/// Everything that goes into a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSpec {
    /// 0 is an answer.
    pub status: u8,
    /// The kind of response, in dotted form.
    pub kind: String,
    /// Names the responder by its key instead of its name.
    pub by_key: bool,
    /// The responder's encoded name.
    pub responder: Vec<u8>,
    /// The responder's key, as its certificate has it.
    pub responder_key: Vec<u8>,
    /// When it was made.
    pub produced: u64,
    /// The answers.
    pub answers: Vec<AnswerSpec>,
    /// Extensions of the response.
    pub extensions: Vec<ExtensionSpec>,
    /// AlgorithmIdentifier.
    pub algorithm: Vec<u8>,
    /// The responder's certificate, where it is not the issuer itself.
    pub delegate: Option<CertificateSpec>,
    /// Whose key signs.
    pub signer: (Vendor, Role),
    /// What that key follows from.
    pub seed: [u8; 32],
    /// Changes one bit of the signature after signing.
    pub broken_signature: bool,
}

/// A key as the bits of a SubjectPublicKeyInfo: an uncompressed point on P-384.
fn point(spki: &[u8]) -> Vec<u8> {
    spki.last_chunk::<97>().expect("a key on P-384").to_vec()
}

impl AnswerSpec {
    /// About one certificate by its issuer: good, in this window.
    #[must_use]
    pub fn new(subject: &CertificateSpec, issuer: &CertificateSpec, window: (u64, u64)) -> Self {
        Self {
            hash: CertificateHash::Sha1,
            issuer: name(issuer.signer.1, &issuer.subject),
            issuer_key: point(&issuer.spki),
            serial: subject.serial.clone(),
            status: CertificateStatus::Good,
            this_update: window.0,
            next_update: Some(window.1),
            extensions: Vec::new(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let hash = |bytes: &[u8]| match self.hash {
            CertificateHash::Sha1 => sha1(bytes).to_vec(),
            CertificateHash::Sha384 => Sha384::digest(bytes).to_vec(),
            CertificateHash::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        };
        let algorithm = match self.hash {
            CertificateHash::Sha1 => der::sequence(&[&der::oid("1.3.14.3.2.26"), &[5, 0]]),
            CertificateHash::Sha384 => der::sequence(&[&der::oid(SHA384)]),
            CertificateHash::Sha256 => der::sequence(&[&der::oid("2.16.840.1.101.3.4.2.1")]),
        };
        let id = der::sequence(&[
            &algorithm,
            &der::octet_string(&hash(&self.issuer)),
            &der::octet_string(&hash(&self.issuer_key)),
            &der::integer(&self.serial),
        ]);
        let status = match self.status {
            CertificateStatus::Good => vec![0x80, 0],
            CertificateStatus::Unknown => vec![0x82, 0],
            CertificateStatus::Revoked(at, reason) => {
                let reason = reason.map_or(Vec::new(), |reason| {
                    der::element(0xa0, &der::element(0x0a, &[reason]))
                });
                der::element(0xa1, &[time(at), reason].concat())
            }
        };
        let next = self.next_update.map_or(Vec::new(), |at| der::element(0xa0, &time(at)));
        der::sequence(&[
            &id,
            &status,
            &time(self.this_update),
            &next,
            &extensions(&self.extensions),
        ])
    }
}

impl OcspSpec {
    /// One answer by the issuer itself: the certificate counts, in this window.
    #[must_use]
    pub fn new(subject: &CertificateSpec, issuer: &CertificateSpec, window: (u64, u64)) -> Self {
        Self {
            status: 0,
            kind: "1.3.6.1.5.5.7.48.1.1".to_owned(),
            by_key: false,
            responder: name(issuer.signer.1, &issuer.subject),
            responder_key: point(&issuer.spki),
            produced: window.0,
            answers: vec![AnswerSpec::new(subject, issuer, window)],
            extensions: Vec::new(),
            algorithm: ecdsa_sha384(),
            delegate: None,
            signer: subject.signer,
            seed: subject.seed,
            broken_signature: false,
        }
    }

    /// Signed by somebody to whom the issuer gave a certificate for that, changed before it is signed.
    #[must_use]
    pub fn delegated(
        mut self,
        subject: &CertificateSpec,
        issuer: &CertificateSpec,
        change: impl FnOnce(&mut CertificateSpec),
    ) -> Self {
        let role = (subject.signer.0, Role::OcspResponder);
        let mut delegate = CertificateSpec {
            version: 2,
            serial: vec![0x0c, 0x59],
            issuer: issuer.subject.clone(),
            subject: format!("{} OCSP Responder", issuer.subject),
            not_before: issuer.not_before,
            not_after: issuer.not_after,
            spki: p384_spki(&nvidia(role.0, role.1, &subject.seed)),
            extensions: Vec::new(),
            algorithm: ecdsa_sha384(),
            outer_algorithm: None,
            signer: subject.signer,
            seed: subject.seed,
            broken_signature: false,
        };
        delegate.add("2.5.29.15", true, &[3, 2, 7, 0x80]);
        delegate.add("2.5.29.37", true, &der::sequence(&[&der::oid("1.3.6.1.5.5.7.3.9")]));
        delegate.add("1.3.6.1.5.5.7.48.1.5", false, &[5, 0]);
        change(&mut delegate);
        self.responder = name(role.1, &delegate.subject);
        self.responder_key = point(&delegate.spki);
        self.signer = role;
        self.delegate = Some(delegate);
        self
    }

    /// Encodes and signs.
    #[must_use]
    pub fn sign(&self) -> Vec<u8> {
        let responder = if self.by_key {
            der::element(0xa2, &der::octet_string(&sha1(&self.responder_key)))
        } else {
            der::element(0xa1, &self.responder)
        };
        let answers: Vec<u8> = self.answers.iter().flat_map(AnswerSpec::encode).collect();
        let answers = der::element(0x30, &answers);
        let extensions = extensions(&self.extensions);
        let data = der::sequence(&[&responder, &time(self.produced), &answers, &extensions]);
        let mut signature = sign(self.signer, &self.seed, &data);
        if self.broken_signature {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let certificates = self
            .delegate
            .as_ref()
            .map_or(Vec::new(), |delegate| der::element(0xa0, &der::sequence(&[&delegate.sign()])));
        let basic =
            der::sequence(&[&data, &self.algorithm, &der::bit_string(&signature), &certificates]);
        let typed = der::sequence(&[&der::oid(&self.kind), &der::octet_string(&basic)]);
        der::sequence(&[&der::element(0x0a, &[self.status]), &der::element(0xa0, &typed)])
    }
}

impl FakeGpu {
    /// The device's certificates before they are signed, the device's own first.
    #[must_use]
    pub fn specs(&self) -> [CertificateSpec; 5] {
        [
            (Role::GpuAttestation, &self.leaf),
            (Role::GpuIdentity, &self.identity),
            (Role::GpuProvisioner, &self.provisioner),
            (Role::GpuFamily, &self.family),
            (Role::GpuRoot, &self.root),
        ]
        .map(|(role, change)| changed(chain::certificate(self, role), change))
    }
}

fn extensions(extensions: &[ExtensionSpec]) -> Vec<u8> {
    if extensions.is_empty() {
        return Vec::new();
    }
    let one = |extension: &ExtensionSpec| {
        let critical: &[u8] = if extension.critical { &[1, 1, 0xff] } else { &[] };
        der::sequence(&[&der::oid(&extension.oid), critical, &der::octet_string(&extension.value)])
    };
    let all: Vec<u8> = extensions.iter().flat_map(one).collect();
    der::element(0xa1, &der::element(0x30, &all))
}

/// GeneralizedTime.
fn time(unix: u64) -> Vec<u8> {
    let (year, month, day) = der::civil(unix / 86_400);
    let (hour, minute, second) = (unix / 3600 % 24, unix / 60 % 60, unix % 60);
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    der::element(0x18, text.as_bytes())
}

/// SHA-1 (FIPS 180-4 §6.1): it only names keys.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - bytes.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let bits = u64::try_from(bytes.len()).expect("short") * 8;
    *padded.last_chunk_mut().expect("a block") = bits.to_be_bytes();
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(64) {
        let mut words: Vec<u32> = block
            .chunks(4)
            .map(|word| word.iter().fold(0, |all, byte| (all << 8) | u32::from(*byte)))
            .collect();
        for place in 16..80 {
            let back = |steps: usize| words.get(place - steps).copied().unwrap_or_default();
            let word = (back(3) ^ back(8) ^ back(14) ^ back(16)).rotate_left(1);
            words.push(word);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let sum = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
            let sum = sum.wrapping_add(constant).wrapping_add(*word);
            (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
        }
        for (state, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *state = state.wrapping_add(value);
        }
    }
    let mut digest = [0; 20];
    for (to, word) in digest.chunks_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tdx::text::hex;

    #[test]
    fn sha1_is_the_published_one() {
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(&sha1(&[b'a'; 56])), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    }
}
