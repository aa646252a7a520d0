//! One basic OCSP response (RFC 6960 §4.2), read strictly in DER and kept with the bytes that were signed.

use ring::digest;

use crate::reader::Reader;
use crate::time::{UnixTime, Window};
use crate::transcript::sha256;
use crate::x509::der::{self, BIT_STRING, INTEGER, SEQUENCE};
use crate::x509::{Algorithm, Certificate};

use super::error::DecodeError;

/// The longest response that is read.
pub const LONGEST_RESPONSE: usize = 64 * 1024;
/// More certificates than a response speaks of here.
const MOST_SINGLE: usize = 16;
const MOST_CERTIFICATES: usize = 4;
const MOST_EXTENSIONS: usize = 16;
/// A nonce is ignored, since nobody asked live; one of this length is still read (RFC 8954).
const LONGEST_EXTENSION: usize = 256;

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const GENERALIZED_TIME: u8 = 0x18;
const NULL: u8 = 0x05;
const BOOLEAN: u8 = 0x01;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_1: u8 = 0xa1;
const EXPLICIT_2: u8 = 0xa2;
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;
const UNKNOWN: u8 = 0x82;

/// id-pkix-ocsp-basic, SHA-1, SHA-384.
const BASIC: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
/// CRLReason certificateHold.
const CERTIFICATE_HOLD: u8 = 6;
/// extendedKeyUsage may be critical in a responder's certificate.
pub(super) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// How a response says who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Responder<'a> {
    /// The whole encoded name.
    Name(&'a [u8]),
    /// SHA-1 of the key.
    Key(&'a [u8]),
}

/// Which certificate, by its issuer's name and key and its own serial number (RFC 6960 §4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateId<'a> {
    sha1: bool,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
}

/// What is said about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Hold(UnixTime),
    Revoked(UnixTime),
    Unknown,
}

/// The answer about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Single<'a> {
    pub(super) id: CertificateId<'a>,
    pub(super) status: Status,
    pub(super) from: UnixTime,
    /// When the next one comes, if it says so.
    pub(super) until: Option<UnixTime>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response<'a> {
    pub(super) responder: Responder<'a>,
    pub(super) produced: UnixTime,
    pub(super) single: Vec<Single<'a>>,
    pub(super) certificates: Vec<Certificate>,
    pub(super) signed: &'a [u8],
    pub(super) signature: &'a [u8],
    /// Of all its bytes.
    pub(super) sha256: [u8; 32],
}

impl CertificateId<'_> {
    /// True when it names this certificate below this issuer.
    pub(super) fn names(&self, subject: &Certificate, issuer: &Certificate) -> bool {
        let hash = if self.sha1 { sha1 } else { sha384 };
        self.serial == subject.serial
            && self.issuer_name == hash(&issuer.subject.der).as_ref()
            && self.issuer_key == hash(issuer.key.bytes()).as_ref()
    }
}

/// SHA-1, which only finds certificates and proves nothing about them.
pub(super) fn sha1(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

pub(super) fn sha384(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA384, bytes)
}

impl Single<'_> {
    pub(super) fn window(&self) -> Option<Window> {
        self.until.map(|until| Window { from: self.from, until })
    }
}

impl<'a> Response<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (found, limit) = (bytes.len(), LONGEST_RESPONSE);
        if found > limit {
            return Err(DecodeError::TooLong { found, limit });
        }
        let mut parts = inside(&mut basic(bytes)?, SEQUENCE, "the basic response")?;
        let data = der::element(&mut parts, SEQUENCE, "the signed part")?;
        let algorithm = der::element(&mut parts, SEQUENCE, "the signature algorithm")?;
        if Algorithm::from_identifier(algorithm.whole) != Some(Algorithm::EcdsaSha384) {
            return Err(DecodeError::Algorithm);
        }
        let signature = der::element(&mut parts, BIT_STRING, "the signature")?;
        let Some((0, signature)) = signature.content.split_first() else {
            return Err(DecodeError::Structure { field: "the signature" });
        };
        let certificates = certificates(&mut parts)?;
        der::finish(parts, "the basic response")?;
        let (responder, produced, single) = data_of(data.content)?;
        let (signed, sha256) = (data.whole, sha256(bytes));
        Ok(Self { responder, produced, single, certificates, signed, signature, sha256 })
    }
}

