//! One certificate (RFC 5280 §4), decoded once and kept with the bytes that its issuer signed.

use x509_parser::certificate::{TbsCertificate, X509Certificate};
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE};
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{X509Name, X509Version};

use crate::time::{UnixTime, Window};
use crate::transcript::sha256;

use super::signature::{Algorithm, BadSignature, PublicKey};
use super::{DecodeError, LONGEST_CERTIFICATE, der};

/// keyUsage (RFC 5280 §4.2.1.3).
const KEY_USAGE: &str = "2.5.29.15";

/// A distinguished name. Two names are the same when their bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The whole encoded name.
    pub der: Vec<u8>,
    /// Its one common name; `None` when there is none, more than one, or one that is not visible ASCII: names go to
    /// terminals and logs, where an attacker's control characters would write the verifier's words.
    pub common_name: Option<String>,
}

impl Name {
    pub(super) fn from_parsed(name: &X509Name<'_>) -> Self {
        let mut names = name.iter_common_name().map(|attribute| attribute.as_str().ok());
        let common_name = match (names.next(), names.next()) {
            (Some(name), None) => {
                name.filter(|name| name.bytes().all(|b| matches!(b, 0x20..=0x7e)))
            }
            _ => None,
        };
        Self { der: name.as_raw().to_vec(), common_name: common_name.map(str::to_owned) }
    }

    /// The common name, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.common_name.as_deref().unwrap_or("(no single common name)")
    }
}

/// One extension, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// In dotted form.
    pub oid: String,
    /// RFC 5280 §4.2: who does not know it must refuse.
    pub critical: bool,
    /// The content of the OCTET STRING around it.
    pub value: Vec<u8>,
}

/// What a certificate may sign, by basicConstraints and keyUsage (RFC 5280 §4.2.1.3 and §4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// How many authorities may stand below it; `None` is any number.
    pub below: Option<u32>,
    /// It may sign certificates.
    pub certificates: bool,
    /// It may sign revocation lists.
    pub lists: bool,
    /// Both extensions are marked critical, as the vendors mark them.
    pub critical: bool,
}

/// Why a certificate may not stand above another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// basicConstraints says no, or is missing; or keyUsage is missing.
    #[error("it is not an authority")]
    NotAnAuthority,
    /// keyUsage does not allow it to sign certificates.
    #[error("it may not sign certificates")]
    MayNotSign,
    /// keyUsage does not allow it to sign revocation lists.
    #[error("it may not sign revocation lists")]
    MayNotRevoke,
    /// basicConstraints or keyUsage is not critical.
    #[error("its constraints are not critical")]
    NotCritical,
    /// More authorities stand below it than it allows.
    #[error("it allows {allowed} authorities below, {found} stand there")]
    TooDeep {
        /// By basicConstraints.
        allowed: u32,
        /// In this chain.
        found: u32,
    },
}

/// A certificate of version 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of all its bytes: its name in lists of pinned roots.
    pub sha256: [u8; 32],
    /// How its issuer signed it.
    pub algorithm: Algorithm,
    /// The serial number's bytes, without leading zeros.
    pub serial: Vec<u8>,
    /// Who signed it.
    pub issuer: Name,
    /// Who it is for.
    pub subject: Name,
    /// When it counts.
    pub validity: Window,
    /// The key that it is about.
    pub key: PublicKey,
    /// What it may sign; `None` when it is no authority.
    pub authority: Option<Authority>,
    /// Every extension.
    pub extensions: Vec<Extension>,
    body: Vec<u8>,
    signature: Vec<u8>,
}

