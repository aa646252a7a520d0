//! Answers requests: TLS, the few endpoints outside the seal, and what is inside it.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use sealroom_attestation::endpoints::{self, deadline};

use crate::node::State;

mod evidence;
mod health;
mod ohttp;
mod openai;
mod padding;
mod problem;
mod receipts;
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

/// Every endpoint of a node. Anything else is an empty 404 or 405.
pub(crate) fn router(state: Arc<State>, deadlines: Deadlines) -> Router {
    let receipt = format!("{}{{nonce}}", endpoints::RECEIPTS);
    Router::new()
        .route(endpoints::EVIDENCE, get(evidence::cached).post(evidence::challenge))
        .route(endpoints::OHTTP_GATEWAY, get(ohttp::keys).post(ohttp::gateway))
        .route(&receipt, get(receipts::fetch))
        .route(endpoints::HEALTH, get(health::health))
        .layer(Extension(deadlines))
        .with_state(state)
}
