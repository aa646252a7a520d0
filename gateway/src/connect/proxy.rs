//! One request: in as plain HTTP on loopback, out inside the seal, back as far as it is proven.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use sealroom_attestation::{
    endpoints::{CACHE_SALT_HEADER, PADDING_HEADER, deadline},
    seal::Plaintext,
};
use sealroom_request::{Chat, Completion, Embedding, Invalid, Tokenize};
use tokio::time::timeout;

use super::{
    Endpoint,
    meter::{Metered, Outcome},
    refusal::{self, Refusal},
};
use crate::session::{Answer, InnerRequest};

/// The longest body: with padding and seal it stays below the limit of encapsulated requests.
const BODY_LIMIT: usize = 7 << 20;
/// The longest name of a model: with its path it stays below the limit of paths inside the seal.
const NAME_LIMIT: usize = 512;
/// Headers of the wire specification, section 8, that a client may set itself.
const PASSED: [&str; 2] = [CACHE_SALT_HEADER, PADDING_HEADER];

pub(super) async fn chat_completions(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let streams = |content: &[u8]| Chat::decode(content).map(|chat| chat.common.stream);
    respond(ask(&endpoint, "/v1/chat/completions", streams, &headers, body).await)
}

pub(super) async fn completions(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let streams = |content: &[u8]| Completion::decode(content).map(|asked| asked.common.stream);
    respond(ask(&endpoint, "/v1/completions", streams, &headers, body).await)
}

pub(super) async fn embeddings(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let streams = |content: &[u8]| Embedding::decode(content).map(|_| false);
    respond(ask(&endpoint, "/v1/embeddings", streams, &headers, body).await)
}

pub(super) async fn tokenize(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let streams = |content: &[u8]| Tokenize::decode(content).map(|_| false);
    respond(ask(&endpoint, "/tokenize", streams, &headers, body).await)
}

pub(super) async fn models(State(endpoint): State<Arc<Endpoint>>) -> Response {
    respond(get(&endpoint, "/v1/models").await)
}

/// The document of the node behind this endpoint.
pub(super) async fn document(State(endpoint): State<Arc<Endpoint>>) -> Response {
    respond(get(&endpoint, "/openapi.json").await)
}

/// One model. Clients escape the slash that names of models often have; inside the seal it is plain.
pub(super) async fn model(
    State(endpoint): State<Arc<Endpoint>>,
    Path(name): Path<String>,
) -> Response {
    if name.len() > NAME_LIMIT || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refusal::not_found().await.into_response();
    }
    respond(get(&endpoint, &format!("/v1/models/{name}")).await)
}

async fn get(endpoint: &Endpoint, path: &str) -> Result<Response, Refusal> {
    let id = endpoint.keeper.party().request_id().map_err(|_| internal())?;
    exchange(endpoint, &InnerRequest::get(path, id), endpoint.meter.begin()).await
}

fn respond(result: Result<Response, Refusal>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}

/// Passes a request on that keeps the rules; `streams` holds it against them, and says whether its answer comes in events. What
/// breaks one is refused here: it would be refused inside the seal all the same.
async fn ask(
    endpoint: &Endpoint,
    path: &'static str,
    streams: impl FnOnce(&[u8]) -> Result<bool, Invalid>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut metered = endpoint.meter.begin();
    // Until something is sealed.
    metered.ended(Outcome::Refused);
    let content = read(body).await?;
    let accept = if streams(&content)? { "text/event-stream" } else { "application/json" };
    let id = endpoint.keeper.party().request_id().map_err(|_| internal())?;
    let request = InnerRequest::post(path, content, id).header("accept", accept);
    let mut request = request.map_err(|_| internal())?;
    for name in PASSED {
        let Some(value) = headers.get(name) else { continue };
        let refused = || {
            let message = format!("the value of {name} is not one that a header may have");
            Refusal::request(StatusCode::BAD_REQUEST, "invalid_header", message)
        };
        let value = value.to_str().map_err(|_| refused())?;
        request = request.header(name, value).map_err(|_| refused())?;
    }
    exchange(endpoint, &request, metered).await
}

