//! Sessions, answers and the endpoint against a node that can lie, over real TLS on loopback.

#![expect(clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod answer;
mod clock;
mod endpoint;
mod inspect;
mod keeper;
mod node;

use std::{sync::Arc, time::Duration};

use answer::Lie;
use clock::MovableClock;
use node::{Http, Node};
use sealroom_gateway::session::{
    ExchangeError, InnerRequest, RelyingParty, RequestId, Session, SessionError, Target,
};
use sealroom_verifier::contact::ContactError;

pub(crate) fn target(node: &Node) -> Target {
    Target::from_url(&format!("https://{}", node.address)).expect("a loopback address")
}

fn question(streamed: bool) -> InnerRequest {
    let content = format!("{{\"model\":\"echo\",\"stream\":{streamed}}}");
    InnerRequest::post("/v1/chat/completions", content.into_bytes(), RequestId([5; 16]))
}

async fn open(node: &Node) -> Session {
    Session::open(&target(node), &RelyingParty::new(node.trust())).await.expect("a good node")
}

/// Asks for a stream and gives what left, and the check that ended it.
async fn asked(node: &Node, lie: Lie) -> (String, Option<&'static str>) {
    let mut session = open(node).await;
    node.lie(lie);
    let mut answer = match session.exchange(&question(true)).await {
        Ok(answer) => answer,
        Err(error) => return (String::new(), Some(error.check())),
    };
    let mut left = String::new();
    loop {
        match answer.next().await {
            Ok(Some(more)) => left.push_str(str::from_utf8(&more).expect("text")),
            Ok(None) => return (left, None),
            Err(error) => return (left, Some(error.check())),
        }
    }
}

#[tokio::test]
async fn a_stream_arrives_without_filler_and_with_its_receipt_over_both_versions_of_http() {
    for http in [Http::One, Http::Two] {
        let node = Node::boot(http).await;
        let mut answer = open(&node).await.exchange(&question(true)).await.expect("an answer");
        assert!(answer.is_stream() && answer.status() == 200, "{http:?}");
        let mut left = String::new();
        while let Some(more) = answer.next().await.expect("an honest node") {
            left.push_str(str::from_utf8(&more).expect("text"));
        }
        assert!(left.ends_with("\n\ndata: [DONE]\n\n") && !left.contains("\n:"), "{left}");
        let receipt = answer.receipt().expect("a receipt").claims();
        assert_eq!((receipt.request_id, receipt.usage.completion), ([5; 16], 1));
        assert_eq!(node.seen(), ["hardware", "sealed"]);
    }
}

#[tokio::test]
async fn a_body_that_is_no_stream_leaves_whole() {
    let node = Node::boot(Http::Two).await;
    let answer = open(&node).await.exchange(&question(false)).await.expect("an answer");
    let (body, receipt) = answer.collect().await.expect("an honest node");
    assert!(body.starts_with(b"{\"choices\"") && receipt.is_some());
}

#[tokio::test]
async fn every_lie_about_an_answer_is_an_error_without_an_end() {
    let node = Node::boot(Http::Two).await;
    let cases = [
        (Lie::Truncated, "seal.truncated"),
        (Lie::Flipped, "seal.chunk"),
        (Lie::NoReceipt, "receipt.missing"),
        (Lie::OtherAnswer, "receipt.answer"),
        (Lie::OtherUsage, "receipt.usage"),
    ];
    for (lie, check) in cases {
        let (left, failed) = asked(&node, lie).await;
        assert_eq!(failed, Some(check), "{lie:?}");
        assert!(!left.contains("[DONE]"), "{lie:?}: {left}");
    }
    assert_eq!(asked(&node, Lie::None).await.1, None);
}

#[tokio::test]
async fn nothing_of_a_whole_body_leaves_without_its_receipt() {
    let node = Node::boot(Http::Two).await;
    let mut session = open(&node).await;
    node.lie(Lie::OtherAnswer);
    let mut answer = session.exchange(&question(false)).await.expect("a status");
    assert_eq!(answer.next().await.map_err(|error| error.check()), Err("receipt.answer"));
    assert_eq!(answer.next().await.map_err(|error| error.check()), Err("seal.truncated"));
}

#[tokio::test]
async fn a_sealed_error_passes_with_its_status() {
    let node = Node::boot(Http::Two).await;
    let mut session = open(&node).await;
    node.lie(Lie::UnknownModel);
    let answer = session.exchange(&question(true)).await.expect("an answer");
    assert_eq!((answer.status(), answer.is_stream()), (404, false));
    let (body, receipt) = answer.collect().await.expect("an honest error");
    assert!(body.windows(15).any(|part| part == b"model_not_found") && receipt.is_none());
}