/// OCSPResponse: a status, and the bytes of the basic response.
fn basic(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut outside = Reader::new(bytes);
    let mut parts = inside(&mut outside, SEQUENCE, "the response")?;
    der::finish(outside, "the response")?;
    let status = der::element(&mut parts, ENUMERATED, "the response status")?;
    match status.content {
        [0] => {}
        [found] => return Err(DecodeError::Status { found: *found }),
        _ => return Err(DecodeError::Structure { field: "the response status" }),
    }
    let mut explicit = inside(&mut parts, EXPLICIT_0, "the response bytes")?;
    der::finish(parts, "the response")?;
    let mut typed = inside(&mut explicit, SEQUENCE, "the response bytes")?;
    der::finish(explicit, "the response bytes")?;
    if der::element(&mut typed, OBJECT_IDENTIFIER, "the response type")?.content != BASIC {
        return Err(DecodeError::Kind);
    }
    let content = der::element(&mut typed, OCTET_STRING, "the response bytes")?.content;
    der::finish(typed, "the response bytes")?;
    let mut whole = Reader::new(content);
    der::element(&mut whole, SEQUENCE, "the basic response")?;
    der::finish(whole, "the basic response")?;
    Ok(Reader::new(content))
}

type Data<'a> = (Responder<'a>, UnixTime, Vec<Single<'a>>);

/// ResponseData. The version is 1, and a default is not written in DER.
fn data_of(content: &[u8]) -> Result<Data<'_>, DecodeError> {
    let mut parts = Reader::new(content);
    let responder = responder(&mut parts)?;
    let produced = time(&mut parts, "producedAt")?;
    let mut list = inside(&mut parts, SEQUENCE, "the responses")?;
    let mut single = Vec::new();
    while list.left() > 0 {
        if single.len() == MOST_SINGLE {
            return Err(DecodeError::TooMany { what: "answers", limit: MOST_SINGLE });
        }
        single.push(single_of(inside(&mut list, SEQUENCE, "one response")?)?);
    }
    extensions(&mut parts)?;
    der::finish(parts, "the signed part")?;
    Ok((responder, produced, single))
}

fn responder<'a>(parts: &mut Reader<'a>) -> Result<Responder<'a>, DecodeError> {
    let field = "the responder";
    if let Some(name) = der::optional(parts, EXPLICIT_1, field)? {
        let mut reader = Reader::new(name.content);
        let name = der::element(&mut reader, SEQUENCE, field)?.whole;
        der::finish(reader, field)?;
        return Ok(Responder::Name(name));
    }
    let mut key = inside(parts, EXPLICIT_2, field)?;
    let hash = der::element(&mut key, OCTET_STRING, field)?.content;
    der::finish(key, field)?;
    Ok(Responder::Key(hash))
}

fn single_of<'a>(mut parts: Reader<'a>) -> Result<Single<'a>, DecodeError> {
    let id = certificate_id(inside(&mut parts, SEQUENCE, "a certificate id")?)?;
    let status = status(&mut parts)?;
    let from = time(&mut parts, "thisUpdate")?;
    let until = match der::optional(&mut parts, EXPLICIT_0, "nextUpdate")? {
        None => None,
        Some(explicit) => {
            let mut reader = Reader::new(explicit.content);
            let until = time(&mut reader, "nextUpdate")?;
            der::finish(reader, "nextUpdate")?;
            Some(until)
        }
    };
    extensions(&mut parts)?;
    der::finish(parts, "one response")?;
    Ok(Single { id, status, from, until })
}

fn certificate_id<'a>(mut parts: Reader<'a>) -> Result<CertificateId<'a>, DecodeError> {
    let mut algorithm = inside(&mut parts, SEQUENCE, "the hash algorithm")?;
    let oid = der::element(&mut algorithm, OBJECT_IDENTIFIER, "the hash algorithm")?.content;
    // Both spellings of no parameters are in use.
    if der::optional(&mut algorithm, NULL, "the hash algorithm")?
        .is_some_and(|null| !null.content.is_empty())
    {
        return Err(DecodeError::Structure { field: "the hash algorithm" });
    }
    der::finish(algorithm, "the hash algorithm")?;
    let sha1 = match oid {
        _ if oid == SHA1 => true,
        _ if oid == SHA384 => false,
        _ => return Err(DecodeError::Hash),
    };
    let issuer_name = der::element(&mut parts, OCTET_STRING, "issuerNameHash")?.content;
    let issuer_key = der::element(&mut parts, OCTET_STRING, "issuerKeyHash")?.content;
    let serial = der::element(&mut parts, INTEGER, "the serial number")?.content;
    der::finish(parts, "a certificate id")?;
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    let serial = serial.get(zeros..).unwrap_or_default();
    Ok(CertificateId { sha1, issuer_name, issuer_key, serial })
}

