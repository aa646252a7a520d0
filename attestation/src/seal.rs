//! Seals requests and answers end to end: chunked Oblivious HTTP over HPKE, Binary HTTP, and padding.
//!
//! Both ends are here, as values that take bytes and return bytes: no socket, no clock, no source of
//! randomness but the argument. A client goes [`KeyConfig::select`] → [`RequestWriter`] →
//! [`ResponseReader`]; a node goes [`RequestReader`] → [`ReplaySet::admit`] → [`ResponseWriter`]. What was
//! proven is a type: only [`RequestReader::finish`] makes a [`CompleteRequest`], only [`ReplaySet::admit`]
//! turns it into a [`FreshRequest`], and only that can be answered; only [`ResponseReader::finish`] makes
//! a [`Complete`].
//!
//! Standards: RFC 9180 (HPKE), RFC 9458 (Oblivious HTTP), draft-ietf-ohai-chunked-ohttp-08, RFC 9292
//! (Binary HTTP). Every reader is fused: after its first error it only repeats that error.
//!
//! ```
//! use ring::rand::SystemRandom;
//! use sealroom_attestation::seal::{
//!     Allowed, Framing, KemKey, KemKind, KeyConfig, KeySet, Plaintext, ReplaySet, RequestReader, seal_request,
//! };
//! let random = SystemRandom::new();
//! let key = std::sync::Arc::new(KemKey::generate(KemKind::XWing, 0, &random)?);
//! let published = KeyConfig::encode_list(&[key.config()]);
//!
//! let config = KeyConfig::select(&published, Allowed::PostQuantum)?;
//! let (request, sent) = seal_request(&config, Framing::Chunked, b"hello", &random)?;
//!
//! let mut reader = RequestReader::new(KeySet::new(vec![key.clone()])?, Framing::Chunked);
//! let mut question = Plaintext::new();
//! reader.feed(&request, &mut question)?;
//! let complete = reader.finish(&mut question)?;
//! let fresh = ReplaySet::new(&key, 1_000).admit(complete)?;
//! let mut response = Vec::new();
//! fresh.respond(&random, &mut response)?.finish(b"world", &mut response)?;
//!
//! let (mut reader, mut answer) = (sent.into_reader(), Plaintext::new());
//! reader.feed(&response, &mut answer)?;
//! let complete = reader.finish(&mut answer)?;
//! assert_eq!((&question[..], &answer[..], complete.chunks()), (&b"hello"[..], &b"world"[..], 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bhttp;
mod cipher;
mod client;
mod config;
mod error;
mod frames;
mod hpke_context;
mod key;
mod node;
pub mod padding;
mod plaintext;
mod random;
mod replay;
mod sse;
mod varint;

pub use client::{Complete, RequestWriter, ResponseReader, SentRequest, seal_request};
pub use config::{Allowed, KemKind, KeyConfig, KeyError};
pub use error::{FrameError, SealError};
pub use frames::{Framing, RequestDigest};
pub use key::{KemKey, KeySet};
pub use node::{CompleteRequest, FreshRequest, RequestReader, ResponseWriter};
pub use plaintext::Plaintext;
pub use random::{Random, RandomFailed};
pub use replay::{ReplayError, ReplaySet};
pub use sse::SseStrip;

/// Largest plaintext of one chunk (draft-ietf-ohai-chunked-ohttp-08 §3; wire specification §8).
pub const CHUNK_LIMIT: usize = 16_384;
/// Largest encapsulated request (wire specification §1).
pub const REQUEST_LIMIT: usize = 8 << 20;
/// Largest encapsulated response a reader accepts.
pub const RESPONSE_LIMIT: usize = 256 << 20;
/// Length of the response nonce: `max(Nn, Nk)` of AES-128-GCM (RFC 9458 §4.4).
pub const RESPONSE_NONCE_LENGTH: usize = 16;
