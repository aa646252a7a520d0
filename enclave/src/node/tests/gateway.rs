//! The oblivious gateway: every problem outside the seal, framing sizes, receipts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use sealroom_attestation::cbor::Item;
use sealroom_attestation::digests::RequestDigest;
use sealroom_attestation::endpoints::{self, OHTTP_GATEWAY, Problem};
use sealroom_attestation::receipt::{self, Exchange, Finish, Opening, Receipt};
use sealroom_attestation::seal::{
    Allowed, Framing, KemKey, KemKind, KeyConfig, Plaintext, ReplaySet, RequestReader, seal_request,
};

use crate::mock::{Answer, Client, Rig, seal};
use crate::mock::{BILLING, post};

const CHAT: &str = "/v1/chat/completions";
const CHUNKED: &str = "message/ohttp-chunked-req";

fn chat(prompt: &str, more: &str) -> String {
    format!(r#"{{"model":"tiny","messages":[{{"role":"user","content":"{prompt}"}}]{more}}}"#)
}

fn receipt_of(rig: &Rig, answer: &Answer) -> Receipt {
    let signed = answer.trailer(endpoints::RECEIPT_TRAILER).expect("a receipt");
    receipt::verify_signature(&signed, &rig.node.state().keys().receipt_key()).expect("signed")
}

#[tokio::test]
async fn a_stream_is_buckets_only_and_its_receipt_holds() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let json = chat("say 3", r#","stream":true,"stream_options":{"include_usage":true}"#);
    let sealed = seal(&rig.node, CHAT, 1, &json);
    let (digest, config) = (sealed.sent.request_digest(), sealed.sent.config_digest());
    let answer = client.exchange(sealed).await;
    assert_eq!(answer.head.status, 200);
    let (head, rest) = answer.sizes.split_first().expect("a head");
    let (last, events) = rest.split_last().expect("an end");
    assert!(*head < 64 && *last == 4096, "{:?}", answer.sizes);
    assert!(events.iter().all(|size| [256, 512].contains(size)), "{events:?}");
    // Role, the first word, the others in one event or two, finish, usage, done.
    assert!((6..=7).contains(&events.len()), "{events:?}");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    let opening = answer.trailer(endpoints::OPENING_TRAILER).expect("an opening");
    let exchange = Exchange {
        boot_id: rig.node.boot_id(),
        receipt_key: rig.node.state().keys().receipt_key(),
        manifest: rig.node.state().manifest_digest(),
        kem: sealroom_attestation::digests::KemConfigDigest(config),
        request_id: [1; 16],
        request_digest: RequestDigest(digest),
        request: json.as_bytes(),
        answer: &answer.content,
    };
    let signed = answer.trailer(endpoints::RECEIPT_TRAILER).expect("a receipt");
    let opening = Opening::decode(&opening).expect("an opening");
    let verified = receipt::verify(&signed, &opening, &exchange).expect("every check holds");
    let receipt = verified.claims();
    assert_eq!((receipt.usage.prompt, receipt.usage.completion), (3, 4));
    assert_eq!(receipt.finish, Finish::Stop);
    assert_eq!(receipt.billing_nonce, Some([0; 16]));
    let outer = answer.outer.expect("HTTP/2 has trailers");
    assert_eq!(outer.keys().len(), 1, "the receipt alone, without its opening");
    assert!(outer.contains_key(endpoints::RECEIPT_TRAILER));
}

#[tokio::test]
async fn a_whole_answer_has_a_padme_length_and_a_receipt() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let answer = client.exchange(seal(&rig.node, CHAT, 1, &chat("say 2", ""))).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "word0 word1 ");
    assert_eq!(answer.json()["usage"]["completion_tokens"], 3);
    assert_eq!(answer.sizes.len(), 2, "{:?}", answer.sizes);
    let body = answer.sizes[1];
    assert_eq!(sealroom_attestation::seal::padding::padme(body), body);
    assert_eq!(receipt_of(&rig, &answer).sequence, 0);
    let next = client.exchange(seal(&rig.node, CHAT, 2, &chat("say 1", ""))).await;
    assert_eq!(receipt_of(&rig, &next).sequence, 1, "no number is left out");
}

