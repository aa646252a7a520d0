//! Why a token of the attestation service does not count.

use crate::time::{UnixTime, Window};

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NrasError {
    /// Longer, or more, than anything that is read.
    #[error("{found} {what} are more than the {limit} that are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// Not the JSON that the service sends.
    #[error("{what} is not as NVIDIA's attestation service writes it: {reason}")]
    Structure {
        /// Which part.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Nobody signed it.
    #[error("{token} has the algorithm none: nobody signed it")]
    Unsigned {
        /// Which token.
        token: String,
    },
    /// Not ECDSA on P-384 with SHA-384.
    #[error("{token} has an algorithm that is not ES384")]
    Algorithm {
        /// Which token.
        token: String,
    },
    /// A key that is not on P-384, or is not the one of its certificate.
    #[error("key {key} of the key set is not a P-384 key, or not its certificate's")]
    Key {
        /// Its id.
        key: String,
    },
    /// No key set has the key that a token names.
    #[error("{token} is signed by the key {key}, which no key set has")]
    KeyUnknown {
        /// Which token.
        token: String,
        /// The key's id.
        key: String,
    },
    /// Not NVIDIA's service.
    #[error("{token} is not issued by NVIDIA's attestation service")]
    Issuer {
        /// Which token.
        token: String,
    },
    /// Before or after its time.
    #[error("{token} counts from {window}, it is {now}")]
    Validity {
        /// Which token.
        token: String,
        /// By its claims.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// About other evidence.
    #[error("{token} is about another nonce")]
    Nonce {
        /// Which token.
        token: String,
    },
    /// A device's token is not the one that the overall token names.
    #[error("the overall token is not about this token of {device}")]
    Digest {
        /// Which device.
        device: String,
    },
    /// The service's verifier refused.
    #[error("{token} says that the attestation failed")]
    Result {
        /// Which token.
        token: String,
    },
    /// Not signed by the key that it names.
    #[error("{token} is not signed by the key {key}")]
    Signature {
        /// Which token.
        token: String,
        /// The key's id.
        key: String,
    },
}
