//! Certificates in the shape of AMD's, Intel's and NVIDIA's, with every field open to change before they are signed.

use crate::der;
use crate::keys::{Maker, Role, Vendor, sign};

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionSpec {
    /// In dotted form.
    pub oid: String,
    /// Marked critical.
    pub critical: bool,
    /// The content of the OCTET STRING.
    pub value: Vec<u8>,
}

/// Everything that goes into a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSpec {
    /// 2 stands for version 3.
    pub version: u8,
    /// Most significant byte first.
    pub serial: Vec<u8>,
    /// Common name of the issuer; the rest of the name is as the vendor's.
    pub issuer: String,
    /// Common name of the subject.
    pub subject: String,
    /// First second.
    pub not_before: u64,
    /// Last second.
    pub not_after: u64,
    /// SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// In order.
    pub extensions: Vec<ExtensionSpec>,
    /// AlgorithmIdentifier inside the signed part.
    pub algorithm: Vec<u8>,
    /// AlgorithmIdentifier outside, when it is to differ.
    pub outer_algorithm: Option<Vec<u8>>,
    /// Whose key signs.
    pub signer: (Vendor, Role),
    /// What Intel's and NVIDIA's keys follow from: here the one that signs.
    pub seed: [u8; 32],
    /// Changes one bit of the signature after signing.
    pub broken_signature: bool,
}

impl CertificateSpec {
    /// The value of one extension, to be changed.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn extension(&mut self, oid: &str) -> &mut Vec<u8> {
        let found = self.extensions.iter_mut().find(|extension| extension.oid == oid);
        &mut found.expect("the certificate has this extension").value
    }

    /// Takes one extension away.
    pub fn remove(&mut self, oid: &str) {
        self.extensions.retain(|extension| extension.oid != oid);
    }

    /// Adds one extension at the end.
    pub fn add(&mut self, oid: &str, critical: bool, value: &[u8]) {
        self.extensions.push(ExtensionSpec {
            oid: oid.to_owned(),
            critical,
            value: value.to_vec(),
        });
    }

    /// Says where the issuer's revocation list is (RFC 5280 §4.2.1.13): one full name, a URI.
    pub fn crl_distribution_point(&mut self, uri: &str) {
        let name = der::element(0xa0, &der::element(0xa0, &location(uri)));
        self.set("2.5.29.31", &der::sequence(&[&der::sequence(&[&name])]));
    }

    /// Says where the issuer answers OCSP requests and where its certificate is (RFC 5280 §4.2.2.1), both URIs.
    pub fn authority_information(&mut self, ocsp: &str, issuer: &str) {
        let at = |method: &str, uri| der::sequence(&[&der::oid(method), &location(uri)]);
        let both = [at("1.3.6.1.5.5.7.48.1", ocsp), at("1.3.6.1.5.5.7.48.2", issuer)].concat();
        self.set("1.3.6.1.5.5.7.1.1", &der::element(0x30, &both));
    }

    /// Gives one extension that is not critical another value, or adds it at the end.
    fn set(&mut self, oid: &str, value: &[u8]) {
        match self.extensions.iter_mut().find(|extension| extension.oid == oid) {
            Some(extension) => extension.value = value.to_vec(),
            None => self.add(oid, false, value),
        }
    }

    /// Encodes and signs.
    #[must_use]
    pub fn sign(&self) -> Vec<u8> {
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let body = der::sequence(&[
            &der::element(0xa0, &der::integer(&[self.version])),
            &der::integer(&self.serial),
            &self.algorithm,
            &name(self.signer.1, &self.issuer),
            &der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            &name(self.signer.1, &self.subject),
            &self.spki,
            &der::element(0xa3, &der::element(0x30, &extensions)),
        ]);
        let mut signature = sign(self.signer, &self.seed, &body);
        if self.broken_signature {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let outer = self.outer_algorithm.as_ref().unwrap_or(&self.algorithm);
        der::sequence(&[&body, outer, &der::bit_string(&signature)])
    }
}

/// A URI as a general name (RFC 5280 §4.2.1.6).
fn location(uri: &str) -> Vec<u8> {
    der::element(0x86, uri.as_bytes())
}

