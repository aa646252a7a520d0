//! The carrier: whatever moves sealed bytes after TLS ended. It can read, cut, flip and swap them.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyStream, StreamBody};
use sealroom_attestation::{endpoints::OHTTP_GATEWAY, seal::RESPONSE_NONCE_LENGTH};

/// What a carrier does to a sealed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// The end never comes: the final chunk is left out, and the carrier ends cleanly.
    Truncate,
    /// One bit of the second chunk changes.
    Flip,
    /// The second and the third chunk change places.
    Swap,
}

/// Puts a tampering carrier before a node. Everything but sealed answers passes untouched.
pub fn tampering(router: Router, tamper: Tamper) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        let sealed = request.uri().path() == OHTTP_GATEWAY;
        let response = next.run(request).await;
        if sealed && response.status().is_success() {
            change(response, tamper).await
        } else {
            response
        }
    }))
}

async fn change(response: Response, tamper: Tamper) -> Response {
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut chunks = Chunks::split(&whole);
    match tamper {
        Tamper::Truncate => chunks.last = None,
        Tamper::Flip => {
            if let Some(byte) = chunks.middle.get_mut(1).and_then(|chunk| chunk.last_mut()) {
                *byte ^= 1;
            }
        }
        Tamper::Swap => chunks.middle.swap(1, 2),
    }
    Response::from_parts(parts, Body::from(chunks.join()))
}

/// An encapsulated answer in its parts: nonce, length-prefixed chunks, final chunk.
struct Chunks {
    nonce: Vec<u8>,
    middle: Vec<Vec<u8>>,
    last: Option<Vec<u8>>,
}

impl Chunks {
    fn split(whole: &[u8]) -> Self {
        let (nonce, mut rest) = whole.split_at(RESPONSE_NONCE_LENGTH.min(whole.len()));
        let mut middle = Vec::new();
        while let Some((length, prefix)) = varint(rest).filter(|(length, _)| *length > 0) {
            let end = (prefix + length).min(rest.len());
            middle.push(rest[..end].to_vec());
            rest = &rest[end..];
        }
        let last = (!rest.is_empty()).then(|| rest.to_vec());
        Self { nonce: nonce.to_vec(), middle, last }
    }

    fn join(self) -> Vec<u8> {
        let last = self.last.unwrap_or_default();
        [self.nonce, self.middle.concat(), last].concat()
    }
}

/// A variable-length integer (RFC 9000 §16) and its own length; `None` at the end.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    let length = 1 << (first >> 6);
    let field = bytes.get(..length)?;
    let value = field
        .iter()
        .skip(1)
        .fold(usize::from(first & 0x3f), |value, byte| (value << 8) | usize::from(*byte));
    Some((value, length))
}

/// Everything that crossed the carrier, both ways, piece by piece as it was written.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Bytes of sealed requests.
    pub requests: Arc<Mutex<Vec<Bytes>>>,
    /// Bytes of sealed answers, one entry for each frame that the node wrote.
    pub answers: Arc<Mutex<Vec<Bytes>>>,
}

impl Recording {
    /// Puts this recorder before a node.
    pub fn before(&self, router: Router) -> Router {
        let recording = self.clone();
        router.layer(middleware::from_fn(move |request: Request, next: Next| {
            let recording = recording.clone();
            async move { recording.pass(request, next).await }
        }))
    }

    async fn pass(self, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, tee(body, self.requests));
        let (parts, body) = next.run(request).await.into_parts();
        Response::from_parts(parts, tee(body, self.answers))
    }

    /// Everything as one run of bytes, for searching.
    ///
    /// # Panics
    /// When a recording thread panicked.
    #[must_use]
    pub fn all(&self) -> Vec<u8> {
        let read = |side: &Mutex<Vec<Bytes>>| side.lock().expect("no panic").concat();
        [read(&self.requests), read(&self.answers)].concat()
    }
}

/// The same body, with each of its data frames kept. Trailers pass through.
fn tee(body: Body, log: Arc<Mutex<Vec<Bytes>>>) -> Body {
    let frames = BodyStream::new(body).inspect(move |frame| {
        if let Some(data) = frame.as_ref().ok().and_then(|frame| frame.data_ref()) {
            log.lock().expect("no panic").push(data.clone());
        }
    });
    Body::new(StreamBody::new(frames))
}
