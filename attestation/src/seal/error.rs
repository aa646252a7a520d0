//! What can go wrong while sealing and opening. No error holds a byte of a user.

use super::random::RandomFailed;

/// Why a message was not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Unknown key id, wrong suite, decapsulation or the first chunk failed: one error, so that nobody
    /// learns which (wire specification §7, `ohttp-key`).
    #[error("the request was not sealed to a key of this node")]
    Key,
    /// The message is malformed after its key was accepted.
    #[error(transparent)]
    BadFrame(#[from] FrameError),
    /// The encapsulated message is longer than its limit.
    #[error("the encapsulated message is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// The cipher refused to seal.
    #[error("the cipher refused to seal")]
    Sealing,
}

/// How a chunked message is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A chunk before the final one holds nothing; an empty read must never look like an end.
    #[error("a chunk before the final one is empty")]
    EmptyChunk,
    /// A chunk is shorter than its authentication tag.
    #[error("a chunk of {found} bytes is shorter than its tag")]
    ShortChunk {
        /// Bytes of the sealed chunk.
        found: u64,
    },
    /// A chunk is longer than every receiver accepts.
    #[error("a chunk of {found} bytes is longer than {limit}")]
    ChunkTooLarge {
        /// Bytes of the sealed chunk, as announced or as received so far.
        found: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A chunk does not open: altered, moved, dropped, repeated, or followed by more bytes.
    #[error("chunk {chunk} does not open")]
    Open {
        /// The chunk's number, from 0.
        chunk: u64,
    },
    /// The carrier ended before the final chunk.
    #[error("the message ends before its final chunk")]
    Truncated,
    /// More chunks than one key may seal.
    #[error("the message has more than {limit} chunks")]
    TooManyChunks {
        /// The limit.
        limit: u64,
    },
}
