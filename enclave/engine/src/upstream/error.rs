//! What can go wrong between the node and an engine beside it. No variant holds text of anybody.

/// Why an answer of an upstream engine is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// Nobody listens at the address, or nobody answers there in time.
    #[error("it takes no connection")]
    Connect,
    /// Another user's process has its socket, and would be sent the prompts.
    #[error("its socket is another user's")]
    Stranger,
    /// The connection ended in the middle of an answer.
    #[error("its connection ended before its answer did")]
    Cut,
    /// Nothing came for too long after the request.
    #[error("its answer did not begin in time")]
    FirstByte,
    /// Nothing came for too long in the middle of an answer.
    #[error("it fell silent in the middle of its answer")]
    Silence,
    /// It points somewhere else. Nothing is ever sent there.
    #[error("it answered with a redirect")]
    Redirect,
    /// Another status than 200.
    #[error("it answered with status {found}")]
    Status {
        /// The status.
        found: u16,
    },
    /// Another content type than was asked for.
    #[error("its answer is of another type than was asked for")]
    ContentType,
    /// Not JSON, or not of the shape that its interface has.
    #[error("its answer is malformed")]
    Malformed,
    /// An event, a stream or an answer that is too long.
    #[error("its answer is too long")]
    TooLong,
    /// More tokens than were asked for.
    #[error("it gave more tokens than were asked for")]
    TooManyTokens,
    /// It reported an error of its own in the middle of an answer.
    #[error("it reported an error in the middle of its answer")]
    Reported,
    /// The stream ended without its last event.
    #[error("its answer has no end")]
    Unfinished,
    /// The answer ended for no reason, or for one that is no end of an answer.
    #[error("its answer has no reason to end")]
    FinishReason,
    /// The stream did not count tokens.
    #[error("it did not say what it used")]
    NoUsage,
    /// What it counted is not what it sent.
    #[error("what it says that it used is not what it sent")]
    Usage,
    /// Text came without the log-probabilities of its tokens.
    #[error("it told no log-probabilities")]
    NoProbabilities,
    /// Thoughts came apart from the answer: they would be counted and not shown.
    #[error("it keeps its reasoning apart from its answer")]
    Reasoning,
    /// A call that is not one of a tool that was offered.
    #[error("it called no tool that was offered")]
    Call,
    /// This kind of engine has no such thing.
    #[error("its kind has no {feature}")]
    Unsupported {
        /// What it does not have.
        feature: &'static str,
    },
}
