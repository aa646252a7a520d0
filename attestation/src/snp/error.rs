//! Why evidence of SEV-SNP was not verified, one enum for each stage.

use crate::time::{UnixTime, Window};
use crate::x509::{self, AuthorityError, KeyKind};

use super::flags::SigningKey;
use super::report::DecodeError;
use super::tcb::{Cpuid, Generation, Tcb};
use super::vek::ExtensionError;

/// The first reason why evidence was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnpError {
    /// The bytes are not a report that can be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The endorsements are not what they should be.
    #[error(transparent)]
    Endorsements(#[from] EndorsementError),
    /// The report contradicts itself, its chain or its signature.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The certificate of the signing key does not fit the report.
    #[error(transparent)]
    Vek(#[from] VekError),
    /// The certificate of the signing key does not reach a trusted root.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A revocation list was given and does not count, or it names a certificate in use.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// Nothing failed, and something that is needed was not there.
    #[error("undecided: {missing} could not be checked")]
    Undecided {
        /// The id of the first check that could not run.
        missing: &'static str,
    },
}

impl SnpError {
    /// True when no check failed: with more endorsements the answer may be yes or no.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }
}

/// What was given beside the report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementError {
    /// More than any chain needs.
    #[error("{found} certificates and lists are more than {limit}")]
    TooMany {
        /// How many were given.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// One of the certificates.
    #[error("certificate {index}: {reason}")]
    Certificate {
        /// Counted from 0 in the order given.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
    /// One of the revocation lists.
    #[error("revocation list {index}: {reason}")]
    Crl {
        /// Counted from 0 in the order given.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
}

/// What is wrong with the report itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// SIGNATURE_ALGO.
    #[error("signature algorithm {found} is not supported: 1 expected")]
    Algorithm {
        /// As found.
        found: u32,
    },
    /// MASK_CHIP_KEY is set or SIGNING_KEY is none: the firmware did not sign.
    #[error("the firmware did not sign this report")]
    NotSigned,
    /// SIGNING_KEY has a reserved value.
    #[error("signing key {found} is reserved")]
    SigningKey {
        /// As found.
        found: u8,
    },
    /// The processor is of another generation than the root.
    #[error("the processor is {found}, the root is {root}'s")]
    Cpuid {
        /// By the report.
        found: Cpuid,
        /// By the chain.
        root: Generation,
    },
    /// A byte of the signature field is set that no signature needs.
    #[error("the signature field is not in its one encoding")]
    SignatureEncoding,
    /// The signature does not verify.
    #[error("the report's signature does not verify under the given key")]
    Signature,
}

/// What is wrong with the certificate of the signing key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VekError {
    /// SIGNING_KEY, common name, issuer and extensions do not say the same.
    #[error("report, name, issuer and extensions do not agree on the kind of key")]
    Kind {
        /// By the report.
        report: SigningKey,
        /// The certificate's common name.
        name: String,
        /// Its issuer's common name.
        issuer: String,
    },
    /// Not a key on P-384.
    #[error("the key is {found:?}: P-384 expected")]
    Key {
        /// As found.
        found: KeyKind,
    },
    /// AMD's extensions.
    #[error(transparent)]
    Extensions(#[from] ExtensionError),
    /// Product or issuer of another generation than the root.
    #[error("the certificate is for product {product} by {issuer}, the root is {root}'s")]
    Product {
        /// Product name in the certificate.
        product: String,
        /// Its issuer's common name.
        issuer: String,
        /// By the chain.
        root: Generation,
    },
    /// The key was derived for another TCB than the report says.
    #[error("the key is for TCB {certificate:?}, the report says {report:?}")]
    Tcb {
        /// By the extensions.
        certificate: Tcb,
        /// By the report.
        report: Tcb,
    },
    /// The chip's name has the wrong length for its generation.
    #[error("the chip's name has {found} bytes: {expected} expected")]
    HwidLength {
        /// By the extension.
        found: usize,
        /// By the generation.
        expected: usize,
    },
    /// The key is another chip's.
    #[error("the certificate names another chip than the report")]
    Hwid,
    /// Before or after its time.
    #[error("the certificate counts from {window}, it is {now}")]
    Validity {
        /// By the certificate.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
}

/// What is wrong above the certificate of the signing key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The root that was given is none of those trusted.
    #[error("the root {name} is not pinned")]
    RootNotPinned {
        /// Its common name.
        name: String,
        /// SHA-256 of its certificate.
        sha256: [u8; 32],
    },
    /// No trusted root has the name that the authority's issuer has.
    #[error("no pinned root is named {name}")]
    RootUnknown {
        /// The common name of the authority's issuer.
        name: String,
    },
    /// An authority may not sign what it signed.
    #[error("{name}: {reason}")]
    Constraints {
        /// The authority's common name.
        name: String,
        /// Why.
        reason: AuthorityError,
    },
    /// Before or after its time.
    #[error("{name} counts from {window}, it is {now}")]
    Validity {
        /// The authority's common name.
        name: String,
        /// By the certificate.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// One link does not hold.
    #[error("{subject} is not signed by {issuer}")]
    Signature {
        /// Common name below.
        subject: String,
        /// Common name above.
        issuer: String,
    },
}

/// What is wrong with a revocation list, or what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// Of another issuer than the root of this chain.
    #[error("the revocation list is {found}'s, the root is {expected}")]
    Issuer {
        /// The list's issuer.
        found: String,
        /// The root.
        expected: String,
    },
    /// The root may not sign lists.
    #[error("the root: {reason}")]
    Constraints {
        /// Why.
        reason: AuthorityError,
    },
    /// Before its date, or after its successor's.
    #[error("the revocation list counts from {window}, it is {now}")]
    Validity {
        /// By the list.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// Not signed by the root.
    #[error("the revocation list is not signed by the root")]
    Signature,
    /// A certificate of this chain is on it.
    #[error("{name} is revoked")]
    Revoked {
        /// Its common name.
        name: String,
    },
}
