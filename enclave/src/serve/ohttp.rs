//! The oblivious gateway: reads a sealed request to its end, admits it once, hands it on, seals the answer.

use std::pin::pin;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use sealroom_attestation::endpoints::{BILLING_HEADER, KEYS_TYPE, Problem, RECEIPT_TRAILER};
use sealroom_attestation::seal::{
    CompleteRequest, Framing, FreshRequest, Plaintext, REQUEST_LIMIT, ReplayError, RequestReader,
    SealError,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::problem::{self, NO_STORE, Refused};
use super::{Connection, Deadlines};
use crate::memory;
use crate::node::State;

mod answer;
mod inner;
mod outgoing;
mod stream;

use answer::Exchange;
pub(super) use inner::Inner;
use outgoing::Sealer;

/// The current key configurations, for clients that verify nothing: RFC 9540.
pub(super) async fn keys(Shared(state): Shared<Arc<State>>) -> Result<Response, Refused> {
    if !state.is_ready() {
        return Err(Problem::NotReady.into());
    }
    Ok(problem::bytes(KEYS_TYPE, state.kem_keys().to_vec()))
}

/// One sealed request.
pub(super) async fn gateway(
    Shared(state): Shared<Arc<State>>,
    Extension(connection): Extension<Connection>,
    Extension(deadlines): Extension<Deadlines>,
    request: Request,
) -> Result<Response, Refused> {
    let arrived = state.clock().monotonic();
    let (framing, receiving) = gate(&state, request.headers())?;
    let billing = request.headers().get(BILLING_HEADER).map(HeaderValue::as_bytes);
    let billing = billing.and_then(decode_base64);
    let trailers = connection.is_http2() || accepts_trailers(request.headers());
    let received = timeout(deadlines.body, receive(&state, framing, request.into_body())).await;
    let (plaintext, complete) = received.map_err(|_| Problem::BadFrame)??;
    drop(receiving);
    // Before the encapsulation is used up: who is turned away here may send the same bytes again.
    let slot = Arc::clone(state.slots()).try_acquire_owned().map_err(|_| Problem::Overload)?;
    let fresh = admit(&state, complete)?;
    let exchange = Exchange::begin(&state, arrived, connection.peer(), billing, &fresh);
    let (sealer, body) =
        Sealer::start(fresh, state.entropy(), trailers).map_err(|_| Problem::NotReady)?;
    state.tasks().spawn(async move {
        answer::answer(exchange, sealer, plaintext).await;
        drop(slot);
    });
    Ok(response(framing, body.into_body()))
}

/// Everything that is decided before the first byte of the body.
fn gate(state: &State, headers: &HeaderMap) -> Result<(Framing, OwnedSemaphorePermit), Problem> {
    if !state.is_ready() {
        return Err(Problem::NotReady);
    }
    let named = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let framing = [Framing::Chunked, Framing::Whole]
        .into_iter()
        .find(|framing| named == Some(framing.request_type().as_bytes()))
        .ok_or(Problem::BadFrame)?;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > REQUEST_LIMIT as u64) {
        return Err(Problem::TooLarge);
    }
    let receiving = Arc::clone(state.receiving()).try_acquire_owned();
    Ok((framing, receiving.map_err(|_| Problem::Overload)?))
}

/// How much of a body is opened at once, bytes: whoever sends single bytes pays for single bytes alone.
const GATHERED: usize = 16 * 1024;

/// Opens the request chunk by chunk. Nothing is done with it before its final chunk. What decapsulation
/// and decryption leave on the stack is overwritten.
async fn receive(
    state: &State,
    framing: Framing,
    body: Body,
) -> Result<(Plaintext, CompleteRequest), Problem> {
    let mut reader = RequestReader::new(state.key_set(), framing);
    let (mut plaintext, mut body) = (Plaintext::new(), pin!(body));
    let mut gathered = Vec::with_capacity(GATHERED);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::BadFrame)?;
        gathered.extend_from_slice(&frame.into_data().unwrap_or_default());
        if gathered.len() >= GATHERED {
            let fed = memory::off_the_stack(|| reader.feed(&gathered, &mut plaintext));
            fed.map_err(problem_of)?;
            gathered.clear();
        }
    }
    let complete = memory::off_the_stack(|| {
        reader.feed(&gathered, &mut plaintext)?;
        reader.finish(&mut plaintext)
    });
    Ok((plaintext, complete.map_err(problem_of)?))
}

const fn problem_of(error: SealError) -> Problem {
    match error {
        SealError::BadFrame(_) => Problem::BadFrame,
        SealError::TooLarge { .. } => Problem::TooLarge,
        SealError::Random(_) | SealError::Sealing => Problem::NotReady,
        // Everything else says only that it was not sealed to a key of this node.
        _ => Problem::OhttpKey,
    }
}

/// The last step before acting. A key that died while the request came in is an unknown key.
fn admit(state: &State, complete: CompleteRequest) -> Result<FreshRequest, Problem> {
    match state.evidence().admit(complete, state.clock().monotonic()) {
        Some(Ok(fresh)) => Ok(fresh),
        Some(Err(ReplayError::Replayed)) => Err(Problem::Replayed),
        Some(Err(_)) => Err(Problem::NotReady),
        None => Err(Problem::OhttpKey),
    }
}

fn response(framing: Framing, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(framing.response_type()));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(TRAILER, HeaderValue::from_static(RECEIPT_TRAILER));
    if framing == Framing::Chunked {
        headers.insert("incremental", HeaderValue::from_static("?1"));
    }
    response
}

/// RFC 9110 §6.5.1: over HTTP/1.1 only whoever asks for trailers gets them.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim() == "trailers")
}

/// Base64url without padding, of exactly `N` bytes.
pub(super) fn decode_base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == N).then_some(bytes)
}

/// Base64url without padding.
fn encode_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_url_safe_unpadded_and_of_the_exact_length() {
        assert_eq!(decode_base64(b"-_-_"), Some([0xfb, 0xff, 0xbf]));
        for other in [&b"+/+/"[..], b"-_-", b"-_-_AA", b"-_-_====", b""] {
            assert_eq!(decode_base64::<3>(other), None);
        }
    }

    #[test]
    fn trailers_are_sent_to_whoever_asks_for_them_alone() {
        let with = |value| HeaderMap::from_iter([(TE, HeaderValue::from_static(value))]);
        assert!(accepts_trailers(&with("trailers")));
        assert!(accepts_trailers(&with("gzip, trailers")));
        assert!(!accepts_trailers(&with("gzip")) && !accepts_trailers(&HeaderMap::new()));
    }
}
