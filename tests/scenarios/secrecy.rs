//! What others see: a recorder after TLS, and a log at its most talkative.

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Arc, Mutex},
};

use sealroom_attestation::seal::RESPONSE_NONCE_LENGTH;
use sealroom_tests::{carrier::Recording, echo::Echo};
use serde_json::json;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::support::{MODEL, Pair, ground, machine};

const CANARY: &str = "marmalade-canary-7741";

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Keeps everything that anybody in this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The sizes of sealed chunks in one answer: after the nonce, each has a length before it but the last.
fn chunk_sizes(answer: &[u8]) -> Vec<usize> {
    let (mut rest, mut sizes) = (&answer[RESPONSE_NONCE_LENGTH..], Vec::new());
    loop {
        let prefix = 1 << (rest[0] >> 6);
        let length = rest[1..prefix]
            .iter()
            .fold(usize::from(rest[0] & 0x3f), |n, byte| n << 8 | usize::from(*byte));
        if length == 0 {
            sizes.push(rest.len() - prefix);
            return sizes;
        }
        sizes.push(length);
        rest = &rest[prefix + length..];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_after_tls_finds_no_text_and_only_bucket_sizes() {
    let ground = ground(Echo::new());
    let recording = Recording::default();
    let mut recorded = machine(&ground);
    let before = recording.clone();
    recorded.wrap = Some(Box::new(move |router, _| before.before(router)));
    let pair = Pair::start_with(&ground, recorded).await;
    for text in [
        CANARY.to_owned(),
        format!("{CANARY} {}", "longer ".repeat(40)),
        format!("{}{CANARY}", "x".repeat(300)),
    ] {
        recording.answers.lock().expect("no panic").clear();
        let body = json!({ "model": MODEL, "stream": true, "messages": [{ "role": "user", "content": text }] });
        let (status, body) = pair.post("/v1/chat/completions", body).await;
        assert_eq!(status, 200);
        assert!(holds(body.as_bytes(), CANARY.as_bytes()), "the control: the client does see it");
        let all = recording.all();
        assert!(!all.is_empty() && !holds(&all, CANARY.as_bytes()));
        let answers = recording.answers.lock().expect("no panic").concat();
        // The first answer on the connection is the evidence: sealed answers begin after it.
        let sizes = chunk_sizes(sealed(&answers));
        let (last, events) = sizes.split_last().expect("chunks");
        assert_eq!(last - 16, 4096, "the end is padded");
        let buckets: BTreeSet<_> = events[1..].iter().map(|size| size - 16).collect();
        let known = |size: &usize| {
            [256, 512].contains(size) || (size.is_multiple_of(1024) && *size <= 16_384)
        };
        assert!(buckets.iter().all(known), "{buckets:?}");
    }
    pair.stop().await;
}

/// What follows the evidence that a recorder saw first, if it saw any.
fn sealed(answers: &[u8]) -> &[u8] {
    use sealroom_attestation::{cbor::Item, evidence::Bundle};
    if answers.first() != Some(&0xa8) {
        return answers;
    }
    let end = (1..answers.len()).find(|end| Bundle::decode(&answers[..*end]).is_ok());
    &answers[end.unwrap_or(0)..]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_at_trace_level_holds_no_text_and_no_key() {
    let log = Log::default();
    let writer = log.clone();
    // Not the product's own subscriber, which allows only known fields: everything that anybody says.
    let everything = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    tracing_subscriber::registry().with(everything).init();
    tracing::trace!("the control: this line is kept");
    let ground = ground(Echo::new());
    let machine = machine(&ground);
    let leaf = machine.keys.leaf().pkcs8().to_vec();
    let pair = Pair::start_with(&ground, machine).await;
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": CANARY }] });
    let (status, answer) = pair.post("/v1/chat/completions", body).await;
    assert_eq!(status, 200, "{answer}");
    pair.stop().await;
    let log = log.0.lock().expect("no panic");
    assert!(holds(&log, b"the control"));
    assert!(!holds(&log, CANARY.as_bytes()), "a prompt was logged");
    let secret = &leaf[36..68];
    assert!(
        !holds(&log, secret) && !holds(&log, hex::encode(secret).as_bytes()),
        "a key was logged"
    );
}