impl Certificate {
    /// Decodes one certificate of which every byte is accounted for.
    ///
    /// # Errors
    /// When the bytes are not exactly one certificate of version 3 with an algorithm that is used here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_knowing(bytes, &[])
    }

    /// The same for a reader who knows more extensions, which may then be critical.
    pub(crate) fn decode_knowing(bytes: &[u8], known: &[&str]) -> Result<Self, DecodeError> {
        let signed = der::signed(bytes, LONGEST_CERTIFICATE)?;
        let structure = |field| DecodeError::Structure { field };
        let (rest, parsed) =
            X509Certificate::from_der(bytes).map_err(|_| structure("the certificate"))?;
        let body = parsed.tbs_certificate;
        if !rest.is_empty() || body.version != X509Version::V3 {
            return Err(structure("the version"));
        }
        let validity =
            Window { from: time(body.validity.not_before)?, until: time(body.validity.not_after)? };
        Ok(Self {
            sha256: sha256(bytes),
            algorithm: Algorithm::from_identifier(signed.algorithm)
                .ok_or(DecodeError::Algorithm)?,
            serial: without_zeros(body.raw_serial()).to_vec(),
            issuer: Name::from_parsed(&body.issuer),
            subject: Name::from_parsed(&body.subject),
            validity,
            key: PublicKey::from_parsed(&body.subject_pki),
            authority: authority(&body)?,
            extensions: extensions(&body, known)?,
            body: signed.body.to_vec(),
            signature: signed.signature.to_vec(),
        })
    }

    /// True when it names itself as its issuer.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject.der == self.issuer.der
    }

    /// Checks the signature of the one who stands above. Names, windows and constraints are the caller's.
    ///
    /// # Errors
    /// When the signature does not verify under that key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        issuer.verify(self.algorithm, &self.body, &self.signature)
    }

    /// Checks that this certificate may sign others, with so many authorities between it and the leaf.
    ///
    /// # Errors
    /// Which constraint forbids it.
    pub fn may_sign(&self, between: u32) -> Result<(), AuthorityError> {
        let authority = self.authority.ok_or(AuthorityError::NotAnAuthority)?;
        match authority {
            Authority { critical: false, .. } => Err(AuthorityError::NotCritical),
            Authority { certificates: false, .. } => Err(AuthorityError::MayNotSign),
            Authority { below: Some(allowed), .. } if allowed < between => {
                Err(AuthorityError::TooDeep { allowed, found: between })
            }
            _ => Ok(()),
        }
    }

    /// Checks that this certificate may sign revocation lists.
    ///
    /// # Errors
    /// Which constraint forbids it.
    pub fn may_revoke(&self) -> Result<(), AuthorityError> {
        match self.authority {
            None => Err(AuthorityError::NotAnAuthority),
            Some(Authority { lists: false, .. }) => Err(AuthorityError::MayNotRevoke),
            Some(_) => Ok(()),
        }
    }

    /// True when keyUsage allows the key to sign things that are no certificates (digitalSignature).
    #[must_use]
    pub fn may_sign_data(&self) -> bool {
        // BIT STRING: a tag, a length, the number of unused bits, and bit 0 in the first place.
        let usage = self.extension(KEY_USAGE).map(|extension| extension.value.as_slice());
        matches!(usage, Some([3, _, 0..=7, bits, ..]) if bits & 0x80 != 0)
    }

    /// The one extension of this name.
    #[must_use]
    pub fn extension(&self, oid: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }
}

/// Seconds since 1970; no vendor issued anything earlier.
pub(super) fn time(time: ASN1Time) -> Result<UnixTime, DecodeError> {
    let seconds =
        u64::try_from(time.timestamp()).map_err(|_| DecodeError::Structure { field: "a date" })?;
    Ok(UnixTime(seconds))
}

/// The same number whatever its sign byte: serials are compared as numbers.
pub(super) fn without_zeros(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

fn authority(body: &TbsCertificate<'_>) -> Result<Option<Authority>, DecodeError> {
    let structure = |field| DecodeError::Structure { field };
    let constraints = body.basic_constraints().map_err(|_| structure("basicConstraints"))?;
    let usage = body.key_usage().map_err(|_| structure("keyUsage"))?;
    let (Some(constraints), Some(usage)) = (constraints, usage) else { return Ok(None) };
    if !constraints.value.ca {
        return Ok(None);
    }
    Ok(Some(Authority {
        below: constraints.value.path_len_constraint,
        certificates: usage.value.key_cert_sign(),
        lists: usage.value.crl_sign(),
        critical: constraints.critical && usage.critical,
    }))
}

fn extensions(
    body: &TbsCertificate<'_>,
    known_too: &[&str],
) -> Result<Vec<Extension>, DecodeError> {
    let mut extensions: Vec<Extension> = Vec::new();
    for extension in body.extensions() {
        let oid = extension.oid.to_id_string();
        if extensions.iter().any(|earlier| earlier.oid == oid) {
            return Err(DecodeError::Duplicate { oid });
        }
        let known = extension.oid == OID_X509_EXT_BASIC_CONSTRAINTS
            || extension.oid == OID_X509_EXT_KEY_USAGE;
        if extension.critical && !known && !known_too.contains(&oid.as_str()) {
            return Err(DecodeError::Critical { oid });
        }
        if known && matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. }) {
            return Err(DecodeError::Structure { field: "basicConstraints or keyUsage" });
        }
        let (critical, value) = (extension.critical, extension.value.to_vec());
        extensions.push(Extension { oid, critical, value });
    }
    Ok(extensions)
}
