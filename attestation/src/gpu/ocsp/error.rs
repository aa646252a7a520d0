//! Why an OCSP response does not count, or what it says.

use crate::time::{UnixTime, Window};
use crate::x509;

/// The bytes are not one response that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than anything that is read.
    #[error("{found} bytes are more than the {limit} that are read")]
    TooLong {
        /// The length given.
        found: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// Not DER of the known structure.
    #[error("{field} is not as RFC 6960 and DER require")]
    Structure {
        /// Which part.
        field: &'static str,
    },
    /// The responder did not answer.
    #[error("the responder answered with status {found}")]
    Status {
        /// OCSPResponseStatus.
        found: u8,
    },
    /// Another kind of response than the basic one.
    #[error("the response is of another kind than the basic one")]
    Kind,
    /// A certificate is named by another hash than SHA-1 or SHA-384.
    #[error("a certificate is named by another hash than SHA-1 or SHA-384")]
    Hash,
    /// Not ECDSA with SHA-384.
    #[error("the signature algorithm is not ECDSA with SHA-384")]
    Algorithm,
    /// A critical extension: RFC 6960 §4.4 has none that must be known here.
    #[error("critical extension {oid} is not known")]
    Critical {
        /// The extension, as bytes in hexadecimal.
        oid: String,
    },
    /// More of something than any responder sends.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// The certificate that came with it.
    #[error("certificate {index} of the response: {reason}")]
    Certificate {
        /// Counted from 0.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
}

impl From<x509::DecodeError> for DecodeError {
    fn from(error: x509::DecodeError) -> Self {
        match error {
            x509::DecodeError::Der { field } => Self::Structure { field },
            _ => Self::Structure { field: "the response" },
        }
    }
}

/// Why a response does not count, or what it says against a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspError {
    /// The bytes cannot be read.
    #[error("the OCSP response cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// More than any set of devices needs.
    #[error("{found} OCSP responses are more than the {limit} that are read")]
    TooMany {
        /// How many were given.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// About none of the certificates, while one of them has none.
    #[error("an OCSP response is about no certificate here, and {uncovered} has none")]
    Foreign {
        /// Common name of the first certificate without a response.
        uncovered: String,
    },
    /// No date for its successor: it would hide every later revocation.
    #[error("the OCSP response about {name} does not say when the next one comes")]
    Endless {
        /// The certificate's common name.
        name: String,
    },
    /// Before its date, or after its successor's.
    #[error("the OCSP response about {name} counts from {window}, it is {now}")]
    Validity {
        /// The certificate's common name.
        name: String,
        /// From thisUpdate to nextUpdate.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// Signed in the future.
    #[error("the OCSP response was made at {produced}, it is {now}")]
    Produced {
        /// producedAt.
        produced: UnixTime,
        /// The time given.
        now: UnixTime,
    },
    /// Revoked.
    #[error("{name} was revoked at {at}")]
    Revoked {
        /// The certificate's common name.
        name: String,
        /// When.
        at: UnixTime,
    },
    /// Its issuer does not know it.
    #[error("the responder does not know {name}")]
    Unknown {
        /// The certificate's common name.
        name: String,
    },
    /// A device's certificate is on hold.
    #[error("{name} is on hold since {at}")]
    Hold {
        /// The certificate's common name.
        name: String,
        /// Since when.
        at: UnixTime,
    },
    /// Neither the issuer itself, nor somebody whom the issuer made a responder.
    #[error("the responder is not {issuer} and was not made one by it: {why}")]
    Responder {
        /// Common name of who issued the certificate.
        issuer: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The responder's own certificate is out of its time.
    #[error("the responder's certificate counts from {window}, it is {now}")]
    ResponderValidity {
        /// By the certificate.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// Not signed by the responder.
    #[error("the OCSP response is not signed by {responder}")]
    Signature {
        /// Common name of the responder.
        responder: String,
    },
}
