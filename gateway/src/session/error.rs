//! Why no session was opened, and why an exchange did not end well. Nothing here holds a byte of a user.

use std::sync::Arc;

use sealroom_attestation::{
    Refusal,
    checks::{self, Check},
    endpoints::Problem,
    receipt::{Receipt, ReceiptError},
    seal::{FrameError, KeyError, SealError, bhttp::BhttpError},
};
use sealroom_verifier::{Decision, Verdict, contact::ContactError};

/// Why a node was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The node showed no evidence.
    #[error(transparent)]
    Contact(#[from] ContactError),
    /// The evidence was judged and not accepted. Refused and undecided are equal for sealing.
    #[error("{}", refusal(.0))]
    Refused(Box<Verdict>),
    /// The attested key configurations hold none that may be used.
    #[error("no attested key can be sealed to: {0}")]
    Keys(#[from] KeyError),
}

impl SessionError {
    /// The stable name of the check that failed.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.reason().id
    }

    /// The check that failed, with its reason and its remedy.
    #[must_use]
    pub fn reason(&self) -> &'static Check {
        match self {
            Self::Contact(error) => error.reason(),
            Self::Refused(verdict) => {
                verdict.decisive().map_or(&checks::STATEMENT_FRESHNESS, |finding| finding.check)
            }
            Self::Keys(_) => &checks::SEAL_CONFIGURATION,
        }
    }

    /// The verdict, where evidence came and was judged.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Refused(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// True when the node was checked and is wrong, not merely out of reach.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(verdict) => verdict.decision == Decision::Refused,
            Self::Contact(error) => error.is_refusal(),
            Self::Keys(_) => true,
        }
    }
}

fn refusal(verdict: &Verdict) -> String {
    let decision = verdict.decision.name();
    let Some(finding) = verdict.decisive() else {
        return format!("the node's evidence is {decision}");
    };
    let (id, found) = (finding.check.id, &finding.found);
    if finding.expected.is_empty() {
        return format!("the node's evidence is {decision}: {id}: {found}");
    }
    format!("the node's evidence is {decision}: {id}: found {found}, expected {}", finding.expected)
}

/// Why an exchange failed. Nothing of the answer counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// There is no verified session.
    #[error(transparent)]
    Session(Arc<SessionError>),
    /// The session ended before the request was sealed, or its grace ended before the answer did.
    #[error("the session is over")]
    Expired,
    /// The connection ended before an answer began.
    #[error("the connection ended before the answer: {0}")]
    Connection(String),
    /// A step took too long.
    #[error("{step} took longer than {seconds} s")]
    Deadline {
        /// Which.
        step: &'static str,
        /// Its deadline.
        seconds: u64,
    },
    /// The node answered with one of its constant problems.
    #[error("the node answered {0:?}")]
    Problem(Problem),
    /// Something that is no node's answer.
    #[error("the answer has status {status} and type {media_type:?}, which no node sends")]
    Answer {
        /// The HTTP status.
        status: u16,
        /// The media type, shortened.
        media_type: String,
    },
    /// The carrier broke off inside the answer.
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    /// The request was not sealed.
    #[error("the request could not be sealed: {0}")]
    Request(SealError),
    /// The message inside the seal could not be written.
    #[error("the request could not be encoded: {0}")]
    Encode(BhttpError),
    /// The answer does not open, or not to its end.
    #[error("the sealed answer: {0}")]
    Response(SealError),
    /// The answer opens and is no message.
    #[error("the message inside the sealed answer: {0}")]
    Message(BhttpError),
    /// A trailer that every answer has is not there, or is not what its name says.
    #[error("the answer has no receipt that could be read: {0}")]
    ReceiptMissing(&'static str),
    /// The receipt is of something else.
    #[error("{}", receipt_refusal(.0))]
    Receipt(Box<Refusal<ReceiptError, Receipt>>),
    /// The tokens in the answer are not those in the receipt.
    #[error(
        "the receipt counts {receipt:?} tokens (prompt, completion), the answer says {answer:?}"
    )]
    Usage {
        /// Prompt and completion tokens of the receipt.
        receipt: (u64, u64),
        /// Prompt and completion tokens of the answer.
        answer: (u64, u64),
    },
    /// It failed before; there is nothing more to read.
    #[error("the exchange failed before")]
    Over,
}

impl ExchangeError {
    /// The stable name of the check that failed.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.reason().id
    }

    /// The check that failed, with its reason and its remedy.
    #[must_use]
    pub fn reason(&self) -> &'static Check {
        match self {
            Self::Session(error) => error.reason(),
            Self::Expired => &checks::SESSION_EXPIRED,
            Self::Connection(_) => &checks::HTTP_CONNECTION,
            Self::Deadline { .. } => &checks::HTTP_DEADLINE,
            Self::Problem(problem) => problem.check(),
            Self::Answer { .. } => &checks::HTTP_STATUS,
            Self::Request(_) | Self::Encode(_) => &checks::SEAL_REQUEST,
            Self::BrokenOff(_)
            | Self::Over
            | Self::Response(SealError::BadFrame(FrameError::Truncated))
            | Self::Message(BhttpError::Truncated) => &checks::SEAL_TRUNCATED,
            Self::Response(_) => &checks::SEAL_CHUNK,
            Self::Message(_) => &checks::SEAL_MESSAGE,
            Self::ReceiptMissing(_) => &checks::RECEIPT_MISSING,
            Self::Receipt(refusal) => refusal
                .ledger
                .failed()
                .next()
                .map_or(&checks::RECEIPT_SIGNATURE, |finding| finding.check),
            Self::Usage { .. } => &checks::RECEIPT_USAGE,
        }
    }
}

impl From<Arc<SessionError>> for ExchangeError {
    fn from(error: Arc<SessionError>) -> Self {
        Self::Session(error)
    }
}

impl From<SessionError> for ExchangeError {
    fn from(error: SessionError) -> Self {
        Self::Session(Arc::new(error))
    }
}

fn receipt_refusal(refusal: &Refusal<ReceiptError, Receipt>) -> String {
    match refusal.ledger.failed().next() {
        Some(row) => format!(
            "the receipt is not this answer's: {}: found {}, expected {}",
            row.check.id, row.found, row.expected
        ),
        None => refusal.error.to_string(),
    }
}
