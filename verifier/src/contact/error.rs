//! Why a node showed no evidence.

use sealroom_attestation::{
    checks::{self, Check},
    endpoints::Problem,
    seal::RandomFailed,
};

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// No TCP connection.
    #[error("no connection to {address}: {reason}")]
    Connect {
        /// Where to.
        address: String,
        /// The operating system's reason.
        reason: String,
    },
    /// The server showed a certificate and did not prove that it holds its key.
    #[error("the server showed a certificate without proving that it holds the certificate's key")]
    CertificateVerify,
    /// The TLS handshake ended otherwise.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// A step took too long.
    #[error("{step} took longer than {seconds} s")]
    Deadline {
        /// Which.
        step: &'static str,
        /// Its deadline.
        seconds: u64,
    },
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Connection(String),
    /// The answer to the challenge is no evidence.
    #[error("the challenge was answered with status {status} and type {media_type:?}")]
    Answer {
        /// The HTTP status.
        status: u16,
        /// The media type, shortened.
        media_type: String,
    },
    /// The node says that it has no evidence now, or too much to do.
    #[error("the node cannot answer now: {0:?}")]
    Unready(Problem),
    /// The bundle is longer than any.
    #[error("the evidence is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// No nonce could be drawn.
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

impl ContactError {
    /// The check that failed, with its reason and its remedy.
    #[must_use]
    pub const fn reason(&self) -> &'static Check {
        match self {
            Self::Connect { .. } => &checks::HTTP_CONNECT,
            Self::CertificateVerify => &checks::TLS_CERTIFICATE_VERIFY,
            Self::Handshake(_) => &checks::TLS_HANDSHAKE,
            Self::Deadline { .. } => &checks::HTTP_DEADLINE,
            Self::Connection(_) => &checks::HTTP_CONNECTION,
            Self::Answer { .. } => &checks::HTTP_STATUS,
            Self::Unready(problem) => problem.check(),
            Self::TooLong { .. } => &checks::BUNDLE_ENCODING,
            Self::Random(_) => &checks::SEAL_REQUEST,
        }
    }

    /// True when the node was checked and is wrong, not merely out of reach.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::CertificateVerify | Self::TooLong { .. })
    }
}
