//! One revocation list (RFC 5280 §5).

use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::reader::Reader;
use crate::time::{UnixTime, Window};
use crate::transcript::sha256;

use super::certificate::{Name, time, without_zeros};
use super::der::{self, SEQUENCE, element};
use super::signature::{Algorithm, BadSignature, PublicKey};
use super::{DecodeError, LONGEST_CRL};

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXTENSIONS: u8 = 0xa0;
/// 2.5.29.20, cRLNumber.
const NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
/// 1 stands for version 2.
const VERSION_2: u8 = 1;

/// A complete revocation list of version 2 with a date for its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// SHA-256 of all its bytes.
    pub sha256: [u8; 32],
    /// How it was signed.
    pub algorithm: Algorithm,
    /// Who signed it.
    pub issuer: Name,
    /// From its own date to its successor's.
    pub validity: Window,
    /// Its number, which grows with every list of the issuer, without leading zeros: RFC 5280 §5.2.3. `None` where the
    /// list has none.
    pub number: Option<Vec<u8>>,
    revoked: Vec<Vec<u8>>,
    body: Vec<u8>,
    signature: Vec<u8>,
}

impl Crl {
    /// Decodes one list of which every byte is accounted for.
    ///
    /// # Errors
    /// When the bytes are not exactly one complete list, or it has no date for its successor: a list that never
    /// ends would hide every later revocation. Critical extensions are refused: they make a list cover less.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let signed = der::signed(bytes, LONGEST_CRL)?;
        let mut whole = Reader::new(signed.body);
        let mut body = inside(&mut whole, SEQUENCE, "the revocation list")?;
        if element(&mut body, INTEGER, "the version")?.content != [VERSION_2] {
            return Err(DecodeError::Structure { field: "the version" });
        }
        element(&mut body, SEQUENCE, "the signature algorithm")?;
        let issuer = element(&mut body, SEQUENCE, "the issuer")?.whole;
        let (_, issuer) = X509Name::from_der(issuer).map_err(|_| structure("the issuer"))?;
        let from = date(&mut body, "thisUpdate")?;
        let until = date(&mut body, "nextUpdate")?;
        let revoked = match next(&body) {
            Some(SEQUENCE) => serials(inside(&mut body, SEQUENCE, "the revoked certificates")?)?,
            _ => Vec::new(),
        };
        let mut number = None;
        if next(&body) == Some(EXTENSIONS) {
            let mut tagged = inside(&mut body, EXTENSIONS, "the extensions")?;
            let all = none_critical(inside(&mut tagged, SEQUENCE, "the extensions")?)?;
            der::finish(tagged, "the extensions")?;
            let value = all.iter().find(|(oid, _)| *oid == NUMBER).map(|(_, value)| *value);
            number = value.map(whole_number).transpose()?;
        }
        der::finish(body, "the revocation list")?;
        Ok(Self {
            sha256: sha256(bytes),
            algorithm: Algorithm::from_identifier(signed.algorithm)
                .ok_or(DecodeError::Algorithm)?,
            issuer: Name::from_parsed(&issuer),
            validity: Window { from, until },
            number,
            revoked,
            body: signed.body.to_vec(),
            signature: signed.signature.to_vec(),
        })
    }

    /// Checks the signature of the authority. Its name and its right to sign lists are the caller's.
    ///
    /// # Errors
    /// When the signature does not verify under that key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        issuer.verify(self.algorithm, &self.body, &self.signature)
    }

    /// True when the list names this serial, given without leading zeros.
    #[must_use]
    pub fn lists(&self, serial: &[u8]) -> bool {
        self.revoked.iter().any(|revoked| revoked == serial)
    }

    /// How many certificates the list names.
    #[must_use]
    pub fn count(&self) -> usize {
        self.revoked.len()
    }
}

/// The serial numbers of a list's entries (RFC 5280 §5.1.2.6), read here: a list may have a megabyte of them.
fn serials(mut entries: Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut serials = Vec::new();
    while entries.left() > 0 {
        let mut entry = inside(&mut entries, SEQUENCE, "a revoked certificate")?;
        let serial = element(&mut entry, INTEGER, "a revoked serial")?.content;
        serials.push(without_zeros(serial).to_vec());
        date(&mut entry, "a revocation date")?;
        if entry.left() > 0 {
            none_critical(inside(&mut entry, SEQUENCE, "the extensions")?)?;
        }
        der::finish(entry, "a revoked certificate")?;
    }
    Ok(serials)
}

