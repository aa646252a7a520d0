//! The OpenAI endpoint in front of the small node, as a client sees it.

use std::net::SocketAddr;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use sealroom_gateway::{
    connect::{Connect, ConnectError, Settings},
    session::RelyingParty,
};
use sealroom_verifier::Policy;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    answer::Lie,
    node::{Http, Node},
    target,
};

const STREAMED: &str =
    r#"{"model":"echo","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const WHOLE: &str = r#"{"model":"echo","prompt":"hi"}"#;

async fn endpoint(node: &Node) -> Connect {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let party = RelyingParty::new(node.trust());
    Connect::start(Settings::default(), target(node), party, listener).expect("a good policy")
}

/// One request on one connection.
async fn call(address: SocketAddr, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
    let stream = TcpStream::connect(address).await.expect("a listener");
    let (mut handle, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = Request::builder().method(method).uri(path).header("host", address.to_string());
    let request = request.header("authorization", "Bearer sk-never-leaves-this-machine");
    let request = request.body(Full::new(bytes::Bytes::from(body.to_owned()))).expect("a request");
    let (head, body) = handle.send_request(request).await.expect("a response").into_parts();
    let body = body.collect().await.expect("a whole response").to_bytes();
    (head.status, head.headers, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn streams_and_bodies_pass_through() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let address = endpoint.address();
    let (status, headers, body) = call(address, "/v1/chat/completions", STREAMED).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/event-stream; charset=utf-8");
    assert!(body.starts_with("data: {\"choices\"") && body.ends_with("data: [DONE]\n\n"), "{body}");
    let (status, headers, body) = call(address, "/v1/completions", WHOLE).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().expect("a value"))
    );
    assert_eq!(headers["sealroom-simulated"], "SIMULATED");
    assert!(headers.contains_key("sealroom-receipt") && headers.contains_key("sealroom-boot-id"));
    assert!(body.starts_with("{\"choices\""), "{body}");
    endpoint.shutdown().await;
}

#[tokio::test]
async fn many_requests_share_one_session() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let address = endpoint.address();
    let calls = (0..20).map(|_| call(address, "/v1/chat/completions", STREAMED));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|(status, _, body)| *status == 200 && body.ends_with("[DONE]\n\n")));
    assert_eq!(node.seen().iter().filter(|what| **what == "hardware").count(), 1);
}

#[tokio::test]
async fn a_stream_that_fails_ends_with_an_error_event_and_never_with_done() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    endpoint.keeper().session().await.expect("a good node");
    node.lie(Lie::Truncated);
    let (status, _, body) = call(endpoint.address(), "/v1/chat/completions", STREAMED).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("\"content\":\"hi\"") && !body.contains("[DONE]"), "{body}");
    let last = body.trim_end().rsplit("\n\n").next().expect("a last event");
    assert!(
        last.starts_with("data: {\"error\":{") && last.contains("\"code\":\"seal.truncated\""),
        "{last}"
    );
}

#[tokio::test]
async fn an_error_keeps_its_status_though_it_comes_as_a_stream() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    endpoint.keeper().session().await.expect("a good node");
    node.lie(Lie::StreamedError);
    let (status, _, body) = call(endpoint.address(), "/v1/chat/completions", STREAMED).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
}

#[tokio::test]
async fn one_model_is_asked_for_by_its_name() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let (status, _, body) = call(endpoint.address(), "/v1/models/org%2Fecho", "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(node.asked(), ["/v1/models/org/echo"]);
    let (status, _, body) = call(endpoint.address(), "/v1/models/a%0Ab", "").await;
    assert_eq!((status, body.contains("unknown_url")), (StatusCode::NOT_FOUND, true));
}

#[tokio::test]
async fn nothing_is_sealed_to_a_node_that_is_not_verified() {
    let node = Node::boot(Http::Two).await;
    node.lie(Lie::OtherSession);
    let endpoint = endpoint(&node).await;
    let address = endpoint.address();
    let (status, headers, body) = call(address, "/v1/chat/completions", STREAMED).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(body.contains("\"type\":\"sealroom_verification_error\""), "{body}");
    assert!(body.contains("\"code\":\"binder.path\""), "{body}");
    assert_eq!(headers["x-should-retry"], "false");
    assert_eq!(call(address, "/health", "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(node.seen().iter().all(|what| *what == "hardware"), "{:?}", node.seen());
}

#[tokio::test]
async fn the_status_says_simulated_first_and_has_the_whole_verdict() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let address = endpoint.address();
    let (status, _, body) = call(address, "/health", "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (_, headers, page) = call(address, "/status", "").await;
    assert!(
        headers["content-security-policy"].to_str().expect("text").contains("default-src 'none'")
    );
    let (banner, table) =
        (page.find("SIMULATED").expect("a banner"), page.find("<table>").expect("a table"));
    assert!(banner < table && page.contains("report_data"), "{page}");
    let (_, _, json) = call(address, "/status.json", "").await;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["state"], "verified");
    assert_eq!(json["verdict"]["simulated"], true);
    assert!(call(address, "/", "").await.2.starts_with("SIMULATED\n"));
}

#[tokio::test]
async fn does_not_start_without_a_pinned_measurement() {
    let node = Node::boot(Http::Two).await;
    let mut trust = node.trust();
    trust.policy = Policy::built_in();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let party = RelyingParty::new(trust);
    let refused = Connect::start(Settings::default(), target(&node), party, listener);
    assert!(matches!(refused, Err(ConnectError::NoMeasurement)));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_openais_shape() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let (status, _, body) = call(endpoint.address(), "/v1/images/generations", "{}").await;
    assert_eq!((status, body.contains("\"code\":\"unknown_url\"")), (StatusCode::NOT_FOUND, true));
    let (status, _, body) = call(endpoint.address(), "/v1/completions", "").await;
    let answer = (status, body.contains("\"code\":\"method_not_allowed\""));
    assert_eq!(answer, (StatusCode::METHOD_NOT_ALLOWED, true));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_before_anything_is_sealed() {
    let node = Node::boot(Http::Two).await;
    let endpoint = endpoint(&node).await;
    let wrong = WHOLE.replace("prompt", "promt");
    let (status, _, body) = call(endpoint.address(), "/v1/completions", &wrong).await;
    let named = body.contains(r#""param":"prompt""#);
    assert_eq!((status, named), (StatusCode::BAD_REQUEST, true), "{body}");
    assert!(node.asked().is_empty());
    assert_eq!(call(endpoint.address(), "/v1/completions", WHOLE).await.0, StatusCode::OK);
    assert_eq!(node.asked(), ["/v1/completions"]);
}