/// Good and unknown are NULLs under implicit tags; revoked has a time and perhaps a reason.
fn status(parts: &mut Reader<'_>) -> Result<Status, DecodeError> {
    let field = "the certificate status";
    for (tag, status) in [(GOOD, Status::Good), (UNKNOWN, Status::Unknown)] {
        if let Some(null) = der::optional(parts, tag, field)? {
            let empty = null.content.is_empty();
            return if empty { Ok(status) } else { Err(DecodeError::Structure { field }) };
        }
    }
    let mut revoked = inside(parts, REVOKED, field)?;
    let at = time(&mut revoked, "the time of revocation")?;
    let reason = der::optional(&mut revoked, EXPLICIT_0, "the reason")?;
    der::finish(revoked, field)?;
    let Some(reason) = reason else { return Ok(Status::Revoked(at)) };
    let mut reader = Reader::new(reason.content);
    let reason = der::element(&mut reader, ENUMERATED, "the reason")?.content;
    der::finish(reader, "the reason")?;
    match reason {
        [CERTIFICATE_HOLD] => Ok(Status::Hold(at)),
        // CRLReason has no 7 and ends with 10 (RFC 5280 §5.3.1).
        [0..=5 | 8..=10] => Ok(Status::Revoked(at)),
        _ => Err(DecodeError::Structure { field: "the reason" }),
    }
}

/// GeneralizedTime in UTC and whole seconds: `20260601000000Z`.
fn time(parts: &mut Reader<'_>, field: &'static str) -> Result<UnixTime, DecodeError> {
    let content = der::element(parts, GENERALIZED_TIME, field)?.content;
    let text = std::str::from_utf8(content).ok().filter(|text| text.len() == 15);
    let part = |from, to| text.and_then(|text| text.get(from..to)).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second, zone) = (part(8, 10), part(10, 12), part(12, 14), part(14, 15));
    UnixTime::from_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}"))
        .ok_or(DecodeError::Structure { field })
}

/// Extensions under their explicit tag, if there are any. None is known, so none may be critical.
fn extensions(parts: &mut Reader<'_>) -> Result<(), DecodeError> {
    let field = "an extension";
    let Some(explicit) = der::optional(parts, EXPLICIT_1, field)? else { return Ok(()) };
    let mut explicit = Reader::new(explicit.content);
    let mut list = inside(&mut explicit, SEQUENCE, field)?;
    der::finish(explicit, field)?;
    let mut seen: Vec<&[u8]> = Vec::new();
    while list.left() > 0 {
        if seen.len() == MOST_EXTENSIONS {
            return Err(DecodeError::TooMany { what: "extensions", limit: MOST_EXTENSIONS });
        }
        let mut extension = inside(&mut list, SEQUENCE, field)?;
        let oid = der::element(&mut extension, OBJECT_IDENTIFIER, field)?.content;
        let critical = der::optional(&mut extension, BOOLEAN, field)?;
        let value = der::element(&mut extension, OCTET_STRING, field)?.content;
        der::finish(extension, field)?;
        if critical.is_some() {
            return Err(DecodeError::Critical { oid: hex::encode(oid) });
        }
        if value.len() > LONGEST_EXTENSION || seen.contains(&oid) {
            return Err(DecodeError::Structure { field });
        }
        seen.push(oid);
    }
    Ok(())
}

fn certificates<'a>(parts: &mut Reader<'a>) -> Result<Vec<Certificate>, DecodeError> {
    let field = "the certificates";
    let Some(explicit) = der::optional(parts, EXPLICIT_0, field)? else { return Ok(Vec::new()) };
    let mut explicit = Reader::new(explicit.content);
    let mut list = inside(&mut explicit, SEQUENCE, field)?;
    der::finish(explicit, field)?;
    let mut certificates = Vec::new();
    while list.left() > 0 {
        let index = certificates.len();
        if index == MOST_CERTIFICATES {
            return Err(DecodeError::TooMany { what: "certificates", limit: MOST_CERTIFICATES });
        }
        let whole = der::element(&mut list, SEQUENCE, field)?.whole;
        let certificate = Certificate::decode_knowing(whole, &[EXTENDED_KEY_USAGE])
            .map_err(|reason| DecodeError::Certificate { index, reason })?;
        certificates.push(certificate);
    }
    Ok(certificates)
}

/// A reader of what stands inside the next element.
fn inside<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Reader<'a>, DecodeError> {
    Ok(Reader::new(der::element(reader, tag, field)?.content))
}
