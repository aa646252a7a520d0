//! Evidence over the wire: bound to the connection that asks, fresh, and gone when the clock is moved.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use sealroom_attestation::binder::{self, Channel, Session};
use sealroom_attestation::cbor::Item;
use sealroom_attestation::endpoints::{self, ChannelKind, Problem, Proof};
use sealroom_attestation::evidence::{Binder, Bundle, Hardware};
use sealroom_attestation::statement::{QuoteFreshness, Statement};

use crate::mock::{Client, Rig};

fn decode(body: &[u8]) -> (Bundle, Statement) {
    let bundle = Bundle::decode(body).expect("a bundle");
    let statement = Statement::decode(&bundle.statement).expect("a statement");
    let Hardware::Snp { report, .. } = &bundle.hardware else { panic!("the mock says SNP") };
    assert_eq!(
        report[..],
        Statement::report_data(&bundle.statement),
        "the quote covers the statement"
    );
    (bundle, statement)
}

fn session(client: &Client) -> Session {
    Session { nonce: client.nonce, channel: client.channel, context: Vec::new() }
}

fn signature_holds(body: &[u8], session: &Session) -> bool {
    let (bundle, statement) = decode(body);
    let Binder::Signature(signature) = &bundle.binder else { panic!("a signature") };
    let digest = Statement::digest(&bundle.statement);
    binder::signature_holds(session, &statement.identity, &statement.boot_id(), &digest, signature)
}

#[tokio::test]
async fn cached_evidence_has_no_binder_and_names_leaf_and_keys() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let (status, headers, body) = client.get(endpoints::EVIDENCE).await;
    assert_eq!(
        (status, &headers["cache-control"]),
        (StatusCode::OK, &"no-store".parse().expect("a value"))
    );
    let (bundle, statement) = decode(&body);
    assert_eq!(bundle.binder, Binder::None);
    assert_eq!(statement.freshness, QuoteFreshness::Cached);
    let Channel::TlsServer { leaf, .. } = client.channel else { panic!("over TLS") };
    assert_eq!(statement.leaf, leaf);
    assert_eq!(statement.boot_id(), rig.node.boot_id());
    let (_, _, keys) = client.get(endpoints::OHTTP_GATEWAY).await;
    assert_eq!(keys, bundle.kem_keys);
}

#[tokio::test]
async fn key_freshness_binds_this_connection_and_no_other() {
    let rig = Rig::start().await;
    let (mut one, other) = (Client::dial(&rig.node, 1).await, Client::dial(&rig.node, 1).await);
    let (status, _, body) = one.challenge(Proof::Key, ChannelKind::Tls).await;
    assert_eq!(status, StatusCode::OK);
    assert!(signature_holds(&body, &session(&one)));
    assert!(!signature_holds(&body, &session(&other)), "same nonce, other connection");
}

#[tokio::test]
async fn key_freshness_over_a_relay_binds_the_current_keys() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    let (_, _, body) = client.challenge(Proof::Key, ChannelKind::Kem).await;
    let (_, statement) = decode(&body);
    let channel = Channel::Kem { keys: statement.kem };
    assert!(signature_holds(&body, &Session { channel, ..session(&client) }));
}

#[tokio::test]
async fn sessions_that_wait_share_one_quote_and_each_finds_itself_in_it() {
    let rig = Rig::start().await;
    let before = rig.hardware.quotes.load(Ordering::SeqCst);
    rig.hardware.hold();
    let mut asked = Vec::new();
    for nonce in 1..=6 {
        let mut client = Client::dial(&rig.node, nonce).await;
        asked.push(tokio::spawn(async move {
            let (status, _, body) = client.challenge(Proof::Hardware, ChannelKind::Tls).await;
            (status, body, session(&client))
        }));
        if nonce == 1 {
            // The first one is on its own: its quote is in flight when the others join.
            while rig.hardware.quotes.load(Ordering::SeqCst) == before {
                tokio::task::yield_now().await;
            }
        }
    }
    let waiting = &rig.node.state().evidence().waiting;
    while waiting.len() < 5 {
        tokio::task::yield_now().await;
    }
    rig.hardware.release();
    let mut sizes = Vec::new();
    for task in asked {
        let (status, body, session) = task.await.expect("finished");
        assert_eq!(status, StatusCode::OK);
        let (bundle, statement) = decode(&body);
        let QuoteFreshness::Tree { root, size } = statement.freshness else { panic!("a tree") };
        let Binder::Path { index, path } = bundle.binder else { panic!("a path") };
        let leaf = session.leaf(&statement.boot_id());
        assert!(binder::path_holds(leaf, index, size, &path, &root));
        sizes.push(size);
    }
    assert_eq!(sizes, [1, 5, 5, 5, 5, 5]);
    assert_eq!(
        rig.hardware.quotes.load(Ordering::SeqCst),
        before + 2,
        "two quotes for six sessions"
    );
}

