//! Connections: slow peers, too many of them, trailers over HTTP/1.1, the end of a node.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use sealroom_attestation::endpoints;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mock::{Client, Rig, seal};
use crate::serve::Deadlines;

const SHORT: Duration = Duration::from_millis(150);

async fn ended(stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn a_slow_handshake_and_a_slow_header_lose_their_connections() {
    let deadlines = Deadlines { handshake: SHORT, headers: SHORT, ..Deadlines::default() };
    let rig = Rig::start_with("", deadlines).await;
    let mut silent = TcpStream::connect(rig.node.address()).await.expect("connected");
    assert!(ended(&mut silent).await, "no handshake");
    let mut slow = Client::tls(&rig.node, b"http/1.1").await;
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n").await.expect("written");
    assert!(ended(&mut slow).await, "no end of the header");
    let mut idle = Client::tls(&rig.node, b"h2").await;
    assert!(ended(&mut idle).await, "no request at all");
}

#[tokio::test]
async fn a_served_connection_may_rest_longer_than_a_header_may_take() {
    let deadlines = Deadlines { headers: SHORT, ..Deadlines::default() };
    let rig = Rig::start_with("", deadlines).await;
    let mut client = Client::dial(&rig.node, 1).await;
    for _ in 0..2 {
        assert_eq!(client.get(endpoints::HEALTH).await.0, StatusCode::OK);
        tokio::time::sleep(SHORT * 2).await;
    }
}

#[tokio::test]
async fn a_slow_body_is_a_bad_frame() {
    let deadlines = Deadlines { body: SHORT, ..Deadlines::default() };
    let rig = Rig::start_with("", deadlines).await;
    let mut slow = Client::tls(&rig.node, b"http/1.1").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: message/ohttp-chunked-req\r\ncontent-length: 9\r\n\r\n",
        endpoints::OHTTP_GATEWAY
    );
    slow.write_all(head.as_bytes()).await.expect("written");
    let mut answer = vec![0; 12];
    slow.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let rig = Rig::start_with("[limits]\nconnections = 1\n", Deadlines::default()).await;
    let mut first = Client::dial(&rig.node, 1).await;
    let mut second = TcpStream::connect(rig.node.address()).await.expect("connected");
    assert!(ended(&mut second).await);
    assert_eq!(first.get(endpoints::HEALTH).await.0, StatusCode::OK);
}

/// One HTTP/1.1 exchange as raw text.
async fn http1(rig: &Rig, id: u8, more: &str) -> String {
    let json = r#"{"model":"tiny","messages":[{"role":"user","content":"say 1"}]}"#;
    let body = seal(&rig.node, "/v1/chat/completions", id, json).bytes;
    let mut stream = Client::tls(&rig.node, b"http/1.1").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: message/ohttp-chunked-req\r\ncontent-length: {}\r\n{more}\r\n",
        endpoints::OHTTP_GATEWAY,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(&body).await.expect("written");
    let mut answer = Vec::new();
    // A peer that closes without a TLS alert is an error to this reader, after every byte has come.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn over_http1_the_receipt_follows_for_whoever_takes_trailers() {
    let rig = Rig::start().await;
    let with = http1(&rig, 1, "te: trailers\r\n").await;
    assert!(with.starts_with("HTTP/1.1 200 OK\r\n"), "{with}");
    assert!(with.contains("\r\n0\r\nsealroom-receipt: "), "a trailer behind the last chunk");
    let without = http1(&rig, 2, "").await;
    assert!(without.starts_with("HTTP/1.1 200 OK\r\n") && without.ends_with("\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn over_http1_too_a_client_that_leaves_stops_the_engine() {
    let rig = Rig::start().await;
    let json = r#"{"model":"tiny","stream":true,"messages":[{"role":"user","content":"hang"}]}"#;
    let body = seal(&rig.node, "/v1/chat/completions", 1, json).bytes;
    let mut stream = Client::tls(&rig.node, b"http/1.1").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: message/ohttp-chunked-req\r\ncontent-length: {}\r\n\r\n",
        endpoints::OHTTP_GATEWAY,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(&body).await.expect("written");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    drop(stream);
    while rig.engine.cancelled.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn paths_that_do_not_exist_are_empty() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let (status, _, body) = client.get("/v1/models").await;
    assert_eq!((status, body.len()), (StatusCode::NOT_FOUND, 0));
}

#[tokio::test]
async fn a_shutdown_lets_running_streams_finish_and_then_refuses() {
    let rig = Rig::start().await;
    let address = rig.node.address();
    let mut client = Client::dial(&rig.node, 1).await;
    let json = r#"{"model":"tiny","stream":true,"messages":[{"role":"user","content":"say 200"}]}"#;
    let sealed = seal(&rig.node, "/v1/chat/completions", 1, json);
    let exchange = tokio::spawn(async move { client.exchange(sealed).await });
    while rig.engine.accepted.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    rig.node.shutdown().await;
    assert!(exchange.await.expect("finished").text().ends_with("data: [DONE]\n\n"));
    let refused = TcpStream::connect(address).await.map_err(|error| error.kind()).err();
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
}
