//! Nodes that lie from inside: genuine evidence, genuine keys, and handlers of their own.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use ring::rand::SystemRandom;
use sealroom_attestation::{
    UnixTime,
    cbor::Item,
    digests::{KemConfigDigest, RequestDigest},
    endpoints::{EVIDENCE, OHTTP_GATEWAY, OPENING_TRAILER, RECEIPT_TRAILER, REQUEST_ID_HEADER},
    evidence,
    receipt::{Commitments, Finish, Kind, Opening, Receipt, Timing, Usage, commit},
    seal::{
        Framing, Plaintext, ReplaySet, RequestReader,
        bhttp::{self, Field, ResponseHead},
        padding,
    },
};
use sealroom_enclave::State;

/// Answers the first challenge honestly, and every later one with a copy of that answer.
pub fn replaying_evidence(router: Router) -> Router {
    let recorded: Arc<Mutex<Option<Bytes>>> = Arc::default();
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let recorded = Arc::clone(&recorded);
        async move {
            if request.uri().path() != EVIDENCE || request.method() != Method::POST {
                return next.run(request).await;
            }
            let copy = recorded.lock().expect("no panic").clone();
            if let Some(copy) = copy {
                return bundle(copy);
            }
            let (parts, body) = next.run(request).await.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
            *recorded.lock().expect("no panic") = Some(body.clone());
            Response::from_parts(parts, Body::from(body))
        }
    }))
}

/// Answers every challenge with cached evidence that no nonce went into.
pub fn cached_evidence(router: Router, state: Arc<State>) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let state = Arc::clone(&state);
        async move {
            if request.uri().path() != EVIDENCE || request.method() != Method::POST {
                return next.run(request).await;
            }
            bundle(Bytes::copy_from_slice(&state.cached_bundle()))
        }
    }))
}

fn bundle(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, evidence::MEDIA_TYPE)], bytes).into_response()
}

/// The receipt of the first answer, with its opening.
type First = Mutex<Option<(Vec<u8>, Opening)>>;

/// Opens requests with the node's real keys, answers by itself, and shows the receipt of its first answer for
/// every later one.
pub fn stale_receipts(router: Router, state: Arc<State>) -> Router {
    let first: Arc<First> = Arc::default();
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let (state, first) = (Arc::clone(&state), Arc::clone(&first));
        async move {
            if request.uri().path() != OHTTP_GATEWAY || request.method() != Method::POST {
                return next.run(request).await;
            }
            let sealed =
                axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
            match answer(&sealed, &state, &first) {
                Some(body) => {
                    let kind = Framing::Chunked.response_type();
                    ([(header::CONTENT_TYPE, kind)], body).into_response()
                }
                None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    }))
}

const ANSWER: &[u8] = br#"{"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":"no","finish_reason":"stop"}]}"#;

fn answer(sealed: &[u8], state: &State, first: &First) -> Option<Vec<u8>> {
    let mut reader = RequestReader::new(state.key_set(), Framing::Chunked);
    let mut opened = Plaintext::new();
    reader.feed(sealed, &mut opened).ok()?;
    let complete = reader.finish(&mut opened).ok()?;
    let request = bhttp::Request::decode(&opened).ok()?;
    let (digest, kem) = (complete.request_digest(), complete.config_digest());
    let fresh = ReplaySet::new(complete.key(), 1).admit(complete).ok()?;
    let receipt = first.lock().ok()?.clone();
    let (signed, opening) = match receipt {
        Some(receipt) => receipt,
        None => sign(&request, digest, kem, state)?,
    };
    *first.lock().ok()? = Some((signed.clone(), opening.clone()));
    let mut out = Vec::new();
    let mut writer = fresh.respond(&SystemRandom::new(), &mut out).ok()?;
    let mut head = Plaintext::new();
    let kind = Field::new("content-type", b"application/json".to_vec()).ok()?;
    ResponseHead { status: 200, fields: vec![kind] }.encode_into(&mut head).ok()?;
    writer.write(&head, &mut out).ok()?;
    let trailers = [
        Field::new(RECEIPT_TRAILER, base64(&signed)).ok()?,
        Field::new(OPENING_TRAILER, base64(&opening.encode())).ok()?,
    ];
    writer.finish(&padding::answer_body(ANSWER, &trailers), &mut out).ok()?;
    Some(out)
}

fn sign(
    request: &bhttp::Request,
    digest: [u8; 32],
    kem: [u8; 32],
    state: &State,
) -> Option<(Vec<u8>, Opening)> {
    let salt = [7; 32];
    let id = request.fields.iter().find(|field| field.name() == REQUEST_ID_HEADER)?;
    let request_id = unbase64(id.value())?.try_into().ok()?;
    let commitments = Commitments {
        parameters: commit(Kind::Parameters, &salt, &[0xa0]),
        request: commit(Kind::Request, &salt, &request.content),
        answer: commit(Kind::Answer, &salt, ANSWER),
        fingerprint: None,
    };
    let (boot_id, manifest) = (state.boot_id(), state.manifest_digest());
    let signed = state.issue_receipt(|sequence| Receipt {
        boot_id,
        sequence,
        request_id,
        request_digest: RequestDigest(digest),
        billing_nonce: None,
        kem: KemConfigDigest(kem),
        manifest,
        usage: Usage { prompt: 1, completion: 1, cached: 0 },
        timing: Timing::default(),
        commitments,
        finish: Finish::Stop,
        issued_at: UnixTime(0),
    });
    Some((signed, Opening { salt, fingerprint: None }))
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}

fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}
