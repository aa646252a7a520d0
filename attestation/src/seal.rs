//! Seals requests and answers end to end: chunked Oblivious HTTP over HPKE, Binary HTTP, and padding.
//!
//! Both ends are here, as values that take bytes and return bytes: no socket, no clock, no source of
//! randomness but the argument.
//!
//! Standards: RFC 9180 (HPKE), RFC 9458 (Oblivious HTTP), draft-ietf-ohai-chunked-ohttp-08, RFC 9292
//! (Binary HTTP). Every reader is fused: after its first error it only repeats that error.

mod cipher;
mod client;
mod config;
mod error;
mod frames;
mod hpke_context;
mod key;
mod plaintext;
mod random;
mod sse;
mod varint;

pub use client::{Complete, RequestWriter, ResponseReader, SentRequest, seal_request};
pub use config::{Allowed, KemKind, KeyConfig, KeyError};
pub use error::{FrameError, SealError};
pub use frames::{Framing, RequestDigest};
pub use key::{KemKey, KeySet};
pub use plaintext::Plaintext;
pub use random::{Random, RandomFailed};
pub use sse::SseStrip;

/// Largest plaintext of one chunk (draft-ietf-ohai-chunked-ohttp-08 §3; wire specification §8).
pub const CHUNK_LIMIT: usize = 16_384;
/// Largest encapsulated request (wire specification §1).
pub const REQUEST_LIMIT: usize = 8 << 20;
/// Largest encapsulated response a reader accepts.
pub const RESPONSE_LIMIT: usize = 256 << 20;
/// Length of the response nonce: `max(Nn, Nk)` of AES-128-GCM (RFC 9458 §4.4).
pub const RESPONSE_NONCE_LENGTH: usize = 16;
