//! Why evidence of a GPU was not verified, one enum for each stage.

use crate::evidence::GpuClass;
use crate::time::{UnixTime, Window};
use crate::x509::{self, AuthorityError, KeyKind, PemError};

use super::compare::CompareError;
use super::fields::Pdi;
use super::fwid::FwidError;
use super::nras::NrasError;
use super::ocsp::OcspError;
use super::rim::RimError;
use super::spdm::DecodeError;

/// The first reason why one device's evidence was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The bytes are not a report that can be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The certificates.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The firmware that the key belongs to.
    #[error(transparent)]
    Fwid(#[from] FwidError),
    /// The report itself.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A RIM does not count.
    #[error(transparent)]
    Rim(#[from] RimError),
    /// Golden values and measurements differ.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// An OCSP response does not count, or it names a certificate in use.
    #[error(transparent)]
    Ocsp(#[from] OcspError),
    /// A token of the attestation service does not count.
    #[error(transparent)]
    Nras(#[from] NrasError),
    /// Nothing failed, and something that is needed was not there.
    #[error("undecided: {missing} could not be checked")]
    Undecided {
        /// The id of the first check that could not run.
        missing: &'static str,
    },
}

impl GpuError {
    /// True when no check failed: with more evidence the answer may be yes or no.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }
}

/// What is wrong with a device's certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Longer than anything that is read.
    #[error("{found} bytes are more than the {} that are read", super::LONGEST_CHAIN)]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// Bytes that are no text.
    #[error("the certificate chain is not text")]
    NotText,
    /// The text around the certificates.
    #[error("the certificate chain is not PEM: {0}")]
    Pem(#[from] PemError),
    /// A block of another kind.
    #[error("the certificate chain holds something else than certificates")]
    Label,
    /// Not five.
    #[error("the certificate chain has {found} certificates: 5 expected")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// One of the certificates.
    #[error("certificate {index} of the chain: {reason}")]
    Certificate {
        /// Counted from 0, the leaf.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
    /// Not a leaf below three authorities below a root.
    #[error("the certificate chain is not in the order leaf, three authorities, root")]
    Order,
    /// The root is none of those trusted.
    #[error("the root {name} is not pinned")]
    RootNotPinned {
        /// Its common name.
        name: String,
        /// SHA-256 of its certificate.
        sha256: [u8; 32],
    },
    /// A common name is not what NVIDIA gives such certificates.
    #[error("{found}: {expected} expected")]
    Name {
        /// Its common name.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The certificate above has another name than the one that is said to have signed.
    #[error("{subject} is by {issuer}: {expected} stands above it")]
    Issuer {
        /// Common name below.
        subject: String,
        /// Common name of the issuer that it names.
        issuer: String,
        /// Common name above.
        expected: String,
    },
    /// The certificates are of another kind of device, or of one that is not known.
    #[error("the certificates are of {chip}, the report is read as {expected:?}'s")]
    Class {
        /// The chip, by the identity key's name.
        chip: String,
        /// By whose rules the report was read.
        expected: GpuClass,
    },
    /// Not a key on P-384, or not signed with one.
    #[error(
        "{name}: the key is {found:?} or its signature is of another kind, ECDSA on P-384 expected"
    )]
    Key {
        /// The certificate's common name.
        name: String,
        /// As found.
        found: KeyKind,
    },
    /// A certificate may not sign what it signed.
    #[error("{name}: {reason}")]
    Constraints {
        /// Its common name.
        name: String,
        /// Why.
        reason: AuthorityError,
    },
    /// The leaf's key is not for signatures.
    #[error("{name} is not for signatures")]
    Usage {
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
    /// The identity key's serial number is not the class and the device's number.
    #[error("the identity key's serial number {serial} is none of {class:?}")]
    Serial {
        /// In hexadecimal.
        serial: String,
        /// The kind of device.
        class: GpuClass,
    },
    /// The leaf says that it is another device's.
    #[error("the attestation key is said to be {found}'s: {expected} expected")]
    Device {
        /// By the certificate.
        found: String,
        /// By the chain.
        expected: String,
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

/// What is wrong with the report itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It answers another nonce.
    #[error("the report answers another nonce")]
    Nonce,
    /// A switch's own number is not its certificate's.
    #[error("the switch says that it is {found}, its certificate {expected}")]
    SwitchPdi {
        /// By the report.
        found: Pdi,
        /// By the certificate.
        expected: Pdi,
    },
    /// The signature does not verify.
    #[error("the report's signature does not verify under the attestation key")]
    Signature,
}

/// The first reason why a set of devices was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// One of the devices.
    #[error("{device}: {reason}")]
    Device {
        /// Which, as in the ledger's rows.
        device: String,
        /// Why.
        reason: Box<GpuError>,
    },
    /// The devices do not belong together.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// Nothing failed, and something that is needed was not there.
    #[error("undecided: {missing} could not be checked")]
    Undecided {
        /// The id of the first check that could not run.
        missing: &'static str,
    },
}

impl SetError {
    /// True when no check failed: with more evidence the answer may be yes or no.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }
}

/// Why devices do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Not a number of devices that stand together.
    #[error("{gpus} GPUs and {switches} switches do not stand together")]
    Count {
        /// GPUs.
        gpus: usize,
        /// Switches.
        switches: usize,
    },
    /// One device twice.
    #[error("{first} and {second} are one device")]
    Duplicate {
        /// The earlier.
        first: String,
        /// The later.
        second: String,
    },
    /// Of another architecture than the first, or behind switches that it has no links to.
    #[error("{device} is {found:?}: {expected:?} expected")]
    Architecture {
        /// Which.
        device: String,
        /// As verified.
        found: GpuClass,
        /// As the others.
        expected: GpuClass,
    },
    /// It answers another nonce than the first.
    #[error("{device} answers another nonce than the others")]
    Nonce {
        /// Which.
        device: String,
    },
    /// In another mode than the first.
    #[error("{device} is in another mode than the others")]
    Mode {
        /// Which.
        device: String,
    },
    /// Protected PCIe is not as the set needs it.
    #[error("{device} has protected PCIe {found}, with {switches} switches in the set")]
    Ppcie {
        /// Which.
        device: String,
        /// On, off or not reported.
        found: &'static str,
        /// Switches in the set.
        switches: usize,
    },
    /// A GPU names other switches than those that were verified, or none.
    #[error("{device} is connected to other switches")]
    Switches {
        /// Which.
        device: String,
    },
    /// A switch names other GPUs than those that were verified, or none.
    #[error("{device} is connected to other GPUs")]
    Gpus {
        /// Which.
        device: String,
    },
}
