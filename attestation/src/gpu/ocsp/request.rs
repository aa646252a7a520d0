//! What a responder is asked (RFC 6960 §4.1): one certificate, named by SHA-384, and no nonce, so that the answer can be
//! kept until it ends.

use crate::x509::Certificate;

use super::response::sha384;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `AlgorithmIdentifier` of SHA-384: 2.16.840.1.101.3.4.2.2 with NULL.
const SHA_384: &[u8] = &[SEQUENCE, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0];

/// The request for the standing of `subject` below `issuer`, in DER.
#[must_use]
pub fn request(subject: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let name = element(OCTET_STRING, &[sha384(&issuer.subject.der).as_ref()]);
    let key = element(OCTET_STRING, &[sha384(issuer.key.bytes()).as_ref()]);
    let id = element(SEQUENCE, &[SHA_384, &name, &key, &integer(&subject.serial)]);
    // CertID in Request, in the list of requests, in TBSRequest, in OCSPRequest.
    (0..4).fold(id, |inside, _| element(SEQUENCE, &[&inside]))
}

/// A number that is not negative, from its digits without leading zeros.
fn integer(digits: &[u8]) -> Vec<u8> {
    match digits.first() {
        Some(..0x80) => element(INTEGER, &[digits]),
        None | Some(0x80..) => element(INTEGER, &[&[0], digits]),
    }
}

/// One element with a definite length. What is written here is shorter than 64 KiB.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut out = vec![tag];
    match (high, low) {
        (0, ..0x80) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}
