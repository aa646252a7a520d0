//! Certificates, revocation lists and their signatures, at a time that the caller gives.
//!
//! Only what the vendors of confidential hardware use is accepted: RSA-PSS with SHA-384 (AMD) and ECDSA on P-256
//! and P-384. The parts of a certificate that its issuer did not sign are compared byte for byte, so that one
//! signed body has exactly one encoding.

mod certificate;
mod crl;
pub(crate) mod der;
mod pem;
mod signature;
mod signatures;

pub use certificate::{Authority, AuthorityError, Certificate, Extension, Name};
pub use crl::Crl;
pub use pem::{PemBlock, PemError, blocks, canonical};
pub use signature::{Algorithm, BadSignature, KeyKind, PublicKey};
pub(crate) use signatures::{Signatures, Signed};

/// The longest certificate that is read at all.
pub const LONGEST_CERTIFICATE: usize = 16 * 1024;
/// The longest revocation list that is read at all.
pub const LONGEST_CRL: usize = 1024 * 1024;

/// A pinned root and the simulated ones beside it, for people.
pub(crate) fn named_roots(pinned: &Certificate, simulated: &[[u8; 32]]) -> String {
    let mut names = pinned.subject.shown().to_owned();
    for digest in simulated {
        names.push_str(&format!(" or the simulated root {}", hex::encode(digest)));
    }
    names
}

/// Why bytes are not one certificate, or not one revocation list.
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
    /// Not DER: a wrong tag, a length in a longer form than needed, too few bytes or bytes left over.
    #[error("{field} is not encoded as DER requires")]
    Der {
        /// Which part.
        field: &'static str,
    },
    /// DER, but not of the structure of RFC 5280.
    #[error("{field} is not what RFC 5280 requires")]
    Structure {
        /// Which part.
        field: &'static str,
    },
    /// The signed and the unsigned name of the signature algorithm differ (RFC 5280 §4.1.1.2).
    #[error("the signature algorithm outside the signed part differs from the one inside")]
    AlgorithmsDiffer,
    /// A signature algorithm that no vendor here uses.
    #[error(
        "the signature algorithm is none of RSA-PSS with SHA-384, ECDSA with SHA-256, ECDSA with SHA-384"
    )]
    Algorithm,
    /// An extension appears twice (RFC 5280 §4.2).
    #[error("extension {oid} appears twice")]
    Duplicate {
        /// The extension.
        oid: String,
    },
    /// A critical extension that this code does not know: RFC 5280 §4.2 says refuse.
    #[error("critical extension {oid} is not known")]
    Critical {
        /// The extension.
        oid: String,
    },
}
