//! Errors outside the seal: a status and constant bytes, never a reason that depends on a plaintext.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use sealroom_attestation::endpoints::{PROBLEM_TYPE, Problem};

/// Seconds after which trying again makes sense.
const RETRY: &str = "2";
/// Nothing that a node says may be kept by anybody between.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A problem on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Problem);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.body().into_response();
        *response.status_mut() = StatusCode::from_u16(self.0.status()).expect("a constant status");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(CACHE_CONTROL, NO_STORE);
        if matches!(self.0, Problem::TooLarge | Problem::Overload | Problem::NotReady) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY));
        }
        response
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// Bytes of one of the wire's media types.
pub(super) fn bytes(media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