#[tokio::test]
async fn a_constant_stream_is_of_one_size_and_a_multiple_of_64() {
    let rig = Rig::start_with(
        "[padding]\nminimum = \"constant;t=10\"\n",
        crate::serve::Deadlines::default(),
    )
    .await;
    let mut client = Client::dial(&rig.node, 1).await;
    let answer =
        client.exchange(seal(&rig.node, CHAT, 1, &chat("say 3", r#","stream":true"#))).await;
    let events = &answer.sizes[1..answer.sizes.len() - 1];
    assert_eq!(events.len(), 64);
    assert!(events.iter().all(|size| *size == 512), "{events:?}");
    let text: String = answer
        .events()
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "word0 word1 word2 ");
    assert_eq!(receipt_of(&rig, &answer).usage.completion, 4);
}

#[tokio::test]
async fn a_failure_in_the_middle_is_an_event_without_done_and_a_receipt_of_an_error() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let answer =
        client.exchange(seal(&rig.node, CHAT, 1, &chat("break", r#","stream":true"#))).await;
    let events = answer.events();
    assert_eq!(events.last().expect("events")["error"]["code"], "internal_error");
    assert!(!answer.text().contains("[DONE]"));
    assert_eq!(receipt_of(&rig, &answer).finish, Finish::Error);
}

async fn problem(client: &mut Client, body: Vec<u8>) -> Option<Problem> {
    let (status, headers, found) = client.post(OHTTP_GATEWAY, CHUNKED, body).await;
    let problem = Problem::from_body(&found);
    assert_eq!(Some(status.as_u16()), problem.map(Problem::status));
    assert_eq!(headers["content-type"], endpoints::PROBLEM_TYPE);
    assert_eq!(headers["cache-control"], "no-store");
    problem
}

#[tokio::test]
async fn unknown_keys_and_first_chunks_that_do_not_open_look_alike() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let good = seal(&rig.node, CHAT, 1, &chat("say 1", "")).bytes;
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Key id, KEM, KDF, encapsulated key, first chunk.
    for at in [0, 1, 3, 7, 7 + 1120 + 5] {
        assert_eq!(problem(&mut client, flipped(at)).await, Some(Problem::OhttpKey), "byte {at}");
    }
    let stranger = KemKey::generate(KemKind::XWing, 0, &SystemRandom::new()).expect("a key");
    let sealed = seal_request(stranger.config(), Framing::Chunked, b"x", &SystemRandom::new());
    let (other, _) = sealed.expect("sealed");
    assert_eq!(problem(&mut client, other).await, Some(Problem::OhttpKey));
    assert_eq!(rig.engine.accepted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn later_errors_are_bad_frames_and_nothing_runs() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let long = chat(&"a".repeat(40_000), "");
    let good = seal(&rig.node, CHAT, 1, &long).bytes;
    let mut flipped = good.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    assert_eq!(problem(&mut client, flipped).await, Some(Problem::BadFrame));
    assert_eq!(
        problem(&mut client, good[..good.len() - 20_000].to_vec()).await,
        Some(Problem::BadFrame)
    );
    let (status, _, _) = client.post(OHTTP_GATEWAY, "text/plain", good.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let huge = vec![0; sealroom_attestation::seal::REQUEST_LIMIT + 1];
    assert_eq!(problem(&mut client, huge).await, Some(Problem::TooLarge));
    assert_eq!(rig.engine.accepted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_replayed_request_is_refused_and_runs_once() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let sealed = seal(&rig.node, CHAT, 1, &chat("say 1", ""));
    let copy = sealed.bytes.clone();
    assert_eq!(client.exchange(sealed).await.head.status, 200);
    assert_eq!(problem(&mut client, copy).await, Some(Problem::Replayed));
    assert_eq!(rig.engine.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn of_copies_sent_at_once_on_many_connections_one_runs() {
    let rig = Rig::start().await;
    let bytes = seal(&rig.node, CHAT, 1, &chat("say 1", "")).bytes;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (mut client, bytes) = (Client::dial(&rig.node, number).await, bytes.clone());
        calls.spawn(async move { client.post(OHTTP_GATEWAY, CHUNKED, bytes).await.0.as_u16() });
    }
    let mut statuses = calls.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(rig.engine.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_to_the_previous_key_is_answered_until_that_key_dies() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let (accepted, late) = (
        seal(&rig.node, CHAT, 1, &chat("say 1", "")),
        seal(&rig.node, CHAT, 2, &chat("say 1", "")).bytes,
    );
    rig.clock.advance(Duration::from_secs(700));
    rig.node.state().tick().await;
    assert_eq!(client.exchange(accepted).await.head.status, 200);
    rig.clock.advance(Duration::from_secs(500));
    assert_eq!(problem(&mut client, late).await, Some(Problem::OhttpKey));
}

#[tokio::test]
async fn one_request_more_than_allowed_is_an_overload() {
    let rig = Rig::start_with("[limits]\nrequests = 1\n", crate::serve::Deadlines::default()).await;
    let mut client = Client::dial(&rig.node, 1).await;
    let hanging = seal(&rig.node, CHAT, 1, &chat("hang", r#","stream":true"#));
    let response = client.send(post(OHTTP_GATEWAY, CHUNKED, hanging.bytes)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let second = seal(&rig.node, CHAT, 2, &chat("say 1", "")).bytes;
    assert_eq!(problem(&mut client, second).await, Some(Problem::Overload));
    drop(response);
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_engine_and_its_receipt_can_be_fetched() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let hanging = seal(&rig.node, CHAT, 1, &chat("hang", r#","stream":true"#));
    let mut request = post(OHTTP_GATEWAY, CHUNKED, hanging.bytes);
    request.headers_mut().insert(endpoints::BILLING_HEADER, BILLING.parse().expect("ASCII"));
    let mut response = client.send(request).await;
    // Nonce, head, role event, first word: then nothing more comes.
    let mut carrier = Vec::new();
    while carrier.len() < 16 + 2 * 256 {
        let frame = response.body_mut().frame().await.expect("more").expect("a frame");
        carrier.extend_from_slice(&frame.into_data().expect("data"));
    }
    drop(response);
    let place = format!("{}{BILLING}", endpoints::RECEIPTS);
    let signed = loop {
        let (status, _, body) = client.get(&place).await;
        if status == StatusCode::OK {
            break body;
        }
        assert_eq!(status, StatusCode::NOT_FOUND);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let key = rig.node.state().keys().receipt_key();
    let receipt = receipt::verify_signature(&signed, &key).expect("signed");
    assert_eq!((receipt.finish, receipt.usage.completion), (Finish::Cancelled, 1));
    while rig.engine.cancelled.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_state_lets_a_test_open_and_answer_as_the_node() {
    let rig = Rig::start().await;
    let state = Arc::clone(rig.node.state());
    let list = state.kem_keys();
    let config = KeyConfig::select(&list, Allowed::PostQuantum).expect("a key");
    let sealed = seal_request(&config, Framing::Chunked, b"hello", &SystemRandom::new());
    let (bytes, _) = sealed.expect("sealed");
    let mut reader = RequestReader::new(state.key_set(), Framing::Chunked);
    let mut opened = Plaintext::new();
    reader.feed(&bytes, &mut opened).expect("opens");
    let complete = reader.finish(&mut opened).expect("complete");
    let key = Arc::clone(complete.key());
    ReplaySet::new(&key, 1).admit(complete).expect("fresh");
    assert_eq!(&opened[..], b"hello");
}
