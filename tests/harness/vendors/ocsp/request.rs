//! OCSP requests (RFC 6960 §4.1.1), as far as a responder needs them.

use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, digest};
use sealroom_forge::gpu::{AnswerSpec, CertificateHash};

use crate::vendors::der::{
    Der, EXPLICIT_0, EXPLICIT_2, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
};

/// More certificates than anybody asks about at once.
const MOST: usize = 64;
const BOOLEAN: u8 = 0x01;
const NULL: u8 = 0x05;
const REQUESTOR: u8 = 0xa1;
/// id-pkix-ocsp-nonce, SHA-1, SHA-256, SHA-384.
const NONCE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x02";
const HASHES: [(&[u8], CertificateHash); 3] = [
    (b"\x2b\x0e\x03\x02\x1a", CertificateHash::Sha1),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", CertificateHash::Sha256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", CertificateHash::Sha384),
];

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) asked: Vec<Asked<'a>>,
    /// The extension's value as it stands.
    pub(super) nonce: Option<&'a [u8]>,
}

/// One certificate, by its issuer and its number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) hash: CertificateHash,
    name: &'a [u8],
    key: &'a [u8],
    pub(super) serial: &'a [u8],
}

impl<'a> Request<'a> {
    /// `None` for whatever is not exactly one request. A signature, if there is one, is not looked at.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut outside = Der::new(bytes);
        let mut whole = outside.inside(SEQUENCE)?;
        outside.finish()?;
        let mut request = whole.inside(SEQUENCE)?;
        whole.take(EXPLICIT_0);
        whole.finish()?;
        request.take(EXPLICIT_0);
        request.take(REQUESTOR);
        let mut list = request.inside(SEQUENCE)?;
        let mut asked = Vec::new();
        while !list.is_empty() && asked.len() < MOST {
            asked.push(Asked::decode(list.inside(SEQUENCE)?)?);
        }
        list.finish()?;
        let nonce = match request.inside(EXPLICIT_2) {
            Some(extensions) => nonce(extensions)?,
            None => None,
        };
        request.finish()?;
        (!asked.is_empty()).then_some(Self { asked, nonce })
    }
}

impl<'a> Asked<'a> {
    fn decode(mut request: Der<'a>) -> Option<Self> {
        let mut id = request.inside(SEQUENCE)?;
        request.take(EXPLICIT_0);
        request.finish()?;
        let mut algorithm = id.inside(SEQUENCE)?;
        let oid = algorithm.take(OBJECT_IDENTIFIER)?;
        algorithm.take(NULL);
        algorithm.finish()?;
        let (_, hash) = HASHES.into_iter().find(|(known, _)| *known == oid)?;
        let (name, key) = (id.take(OCTET_STRING)?, id.take(OCTET_STRING)?);
        let serial = id.take(INTEGER)?;
        id.finish()?;
        Some(Self { hash, name, key, serial })
    }

    /// True when it is about a certificate of the same issuer.
    pub(super) fn issued_by(&self, one: &AnswerSpec) -> bool {
        let algorithm: &Algorithm = match self.hash {
            CertificateHash::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            CertificateHash::Sha256 => &SHA256,
            CertificateHash::Sha384 => &SHA384,
        };
        self.name == digest(algorithm, &one.issuer).as_ref()
            && self.key == digest(algorithm, &one.issuer_key).as_ref()
    }
}

/// The nonce among the extensions; `None` when they cannot be read.
fn nonce(mut extensions: Der<'_>) -> Option<Option<&[u8]>> {
    let mut list = extensions.inside(SEQUENCE)?;
    extensions.finish()?;
    let mut nonce = None;
    while !list.is_empty() {
        let mut extension = list.inside(SEQUENCE)?;
        let oid = extension.take(OBJECT_IDENTIFIER)?;
        extension.take(BOOLEAN);
        let value = extension.take(OCTET_STRING)?;
        extension.finish()?;
        if oid == NONCE {
            nonce = Some(value);
        }
    }
    Some(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEQUENCE { SEQUENCE { SEQUENCE OF { SEQUENCE { CertID } } } } with short hashes.
    const ONE: &[u8] = &[
        0x30, 0x1a, 0x30, 0x18, 0x30, 0x16, 0x30, 0x14, 0x30, 0x12, 0x30, 7, 6, 5, 0x2b, 0x0e, 3,
        2, 0x1a, 4, 1, 7, 4, 1, 8, 2, 1, 9,
    ];

    #[test]
    fn reads_one_request_and_refuses_pieces_of_it() {
        let asked = Asked { hash: CertificateHash::Sha1, name: &[7], key: &[8], serial: &[9] };
        let whole = ONE;
        assert_eq!(Request::decode(whole), Some(Request { asked: vec![asked], nonce: None }));
        for end in 0..whole.len() {
            assert_eq!(Request::decode(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(Request::decode(&[whole, &[0]].concat()), None);
        assert_eq!(Request::decode(&[0x30, 4, 0x30, 2, 0x30, 0]), None, "nobody is asked about");
    }
}
