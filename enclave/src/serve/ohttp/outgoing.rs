//! The way out of an answer: what is sealed, what was written, and the trailer outside.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use sealroom_attestation::endpoints::{RECEIPT_TRAILER, deadline};
use sealroom_attestation::seal::bhttp::{Field, ResponseHead};
use sealroom_attestation::seal::{FreshRequest, Plaintext, ResponseWriter, SealError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::entropy::{Draw, Entropy};

/// Sealed parts between the answer and the connection. Few, so that little is sealed for nobody.
const AHEAD: usize = 4;

/// The most inner content of one stream, bytes: it is kept whole, because the receipt commits to its length
/// first.
const MOST_CONTENT: usize = 32 << 20;

/// The client is gone, or takes nothing any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

enum Part {
    Sealed { bytes: Bytes, tokens: u64 },
    Receipt(HeaderValue),
}

/// Seals an answer piece by piece.
pub(super) struct Sealer {
    writer: ResponseWriter,
    parts: mpsc::Sender<Part>,
    written: Arc<AtomicU64>,
    /// The inner content as sealed, which the receipt commits to.
    content: Plaintext,
    until: Instant,
}

impl Sealer {
    /// Begins the answer: the response nonce goes out at once.
    pub(super) fn start(
        request: FreshRequest,
        entropy: &dyn Entropy,
        trailers: bool,
    ) -> Result<(Self, Outgoing), SealError> {
        let mut nonce = Vec::new();
        let writer = request.respond(&Draw(entropy), &mut nonce)?;
        let (parts, receiver) = mpsc::channel(AHEAD);
        let first = Part::Sealed { bytes: nonce.into(), tokens: 0 };
        parts.try_send(first).map_err(|_| SealError::Sealing)?;
        let written = Arc::new(AtomicU64::new(0));
        let until = Instant::now() + deadline::STREAM;
        let outgoing = Outgoing { parts: receiver, written: Arc::clone(&written), trailers };
        Ok((Self { writer, parts, written, content: Plaintext::new(), until }, outgoing))
    }

    /// When the answer ends at the latest.
    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    /// Whether the answer is as long as any may be: constant padding alone could fill the memory.
    pub(super) fn is_full(&self) -> bool {
        self.content.len() > MOST_CONTENT
    }

    /// Whether the client is gone already.
    pub(super) fn is_abandoned(&self) -> bool {
        self.parts.is_closed()
    }

    /// Until the client is gone.
    pub(super) async fn gone(&self) {
        self.parts.closed().await;
    }

    /// Tokens in what the connection has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// The inner content so far.
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    /// Status and header, alone in the first chunk.
    pub(super) async fn head(&mut self, head: &ResponseHead) -> Result<(), Gone> {
        let mut plaintext = Plaintext::new();
        head.encode_into(&mut plaintext).map_err(|_| Gone)?;
        self.seal(&plaintext, 0).await
    }

    /// One content chunk of Binary HTTP, which becomes exactly one chunk of the seal.
    pub(super) async fn chunk(&mut self, chunk: &[u8], tokens: u64) -> Result<(), Gone> {
        self.content.extend_from_slice(content_of(chunk));
        self.seal(chunk, tokens).await
    }

    /// Remembers content that goes out with the last chunk.
    pub(super) fn will_finish_with(&mut self, content: &[u8]) {
        self.content.extend_from_slice(content);
    }

    /// The last chunk, and the receipt outside.
    pub(super) async fn finish(
        self,
        last: &Plaintext,
        tokens: u64,
        receipt: Option<&str>,
    ) -> Result<(), Gone> {
        let mut sealed = Vec::new();
        self.writer.finish(last, &mut sealed).map_err(|_| Gone)?;
        let last = Part::Sealed { bytes: sealed.into(), tokens };
        send(&self.parts, self.until, last).await?;
        let Some(receipt) = receipt.and_then(|receipt| HeaderValue::from_str(receipt).ok()) else {
            return Ok(());
        };
        send(&self.parts, self.until, Part::Receipt(receipt)).await
    }

    async fn seal(&mut self, plaintext: &[u8], tokens: u64) -> Result<(), Gone> {
        let mut sealed = Vec::new();
        self.writer.write(plaintext, &mut sealed).map_err(|_| Gone)?;
        send(&self.parts, self.until, Part::Sealed { bytes: sealed.into(), tokens }).await
    }
}

/// A peer that reads nothing holds its answer no longer than a whole stream may take.
async fn send(parts: &mpsc::Sender<Part>, until: Instant, part: Part) -> Result<(), Gone> {
    timeout_at(until, parts.send(part)).await.map_err(|_| Gone)?.map_err(|_| Gone)
}

/// A content chunk without its length prefix (RFC 9000 §16: two bits say how long that is).
fn content_of(chunk: &[u8]) -> &[u8] {
    let prefix = chunk.first().map_or(0, |first| 1_usize << (first >> 6));
    chunk.get(prefix..).unwrap_or_default()
}

/// A field of ours, whose name and value are well-formed by construction.
pub(super) fn field(name: &str, value: &str) -> Field {
    Field::new(name, value.as_bytes()).expect("a constant name and a printable value")
}

/// The response body: sealed parts as they come, then the trailer for those who take trailers.
pub(super) struct Outgoing {
    parts: mpsc::Receiver<Part>,
    written: Arc<AtomicU64>,
    trailers: bool,
}

impl Outgoing {
    pub(super) fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            let Poll::Ready(part) = self.parts.poll_recv(context) else { return Poll::Pending };
            match part {
                // A whole answer is sealed at its end: until then there is nothing to send.
                Some(Part::Sealed { bytes, .. }) if bytes.is_empty() => {}
                Some(Part::Sealed { bytes, tokens }) => {
                    self.written.fetch_add(tokens, Ordering::AcqRel);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Part::Receipt(receipt)) if self.trailers => {
                    let name = HeaderName::from_static(RECEIPT_TRAILER);
                    let trailers = HeaderMap::from_iter([(name, receipt)]);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Some(Part::Receipt(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}
