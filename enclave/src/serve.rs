//! Answers requests: TLS, the few endpoints outside the seal, and what is inside it.

use std::time::Duration;

use sealroom_attestation::endpoints::deadline;

mod ohttp;
mod openai;
mod padding;
mod problem;
mod tls;

pub use padding::Padding;
pub use tls::Connection;
pub(crate) use tls::Door;

/// Deadlines of a connection and of reading a request. Those of the wire except in tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// The TLS handshake.
    pub(crate) handshake: Duration,
    /// From a request's first byte to the end of its headers; from the handshake to the first request.
    pub(crate) headers: Duration,
    /// Without any request: longer than a session lives.
    pub(crate) idle: Duration,
    /// A request's body.
    pub(crate) body: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: deadline::HANDSHAKE,
            headers: deadline::HEADERS,
            idle: deadline::EPOCH + deadline::BODY,
            body: deadline::BODY,
        }
    }
}