#[tokio::test]
async fn a_stale_key_is_re_attested_once_on_the_same_connection_and_no_more() {
    let node = Node::boot(Http::Two).await;
    assert_eq!(asked(&node, Lie::KeyOnce).await.1, None);
    assert_eq!(node.seen(), ["hardware", "sealed", "hardware", "sealed"]);
    assert_eq!(asked(&node, Lie::KeyAlways).await.1, Some("seal.key"));
    assert_eq!(node.seen()[4..], ["hardware", "sealed", "hardware", "sealed"]);
}

#[tokio::test]
async fn a_replay_is_never_tried_again() {
    let node = Node::boot(Http::Two).await;
    assert_eq!(asked(&node, Lie::Replayed).await.1, Some("seal.replayed"));
    assert_eq!(node.seen(), ["hardware", "sealed"]);
}

#[tokio::test]
async fn evidence_of_another_session_opens_none() {
    let node = Node::boot(Http::Two).await;
    node.lie(Lie::OtherSession);
    let party = RelyingParty::new(node.trust());
    let error = Session::open(&target(&node), &party).await.expect_err("another session");
    assert_eq!((error.check(), error.is_refusal()), ("binder.path", true));
    assert_eq!(node.seen(), ["hardware"]);
}

#[tokio::test]
async fn a_certificate_without_its_key_is_told_apart_from_other_failures() {
    let node = Node::boot(Http::Two).await;
    let party = RelyingParty::new(node.trust());
    let thief = node::show_without_key(&node).await;
    let thief = Target::from_url(&format!("https://{thief}")).expect("a loopback address");
    let error = Session::open(&thief, &party).await.expect_err("no key");
    assert_eq!((error.check(), error.is_refusal()), ("tls.certificate_verify", true));
    assert!(node.seen().is_empty());
}

#[tokio::test]
async fn nobody_at_the_address_is_not_a_refusal() {
    let node = Node::boot(Http::Two).await;
    let party = RelyingParty::new(node.trust());
    let nobody = Target::from_url("https://127.0.0.1:1").expect("an address");
    let error = Session::open(&nobody, &party).await.expect_err("nobody");
    let out_of_reach = matches!(&error, SessionError::Contact(ContactError::Connect { .. }));
    assert!(out_of_reach && !error.is_refusal());
}

#[tokio::test]
async fn a_further_connection_stands_on_the_first_and_ends_with_it() {
    let node = Node::boot(Http::Two).await;
    let clock = MovableClock::new();
    let party = RelyingParty::new(node.trust()).with_clock(Arc::new(clock.clone()));
    let first = Session::open(&target(&node), &party).await.expect("a good node");
    clock.pass(Duration::from_secs(299));
    let second = Session::open(&target(&node), &party).await.expect("a good node");
    assert_eq!(node.seen(), ["hardware", "key"]);
    assert_eq!(second.remaining(), first.remaining());
    clock.pass(Duration::from_secs(1));
    let third = Session::open(&target(&node), &party).await.expect("a good node");
    assert_eq!(node.seen(), ["hardware", "key", "hardware"]);
    assert_eq!(third.remaining(), Duration::from_secs(600));
}

#[tokio::test]
async fn a_machine_that_slept_stands_on_no_contact_from_before_its_sleep() {
    let node = Node::boot(Http::Two).await;
    let clock = MovableClock::new();
    let party = RelyingParty::new(node.trust()).with_clock(Arc::new(clock.clone()));
    Session::open(&target(&node), &party).await.expect("a good node");
    clock.sleep(Duration::from_secs(601));
    let awake = Session::open(&target(&node), &party).await.expect("a good node");
    assert_eq!(node.seen(), ["hardware", "hardware"]);
    assert!(awake.is_open(), "{:?}", awake.remaining());
}

#[tokio::test]
async fn an_expired_session_seals_nothing_and_a_renewed_one_does() {
    let node = Node::boot(Http::Two).await;
    let clock = MovableClock::new();
    let party = RelyingParty::new(node.trust()).with_clock(Arc::new(clock.clone()));
    let session = Session::open(&target(&node), &party).await.expect("a good node");
    clock.pass(Duration::from_secs(599));
    assert!(session.is_open() && session.seal(&question(true)).is_ok());
    clock.pass(Duration::from_secs(1));
    assert!(matches!(session.seal(&question(true)), Err(ExchangeError::Expired)));
    let mut renewed = session.renew().await.expect("the same connection");
    assert!(!session.is_open() && renewed.is_open());
    let answer = renewed.exchange(&question(true)).await.expect("an answer");
    answer.collect().await.expect("an honest node");
    assert_eq!(node.seen(), ["hardware", "hardware", "sealed"]);
}
