//! Why evidence of TDX or SGX was not verified, one enum for each stage.

use crate::time::{UnixTime, Window};
use crate::x509::{self, AuthorityError, KeyKind, PemError};

use super::pck::ExtensionError;
use super::quote::DecodeError;

/// The first reason why evidence was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TdxError {
    /// The bytes are not a quote that can be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The endorsements cannot be read.
    #[error(transparent)]
    Endorsements(#[from] EndorsementError),
    /// The PCK certificate or its chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A revocation list does not count, or it names a certificate in use.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// TCB info or QE identity does not count, or is another platform's.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The quoting enclave is not Intel's, or did not certify this key.
    #[error(transparent)]
    Qe(#[from] QeError),
    /// The TDX module, or no level fits.
    #[error(transparent)]
    Tcb(#[from] TcbError),
    /// The quote itself.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// Nothing failed, and something that is needed was not there.
    #[error("undecided: {missing} could not be checked")]
    Undecided {
        /// The id of the first check that could not run.
        missing: &'static str,
    },
}

impl TdxError {
    /// True when no check failed: with more endorsements the answer may be yes or no.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }
}

/// What was given beside the quote cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementError {
    /// More than any platform needs.
    #[error("{found} certificates, lists and documents are more than {limit}")]
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
    /// TCB info or QE identity.
    #[error("{document}: {reason}")]
    Document {
        /// Which.
        document: &'static str,
        /// What is not as Intel writes it.
        reason: String,
    },
}

/// What is wrong with the PCK certificate or its chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The text around the chain.
    #[error("the quote's certificate chain is not PEM: {0}")]
    Pem(#[from] PemError),
    /// PEM, but not the one text for these certificates.
    #[error("the quote's certificate chain is not in canonical PEM")]
    NotCanonical,
    /// Not leaf, authority and root.
    #[error("the quote's certificate chain has {found} certificates: 3 expected")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// Not in the order leaf, authority, root.
    #[error("the quote's certificate chain is not in the order leaf, authority, root")]
    Order,
    /// One of its certificates.
    #[error("certificate {index} of the quote's chain: {reason}")]
    Certificate {
        /// Counted from 0, the leaf.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
    /// The root is none of those trusted.
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
    /// A common name or an issuer is not what Intel gives such certificates.
    #[error("{found} by {issuer}: {expected} expected")]
    Name {
        /// Its common name.
        found: String,
        /// Its issuer's common name.
        issuer: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Not a key on P-256, or not signed with one.
    #[error(
        "{name}: the key is {found:?} or its signature is of another kind, ECDSA on P-256 expected"
    )]
    Key {
        /// The certificate's common name.
        name: String,
        /// As found.
        found: KeyKind,
    },
    /// Intel's extensions.
    #[error(transparent)]
    Extensions(#[from] ExtensionError),
    /// A certificate may not sign what it signed, or an authority stands where a leaf should.
    #[error("{name}: {reason}")]
    Constraints {
        /// Its common name.
        name: String,
        /// Why.
        reason: AuthorityError,
    },
    /// An authority's certificate where a leaf's should be.
    #[error("{name} is an authority: a leaf was expected")]
    NotALeaf {
        /// Its common name.
        name: String,
    },
    /// Before or after its time.
    #[error("{name} counts from {window}, it is {now}")]
    Validity {
        /// Its common name.
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
    /// Of an issuer that is not in this chain.
    #[error("a revocation list is {found}'s, who is neither the root nor the PCK authority")]
    Issuer {
        /// The list's issuer.
        found: String,
    },
    /// Its issuer may not sign lists.
    #[error("{name}: {reason}")]
    Constraints {
        /// The issuer.
        name: String,
        /// Why.
        reason: AuthorityError,
    },
    /// Before its date, or after its successor's.
    #[error("the revocation list of {issuer} counts from {window}, it is {now}")]
    Validity {
        /// The list's issuer.
        issuer: String,
        /// By the list.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// Not signed by its issuer.
    #[error("the revocation list is not signed by {issuer}")]
    Signature {
        /// The list's issuer.
        issuer: String,
    },
    /// A certificate in use is on it.
    #[error("{name} is revoked")]
    Revoked {
        /// Its common name.
        name: String,
    },
}

/// What is wrong with TCB info or QE identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// For the other environment, or a version that is not known.
    #[error("{document} is {found}: {expected} expected")]
    Kind {
        /// Which document.
        document: &'static str,
        /// What it says it is.
        found: String,
        /// What the quote needs.
        expected: String,
    },
    /// For another platform.
    #[error("TCB info is for FMSPC {found}, the platform is {expected} (with PCE-ID)")]
    Platform {
        /// By the document.
        found: String,
        /// By the PCK certificate.
        expected: String,
    },
    /// Issued in the future, or past its next update.
    #[error("{document} counts from {window}, it is {now}")]
    Validity {
        /// Which document.
        document: &'static str,
        /// By its dates.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// Not signed by the TCB signing certificate.
    #[error("{document} is not signed by the TCB signing certificate")]
    Signature {
        /// Which document.
        document: &'static str,
    },
}

/// What is wrong with the quoting enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QeError {
    /// Not Intel's.
    #[error("the quoting enclave's vendor is not Intel")]
    Vendor,
    /// Report data is not the attestation key's.
    #[error("the quoting enclave's report does not name this attestation key")]
    Binding,
    /// MRSIGNER.
    #[error("the quoting enclave is signed by somebody else")]
    Signer,
    /// ISVPRODID.
    #[error("the quoting enclave is product {found}: {expected} expected")]
    Product {
        /// By the report.
        found: u16,
        /// By QE identity.
        expected: u16,
    },
    /// MISCSELECT under its mask.
    #[error("the quoting enclave's MISCSELECT differs")]
    MiscSelect,
    /// ATTRIBUTES under their mask.
    #[error("the quoting enclave's attributes differ")]
    Attributes,
    /// Reserved bytes are set.
    #[error("a reserved byte of the quoting enclave's report is set")]
    Reserved,
    /// ISVSVN is below every level.
    #[error("the quoting enclave's version {found} is below every level")]
    Level {
        /// By the report.
        found: u16,
    },
    /// Its report is not signed by the PCK key.
    #[error("the quoting enclave's report is not signed by the platform")]
    Signature,
}

/// What is wrong with the TDX module, or with the platform's versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TcbError {
    /// No level of the platform fits.
    #[error("no TCB level fits: {shortfall}")]
    Level {
        /// What is behind the lowest level.
        shortfall: String,
    },
    /// TCB info names no such module.
    #[error("TCB info knows no TDX module {id}")]
    Module {
        /// As `TDX_01`.
        id: String,
    },
    /// The module's version is below every level.
    #[error("TDX module {id} of version {found} is below every level")]
    ModuleLevel {
        /// As `TDX_01`.
        id: String,
        /// By TEE_TCB_SVN.
        found: u8,
    },
    /// MRSIGNERSEAM.
    #[error("the TDX module is signed by somebody else")]
    ModuleSigner,
    /// SEAMATTRIBUTES.
    #[error("the TDX module's attributes differ")]
    ModuleAttributes,
    /// A level says so.
    #[error("the {part} is revoked")]
    Revoked {
        /// Platform, module or quoting enclave.
        part: &'static str,
    },
}

/// What is wrong with the quote itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// Reserved bytes are set.
    #[error("a reserved byte of the quote is set")]
    Reserved,
    /// The signature does not verify.
    #[error("the quote's signature does not verify under the attestation key")]
    Signature,
}