#[tokio::test]
async fn a_broken_device_gives_not_ready_and_cached_evidence_goes_on() {
    let rig = Rig::start().await;
    rig.hardware.broken.store(true, Ordering::SeqCst);
    let mut client = Client::dial(&rig.node, 1).await;
    let (status, headers, body) = client.challenge(Proof::Hardware, ChannelKind::Tls).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Problem::from_body(&body), Some(Problem::NotReady));
    assert!(headers.contains_key("retry-after"));
    let (status, _, _) = client.challenge(Proof::Key, ChannelKind::Tls).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_challenge_that_is_none_is_a_bad_frame() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    for (media_type, body, problem) in [
        (endpoints::CHALLENGE_TYPE, vec![1, 2, 3], Problem::BadFrame),
        ("application/cbor", vec![0xa0], Problem::BadFrame),
        (endpoints::CHALLENGE_TYPE, vec![0; 65], Problem::TooLarge),
    ] {
        let (status, _, found) = client.post(endpoints::EVIDENCE, media_type, body).await;
        assert_eq!(
            (status.as_u16(), Problem::from_body(&found)),
            (problem.status(), Some(problem))
        );
    }
}

#[tokio::test]
async fn a_stepped_wall_clock_makes_the_node_not_ready_until_evidence_is_fresh() {
    let rig = Rig::start().await;
    let mut client = Client::dial(&rig.node, 1).await;
    rig.clock.step_wall(5);
    assert_eq!(client.get(endpoints::HEALTH).await.0, StatusCode::OK);
    rig.clock.step_wall(1);
    let (status, _, body) = client.get(endpoints::HEALTH).await;
    assert_eq!((status, body.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    let (status, _, _) = client.challenge(Proof::Key, ChannelKind::Tls).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    rig.node.state().tick().await;
    assert_eq!(client.get(endpoints::HEALTH).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_node_that_lost_its_gpus_takes_no_request() {
    let rig = Rig::start().await;
    assert!(rig.node.state().is_ready());
    rig.hardware.gpus_lost.store(true, Ordering::SeqCst);
    assert!(!rig.node.state().is_ready());
}

#[tokio::test]
async fn keys_rotate_with_their_evidence() {
    let rig = Rig::start().await;
    let (first, state) = (rig.node.state().statement(), rig.node.state());
    rig.clock.advance(Duration::from_secs(599));
    state.tick().await;
    assert_eq!(state.kem_epoch(), 0);
    rig.clock.advance(Duration::from_secs(1));
    state.tick().await;
    let second = state.statement();
    assert_eq!((first.kem_epoch, second.kem_epoch), (0, 1));
    assert_ne!(first.kem, second.kem);
    assert_eq!(first.boot_id(), second.boot_id());
    assert_eq!(state.key_set().keys().len(), 4, "current and previous");
    rig.clock.advance(Duration::from_secs(600));
    rig.hardware.broken.store(true, Ordering::SeqCst);
    state.tick().await;
    assert_eq!(
        state.key_set().keys().len(),
        2,
        "the previous keys die on time, whatever the device does"
    );
    assert!(state.is_ready());
    rig.clock.advance(Duration::from_secs(600));
    assert!(!state.is_ready(), "no keys are left");
}

#[tokio::test]
async fn evidence_that_expired_makes_the_node_not_ready() {
    let settings = "[evidence]\nlifetime_s = 60\n";
    let rig = Rig::start_with(settings, crate::serve::Deadlines::default()).await;
    rig.clock.advance(Duration::from_secs(60));
    assert!(rig.node.state().is_ready(), "its last second counts");
    rig.clock.advance(Duration::from_secs(1));
    assert!(!rig.node.state().is_ready());
    rig.node.state().tick().await;
    assert!(rig.node.state().is_ready());
}