fn extension(extension: &ExtensionSpec) -> Vec<u8> {
    let critical: &[u8] = if extension.critical { &[1, 1, 0xff] } else { &[] };
    der::sequence(&[&der::oid(&extension.oid), critical, &der::octet_string(&extension.value)])
}

/// The names of a vendor's certificates, in their order and with their string types.
pub(crate) fn name(role: Role, common_name: &str) -> Vec<u8> {
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    let intel = [
        ("2.5.4.3", UTF8, common_name),
        ("2.5.4.10", UTF8, "Intel Corporation"),
        ("2.5.4.7", UTF8, "Santa Clara"),
        ("2.5.4.8", UTF8, "CA"),
        ("2.5.4.6", PRINTABLE, "US"),
    ];
    let amd = [
        ("2.5.4.11", UTF8, "Engineering"),
        ("2.5.4.6", PRINTABLE, "US"),
        ("2.5.4.7", UTF8, "Santa Clara"),
        ("2.5.4.8", UTF8, "CA"),
        ("2.5.4.10", UTF8, "Advanced Micro Devices"),
        ("2.5.4.3", UTF8, common_name),
    ];
    let nvidia = [
        ("2.5.4.6", PRINTABLE, "US"),
        ("2.5.4.10", UTF8, "NVIDIA Corporation"),
        ("2.5.4.3", UTF8, common_name),
    ];
    let attributes: &[_] = match role.maker() {
        Maker::Amd => &amd,
        Maker::Intel => &intel,
        Maker::Nvidia => &nvidia,
    };
    let sets: Vec<u8> = attributes
        .iter()
        .flat_map(|(oid, tag, text)| {
            der::set(&[&der::sequence(&[&der::oid(oid), &der::element(*tag, text.as_bytes())])])
        })
        .collect();
    der::element(0x30, &sets)
}

/// RSASSA-PSS (RFC 4055 §3.1) with the given hash and salt length, with or without the trailer field.
#[must_use]
pub fn pss(hash_oid: &str, mask_hash_oid: &str, salt: u8, trailer: bool) -> Vec<u8> {
    let hash = |oid| der::sequence(&[&der::oid(oid), &der::element(5, &[])]);
    let mask = der::sequence(&[&der::oid("1.2.840.113549.1.1.8"), &hash(mask_hash_oid)]);
    let trailer = if trailer { der::element(0xa3, &der::integer(&[1])) } else { Vec::new() };
    let parameters = der::sequence(&[
        &der::element(0xa0, &hash(hash_oid)),
        &der::element(0xa1, &mask),
        &der::element(0xa2, &der::integer(&[salt])),
        &trailer,
    ]);
    der::sequence(&[&der::oid("1.2.840.113549.1.1.10"), &parameters])
}

/// ECDSA with SHA-256 (RFC 5758 §3.2).
pub(crate) fn ecdsa_sha256() -> Vec<u8> {
    der::sequence(&[&der::oid("1.2.840.10045.4.3.2")])
}

/// ECDSA with SHA-384 (RFC 5758 §3.2).
pub(crate) fn ecdsa_sha384() -> Vec<u8> {
    der::sequence(&[&der::oid("1.2.840.10045.4.3.3")])
}

/// The object identifier of SHA-384.
pub(crate) const SHA384: &str = "2.16.840.1.101.3.4.2.2";

#[cfg(test)]
mod tests {
    use crate::Fake;

    /// How often one text stands in some bytes.
    fn count(bytes: &[u8], text: &str) -> usize {
        bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    }

    #[test]
    fn certificates_can_name_places_in_the_network() {
        let (crl, ocsp, issuer) =
            ("http://a.invalid/crl", "http://b.invalid/", "http://c.invalid/");
        let named = Fake::snp([1; 32]).vek(move |vek| {
            vek.crl_distribution_point("http://old.invalid/");
            vek.crl_distribution_point(crl);
            vek.authority_information(ocsp, issuer);
        });
        let vek = named.specs().vek.sign();
        assert_eq!([crl, ocsp, issuer, "old"].map(|text| count(&vek, text)), [1, 1, 1, 0]);
    }
}
