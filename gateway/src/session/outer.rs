//! The carrier of a sealed exchange: one POST, and what may come back outside the seal.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use sealroom_attestation::{
    endpoints::{OHTTP_GATEWAY, Problem, deadline},
    seal::Framing,
};
use sealroom_verifier::contact::{Contact, media_type};
use tokio::time::timeout;

use super::error::ExchangeError;

/// The largest body of an answer outside the seal: a constant problem is far smaller.
const PROBLEM_LIMIT: usize = 4_096;
/// The largest sealed answer that a raw exchange keeps.
const RAW_LIMIT: usize = 16 << 20;

/// Sends an encapsulated request and waits for the outer header.
pub(super) async fn post(
    contact: &Contact,
    encapsulated: Bytes,
) -> Result<Response<Incoming>, ExchangeError> {
    let framing = Framing::Chunked;
    let mut request =
        contact.request(Method::POST, OHTTP_GATEWAY, framing.request_type(), encapsulated);
    // draft-ietf-httpbis-incremental: nobody between may collect the answer before passing it on.
    request.headers_mut().insert("incremental", HeaderValue::from_static("?1"));
    match timeout(deadline::FIRST_BYTE, contact.send(request)).await {
        Err(_) => Err(first_byte_late()),
        Ok(Err(error)) => Err(ExchangeError::Connection(error.to_string())),
        Ok(Ok(response)) => Ok(response),
    }
}

/// Nothing came back in time.
pub(super) const fn first_byte_late() -> ExchangeError {
    let seconds = deadline::FIRST_BYTE.as_secs();
    ExchangeError::Deadline { step: "the first byte of the answer", seconds }
}

/// Takes a sealed answer apart from everything else that may come back.
pub(super) async fn sealed_body(response: Response<Incoming>) -> Result<Incoming, ExchangeError> {
    let (head, body) = response.into_parts();
    let media_type = media_type(&head.headers);
    if head.status == StatusCode::OK && media_type == Framing::Chunked.response_type() {
        return Ok(body);
    }
    let status = head.status.as_u16();
    let body = timeout(deadline::SILENCE, Limited::new(body, PROBLEM_LIMIT).collect()).await;
    let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
    let problem = body.and_then(|body| Problem::from_body(&body));
    match problem.filter(|problem| problem.status() == status) {
        Some(problem) => Err(ExchangeError::Problem(problem)),
        None => Err(ExchangeError::Answer { status, media_type }),
    }
}

/// A sealed answer that nobody opened.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The encapsulated response.
    pub encapsulated: Bytes,
}

impl RawAnswer {
    pub(super) async fn read(response: Response<Incoming>) -> Result<Self, ExchangeError> {
        let body = Limited::new(sealed_body(response).await?, RAW_LIMIT);
        match timeout(deadline::FIRST_BYTE, body.collect()).await {
            Err(_) => Err(first_byte_late()),
            Ok(Err(error)) => Err(ExchangeError::BrokenOff(error.to_string())),
            Ok(Ok(body)) => Ok(Self { encapsulated: body.to_bytes() }),
        }
    }
}
