//! Forged answers of NVIDIA's attestation service, with every claim open to change before they are signed.

use sha2::{Digest as _, Sha256};

use crate::certificate::{CertificateSpec, ecdsa_sha384};
use crate::keys::{Role, Vendor, nvidia, p384_spki, sign_fixed};
use crate::tdx::text::{base64, hex, list, quoted};

/// One token: members of its header and its claims, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpec {
    /// `alg`, `kid` and so on.
    pub header: Vec<(String, String)>,
    /// `iss`, `exp` and so on.
    pub claims: Vec<(String, String)>,
    /// Changes one bit of the signature after signing.
    pub broken_signature: bool,
    /// Leaves the signature away.
    pub unsigned: bool,
}

/// An answer of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NrasSpec {
    /// About everything; its digests of the devices' tokens are added when it is signed.
    pub overall: TokenSpec,
    /// About each device, by its name.
    pub devices: Vec<(String, TokenSpec)>,
    /// "SHA-256" or "SHA256".
    pub digest_name: String,
    /// Devices whose digest is not the token's.
    pub foreign: Vec<String>,
    /// Devices that the overall token does not name.
    pub unnamed: Vec<String>,
    /// Whose key signs.
    pub vendor: Vendor,
    /// What that key follows from.
    pub seed: [u8; 32],
}

impl TokenSpec {
    fn new(claims: Vec<(String, String)>) -> Self {
        let header = members(&[("kid", "\"nv-eat-kid-forged\""), ("alg", "\"ES384\"")]);
        Self { header, claims, broken_signature: false, unsigned: false }
    }

    /// One claim or one member of the header, to be changed.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn member(&mut self, name: &str) -> &mut String {
        let mut all = self.header.iter_mut().chain(&mut self.claims);
        &mut all.find(|(known, _)| known == name).expect("the token has this member").1
    }

    fn sign(&self, claims: &[(String, String)], spec: &NrasSpec) -> String {
        let signed =
            format!("{}.{}", url(object(&self.header).as_bytes()), url(object(claims).as_bytes()));
        let key = (spec.vendor, Role::AttestationService);
        let mut signature = sign_fixed(key, &spec.seed, signed.as_bytes());
        if self.broken_signature {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        if self.unsigned {
            signature.clear();
        }
        format!("{signed}.{}", url(&signature))
    }
}

impl NrasSpec {
    /// One GPU that passed, with tokens that live an hour from this time on.
    #[must_use]
    pub fn new(seed: [u8; 32], nonce: [u8; 32], issued: u64) -> Self {
        let (now, end) = (issued.to_string(), (issued + 3600).to_string());
        let nonce = quoted(&hex(&nonce));
        let common = [
            ("iss", "\"https://nras.attestation.nvidia.com\""),
            ("eat_nonce", &nonce),
            ("nbf", &now),
            ("iat", &now),
            ("exp", &end),
            ("jti", "\"c1a3cdc9-ee22-42ad-9cd1-44a1199f2dee\""),
        ];
        let overall = [
            ("sub", "\"NVIDIA-PLATFORM-ATTESTATION\""),
            ("x-nvidia-ver", "\"3.0\""),
            ("x-nvidia-overall-att-result", "true"),
        ];
        let device = [
            ("measres", "\"success\""),
            ("secboot", "true"),
            ("dbgstat", "\"disabled\""),
            ("hwmodel", "\"GH100 A01 GSP BROM\""),
            ("ueid", "\"642960189298007511250958030500749152730221142468\""),
            ("x-nvidia-gpu-driver-version", "\"550.90.07\""),
            ("x-nvidia-gpu-vbios-version", "\"96.00.9F.00.01\""),
        ];
        let token =
            |more: &[(&str, &str)]| TokenSpec::new([members(&common), members(more)].concat());
        Self {
            overall: token(&overall),
            devices: vec![("GPU-0".to_owned(), token(&device))],
            digest_name: "SHA-256".to_owned(),
            foreign: Vec::new(),
            unnamed: Vec::new(),
            vendor: Vendor::One,
            seed,
        }
    }

    /// The answer.
    #[must_use]
    pub fn sign(&self) -> String {
        let devices: Vec<_> = self
            .devices
            .iter()
            .map(|(name, token)| (name, token.sign(&token.claims, self)))
            .collect();
        let named = devices.iter().filter(|(name, _)| !self.unnamed.contains(name));
        let submodules = list(named.map(|(name, token)| {
            let digest =
                if self.foreign.contains(name) { [7; 32] } else { Sha256::digest(token).into() };
            let digest = quoted(&hex(&digest));
            format!("{}:[\"DIGEST\",[{},{digest}]]", quoted(name), quoted(&self.digest_name))
        }));
        let mut claims = self.overall.claims.clone();
        claims.push(("submods".to_owned(), format!("{{{submodules}}}")));
        let overall = self.overall.sign(&claims, self);
        let devices =
            list(devices.iter().map(|(name, token)| format!("{}:{}", quoted(name), quoted(token))));
        format!("[[\"JWT\",{}],{{{devices}}}]", quoted(&overall))
    }

    /// The service's key set, with this id for its key.
    #[must_use]
    pub fn key_set(&self, id: &str) -> String {
        let spki = p384_spki(&nvidia(self.vendor, Role::AttestationService, &self.seed));
        let point = spki.last_chunk::<96>().expect("a key on P-384");
        let (x, y) = point.split_at(48);
        format!(
            "{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-384\",\"use\":\"sig\",\"alg\":\"ES384\",\"kid\":{},\"x\":\"{}\",\"y\":\"{}\"}}]}}",
            quoted(id),
            url(x),
            url(y)
        )
    }
}

impl NrasSpec {
    /// A certificate for the service's key, by itself.
    #[must_use]
    pub fn certificate(&self) -> CertificateSpec {
        let key = (self.vendor, Role::AttestationService);
        CertificateSpec {
            version: 2,
            serial: vec![0x4e],
            issuer: "NVIDIA Attestation Service".to_owned(),
            subject: "NVIDIA Attestation Service".to_owned(),
            not_before: 1_577_836_800,
            not_after: 2_524_607_999,
            spki: p384_spki(&nvidia(key.0, key.1, &self.seed)),
            extensions: Vec::new(),
            algorithm: ecdsa_sha384(),
            outer_algorithm: None,
            signer: key,
            seed: self.seed,
            broken_signature: false,
        }
    }

    /// The same key set with a certificate in place of the coordinates.
    #[must_use]
    pub fn certified_key_set(&self, id: &str, certificate: &[u8]) -> String {
        let (id, certificate) = (quoted(id), quoted(&base64(certificate)));
        format!("{{\"keys\":[{{\"kty\":\"EC\",\"kid\":{id},\"x5c\":[{certificate}]}}]}}")
    }
}

fn members(members: &[(&str, &str)]) -> Vec<(String, String)> {
    members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn object(members: &[(String, String)]) -> String {
    let members = list(members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))));
    format!("{{{members}}}")
}

/// base64url without padding (RFC 7515 §2).
fn url(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()
}
