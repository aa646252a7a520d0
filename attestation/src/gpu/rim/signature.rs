//! The XML signature (W3C, XML Signature Syntax and Processing 1.1) of the one kind that NVIDIA makes: one reference to
//! the whole document, enveloped, and the signer's chain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canonical::Walk;
use super::error::DecodeError;
use super::profile::{
    CANONICALIZATION_METHOD, DIGEST_METHOD, DIGEST_VALUE, IN_SCOPE, KEY_INFO, REFERENCE, SIGNATURE,
    SIGNATURE_METHOD, SIGNATURE_VALUE, SIGNED_INFO, Shape, TRANSFORM, TRANSFORMS, X509_CERTIFICATE,
    X509_DATA,
};
use super::xml::Attribute;

const CANONICAL_XML: &str = "http://www.w3.org/2006/12/xml-c14n11";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";

/// More certificates than any chain has.
const MOST_CERTIFICATES: usize = 8;
/// Letters in a line of a certificate.
const LINE: usize = 64;

/// What the signature says and what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// SHA-384 of the document without the signature, by the signer.
    pub(super) digest: [u8; 48],
    /// SignedInfo in canonical form: what is signed.
    pub(super) signed: Vec<u8>,
    /// R and S.
    pub(super) value: [u8; 96],
    /// In DER, in the order of the file.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Reads the signature at which the walk stands. White space inside it is refused: the samples have none.
pub(super) fn read(walk: &mut Walk<'_>) -> Result<Signature, DecodeError> {
    walk.open(&SIGNATURE)?;
    // Canonical form begins at SignedInfo, with every namespace that is in scope there.
    walk.take();
    walk.open_within(&SIGNED_INFO, IN_SCOPE)?;
    algorithm(walk, &CANONICALIZATION_METHOD, CANONICAL_XML)?;
    algorithm(walk, &SIGNATURE_METHOD, ECDSA_SHA384)?;
    let digest = reference(walk)?;
    walk.close(&SIGNED_INFO)?;
    let signed = walk.take().into_bytes();
    let value = base64(walk.text(&SIGNATURE_VALUE)?, SIGNATURE_VALUE.name)?;
    let certificates = key_info(walk)?;
    walk.close(&SIGNATURE)?;
    Ok(Signature { digest, signed, value, certificates })
}

/// One reference, to the document that the signature is in.
fn reference(walk: &mut Walk<'_>) -> Result<[u8; 48], DecodeError> {
    let attributes = walk.open(&REFERENCE)?;
    only(&attributes, "", &REFERENCE)?;
    walk.open(&TRANSFORMS)?;
    algorithm(walk, &TRANSFORM, ENVELOPED)?;
    algorithm(walk, &TRANSFORM, CANONICAL_XML)?;
    walk.close(&TRANSFORMS)?;
    algorithm(walk, &DIGEST_METHOD, SHA384)?;
    let digest = base64(walk.text(&DIGEST_VALUE)?, DIGEST_VALUE.name)?;
    walk.close(&REFERENCE)?;
    Ok(digest)
}

/// Certificates and nothing else: a key beside them could be taken for the signer's.
fn key_info(walk: &mut Walk<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    walk.open(&KEY_INFO)?;
    walk.open(&X509_DATA)?;
    let mut certificates = Vec::new();
    while walk.at(&X509_CERTIFICATE) {
        if certificates.len() == MOST_CERTIFICATES {
            return Err(DecodeError::TooMany { what: "certificates", limit: MOST_CERTIFICATES });
        }
        certificates.push(certificate(walk.text(&X509_CERTIFICATE)?)?);
    }
    walk.close(&X509_DATA)?;
    walk.close(&KEY_INFO)?;
    walk.take();
    Ok(certificates)
}

fn algorithm(
    walk: &mut Walk<'_>,
    shape: &Shape,
    expected: &'static str,
) -> Result<(), DecodeError> {
    let attributes = walk.empty(shape)?;
    only(&attributes, expected, shape)
}

fn only(
    attributes: &[Attribute<'_>],
    expected: &'static str,
    shape: &Shape,
) -> Result<(), DecodeError> {
    match attributes {
        [one] if one.value == expected => Ok(()),
        _ => Err(DecodeError::Algorithm { element: shape.name, expected }),
    }
}

/// Base64 in one line, in its one spelling.
fn base64<const N: usize>(text: &str, element: &'static str) -> Result<[u8; N], DecodeError> {
    let bytes = STANDARD.decode(text).map_err(|_| DecodeError::Base64 { element })?;
    <[u8; N]>::try_from(bytes).map_err(|_| DecodeError::Base64 { element })
}

/// Base64 in lines of 64 letters, each with its end, in its one spelling.
fn certificate(text: &str) -> Result<Vec<u8>, DecodeError> {
    let broken = DecodeError::Base64 { element: X509_CERTIFICATE.name };
    let lines = text.strip_suffix('\n').ok_or(broken.clone())?;
    let letters: String = lines.split('\n').collect();
    let full = letters.len().div_ceil(LINE).saturating_sub(1);
    let lengths_fit = lines.split('\n').take(full).all(|line| line.len() == LINE);
    let counts_fit = lines.split('\n').count() == full.saturating_add(1);
    match STANDARD.decode(letters) {
        Ok(der) if lengths_fit && counts_fit && !der.is_empty() => Ok(der),
        _ => Err(broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_have_one_spelling() {
        let broken = Err(DecodeError::Base64 { element: "ds:X509Certificate" });
        let line = "A".repeat(64);
        for (text, bytes) in
            [("AQID\n".to_owned(), 3), (format!("{line}\n"), 48), (format!("{line}\nAQI=\n"), 50)]
        {
            assert_eq!(certificate(&text).map(|der| der.len()), Ok(bytes), "{text}");
            for other in [
                text.replace('\n', ""),
                format!("{text}\n"),
                format!("\n{text}"),
                text.replacen('A', "A\n", 1),
            ] {
                assert_eq!(certificate(&other), broken, "{other}");
            }
        }
        for other in ["AQJ=\n", "AQI\n", " AQI=\n", "\n"] {
            assert_eq!(certificate(other), broken, "{other}");
        }
        assert_eq!(certificate(&format!("{line}{line}\n")), broken);
    }
}