/// An extension's name and value, as they are encoded.
type Extension<'a> = (&'a [u8], &'a [u8]);

/// Every extension by its name, none of them critical: it would make the list cover less, or say something that is not
/// read.
fn none_critical<'a>(mut extensions: Reader<'a>) -> Result<Vec<Extension<'a>>, DecodeError> {
    let field = "an extension";
    let mut all = Vec::new();
    while extensions.left() > 0 {
        let mut extension = inside(&mut extensions, SEQUENCE, field)?;
        let oid = element(&mut extension, OBJECT, field)?.content;
        if next(&extension) == Some(BOOLEAN) {
            return Err(DecodeError::Critical { oid: Oid::new(oid.into()).to_id_string() });
        }
        all.push((oid, element(&mut extension, OCTET_STRING, field)?.content));
        der::finish(extension, field)?;
    }
    Ok(all)
}

/// A list's number: an integer that is not negative.
fn whole_number(value: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let field = "the list's number";
    let mut reader = Reader::new(value);
    let number = element(&mut reader, INTEGER, field)?.content;
    der::finish(reader, field)?;
    match number.first() {
        None | Some(0x80..) => Err(structure(field)),
        Some(_) => Ok(without_zeros(number).to_vec()),
    }
}

/// UTCTime or GeneralizedTime (RFC 5280 §5.1.2.4).
fn date(body: &mut Reader<'_>, field: &'static str) -> Result<UnixTime, DecodeError> {
    let tag = next(body).filter(|tag| matches!(*tag, UTC_TIME | GENERALIZED_TIME));
    let date = element(body, tag.ok_or(structure(field))?, field)?.whole;
    let (_, date) = ASN1Time::from_der(date).map_err(|_| structure(field))?;
    time(date)
}

/// The tag of the next element.
fn next(reader: &Reader<'_>) -> Option<u8> {
    reader.clone().u8("tag").ok()
}

fn inside<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Reader<'a>, DecodeError> {
    Ok(Reader::new(element(reader, tag, field)?.content))
}

const fn structure(field: &'static str) -> DecodeError {
    DecodeError::Structure { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEQUENCE { INTEGER 0x80, UTCTime, extensions }
    fn entry(extensions: &[u8]) -> Vec<u8> {
        let mut entry = b"\x02\x02\x00\x80\x17\x0d260101000000Z".to_vec();
        entry.extend(extensions);
        entry.splice(0..0, [0x30, u8::try_from(entry.len()).unwrap()]);
        entry
    }

    fn read(entries: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
        serials(Reader::new(entries))
    }

    /// reasonCode (RFC 5280 §5.3.1), with what may stand between its name and its value.
    fn reason(critical: &[u8]) -> Vec<u8> {
        let mut reason = b"\x06\x03\x55\x1d\x15".to_vec();
        reason.extend(critical);
        reason.extend(b"\x04\x03\x0a\x01\x01");
        reason.splice(0..0, [0x30, u8::try_from(reason.len()).unwrap()]);
        reason.splice(0..0, [0x30, u8::try_from(reason.len()).unwrap()]);
        reason
    }

    #[test]
    fn reads_serials_without_their_sign_and_with_any_reason() {
        assert_eq!(read(&[]), Ok(Vec::new()));
        let two = [entry(&[]), entry(&reason(&[]))].concat();
        assert_eq!(read(&two), Ok(vec![vec![0x80]; 2]));
    }

    #[test]
    fn refuses_entries_that_say_more_than_is_read() {
        let oid = "2.5.29.21".to_owned();
        let critical = entry(&reason(&[1, 1, 0xff]));
        assert_eq!(read(&critical), Err(DecodeError::Critical { oid }));
        let more = entry(&[reason(&[]), vec![5, 0]].concat());
        assert_eq!(read(&more), Err(DecodeError::Der { field: "a revoked certificate" }));
        let no_date = [0x30, 3, 2, 1, 7];
        assert_eq!(read(&no_date), Err(structure("a revocation date")));
    }

    #[test]
    fn a_number_is_an_integer_without_a_sign() {
        assert_eq!(whole_number(&[2, 2, 0, 0x80]), Ok(vec![0x80]));
        assert_eq!(whole_number(&[2, 1, 0]), Ok(Vec::new()));
        let field = "the list's number";
        for bad in [&[2, 1, 0x80][..], &[2, 0]] {
            assert_eq!(whole_number(bad), Err(structure(field)), "{bad:?}");
        }
        assert_eq!(whole_number(&[2, 1, 1, 0]), Err(DecodeError::Der { field }));
    }
}