/// Reads a body into memory that is wiped.
async fn read(mut body: Body) -> Result<Plaintext, Refusal> {
    let reading = async {
        let mut content = Plaintext::new();
        while let Some(frame) = body.frame().await {
            let broken = |_| {
                let message = "the request body broke off".to_owned();
                Refusal::request(StatusCode::BAD_REQUEST, "incomplete_body", message)
            };
            let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
            if content.len().saturating_add(data.len()) > BODY_LIMIT {
                let message = format!("the request body is longer than {BODY_LIMIT} bytes");
                return Err(Refusal::request(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    message,
                ));
            }
            content.extend_from_slice(&data);
        }
        Ok(content)
    };
    timeout(deadline::BODY, reading).await.unwrap_or_else(|_| {
        let message = format!("the request body took longer than {} s", deadline::BODY.as_secs());
        Err(Refusal::request(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message))
    })
}

fn internal() -> Refusal {
    let message = "this machine's source of randomness failed".to_owned();
    Refusal::request(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

async fn exchange(
    endpoint: &Endpoint,
    request: &InnerRequest,
    mut metered: Metered,
) -> Result<Response, Refusal> {
    metered.ended(Outcome::Left);
    let answer = endpoint.keeper.exchange(request).await.map_err(|error| {
        metered.ended(Outcome::Failed);
        Refusal::from(&error)
    })?;
    metered.first_byte();
    let simulated = answer.session().accepted().verdict().simulated();
    let status = StatusCode::from_u16(answer.status()).map_err(|_| internal())?;
    let mut response = if answer.is_stream() {
        let mut response = Response::new(Body::from_stream(events(answer, metered)));
        let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        *response.status_mut() = status;
        response
    } else {
        whole(answer, metered).await?
    };
    let id = HeaderValue::from_str(&request.id().to_string()).expect("base64url is visible ASCII");
    response.headers_mut().insert("x-request-id", id);
    if simulated {
        // A program that never shows a page to anybody is told all the same.
        response.headers_mut().insert("sealroom-simulated", HeaderValue::from_static("SIMULATED"));
    }
    Ok(response)
}

/// A body that leaves only now that its receipt holds.
async fn whole(mut answer: Answer, mut metered: Metered) -> Result<Response, Refusal> {
    let mut body = Plaintext::new();
    loop {
        match answer.next().await {
            Ok(Some(more)) if body.is_empty() => body = more,
            Ok(Some(more)) => body.extend_from_slice(&more),
            Ok(None) => break,
            Err(error) => {
                metered.ended(Outcome::Failed);
                return Err(Refusal::from(&error));
            }
        }
    }
    // An error of the node is an answer of it: what was wrong is the client's to read.
    match answer.status() {
        500.. => metered.ended(Outcome::Failed),
        _ => metered.answered(answer.receipt()),
    }
    // Anything else that a node might call its answer is bytes to a browser.
    let kind = match answer.content_type() {
        Some(kind) if kind.starts_with("application/json") => "application/json",
        _ => "application/octet-stream",
    };
    let mut response = Response::new(Body::from(wiped(body)));
    *response.status_mut() = StatusCode::from_u16(answer.status()).map_err(|_| internal())?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let boot_id = answer.session().boot_id().to_string();
    let receipt = answer.signed_receipt().map(|signed| URL_SAFE_NO_PAD.encode(signed));
    let proof = [("sealroom-boot-id", Some(boot_id)), ("sealroom-receipt", receipt)];
    for (name, value) in proof {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// The events of an answer; when it fails, one last event that says so, and no `[DONE]`.
fn events(answer: Answer, metered: Metered) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some((answer, metered)), |state| async {
        let (mut answer, mut metered) = state?;
        match answer.next().await {
            Ok(Some(events)) => Some((Ok(wiped(events)), Some((answer, metered)))),
            Ok(None) => {
                metered.answered(answer.receipt());
                None
            }
            Err(error) => {
                metered.ended(Outcome::Failed);
                let check = error.check();
                tracing::warn!(check, "answer ended before its end");
                Some((Ok(Refusal::from(&error).event().into()), None))
            }
        }
    })
}

/// Bytes on their way to the client, wiped when the last reference goes.
fn wiped(bytes: Plaintext) -> Bytes {
    struct Owner(Plaintext);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Owner(bytes))
}
