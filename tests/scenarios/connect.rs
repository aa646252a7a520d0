//! An OpenAI client on its own machine, and everything that the gateway does for it.

use std::time::Duration;

use hyper::Request;
use sealroom_tests::echo::Echo;
use serde_json::{Value, json};

use crate::support::{MODEL, Pair, gateway, ground, machine, send, whole};

fn chat(text: &str) -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": text }] })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_whole_and_streamed_with_usage() {
    let pair = Pair::start(&ground(Echo::new())).await;
    let (status, body) = pair.post("/v1/chat/completions", chat("one two three")).await;
    assert_eq!(status, 200, "{body}");
    let body = parsed(&body);
    assert_eq!(body["choices"][0]["message"]["content"], "one two three");
    assert_eq!(body["usage"]["total_tokens"], 6);
    let mut streamed = chat("one two three");
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({ "include_usage": true });
    let (status, body) = pair.post("/v1/chat/completions", streamed).await;
    assert_eq!(status, 200, "{body}");
    let events: Vec<_> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> =
        events.iter().filter(|data| **data != "[DONE]").map(|data| parsed(data)).collect();
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "one two three");
    assert_eq!(
        chunks.last().map(|chunk| chunk["usage"]["completion_tokens"].clone()),
        Some(3.into())
    );
    assert!(!body.contains("..."), "padding must not reach the client: {body}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_models_completes_text_and_says_how_it_is() {
    let pair = Pair::start(&ground(Echo::new())).await;
    let (status, body) = pair.get("/v1/models").await;
    assert_eq!((status, &parsed(&body)["data"][0]["id"]), (200, &MODEL.into()));
    let (status, body) =
        pair.post("/v1/completions", json!({ "model": MODEL, "prompt": "a b" })).await;
    assert_eq!((status, &parsed(&body)["choices"][0]["text"]), (200, &"a b".into()));
    assert_eq!(pair.get("/health").await.0, 200);
    let (status, page) = pair.get("/status").await;
    assert_eq!(status, 200);
    assert!(page.contains("SIMULATED") && page.contains("snp.measurement"), "{page}");
    assert!(
        !page.contains("src=") && !page.contains("http-equiv"),
        "the page must load nothing: {page}"
    );
    let asked = Request::get("/status").header("accept", "application/json");
    let (status, body) = whole(send(pair.connect.address(), asked, String::new()).await).await;
    assert_eq!(status, 200);
    assert!(body.contains("\"schema\""), "{body}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_and_an_unknown_parameter_are_refused_by_name() {
    let pair = Pair::start(&ground(Echo::new())).await;
    let mut other = chat("hello");
    other["model"] = "gpt-17".into();
    let (status, body) = pair.post("/v1/chat/completions", other).await;
    let error = &parsed(&body)["error"];
    assert_eq!((status, &error["code"]), (404, &"model_not_found".into()), "{body}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains(MODEL)), "{body}");
    let mut strange = chat("hello");
    strange["best_of"] = 2.into();
    let (status, body) = pair.post("/v1/chat/completions", strange).await;
    assert_eq!((status, &parsed(&body)["error"]["param"]), (400, &"best_of".into()), "{body}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_refused_gets_nothing_and_the_client_reads_why() {
    let ground = ground(Echo::new());
    let mut debug = machine(&ground);
    debug.chip = debug.chip.debug(true);
    let pair = Pair::start_with(&ground, debug).await;
    let (status, body) = pair.post("/v1/chat/completions", chat("secret")).await;
    let error = &parsed(&body)["error"];
    assert!((500..600).contains(&status), "{status} {body}");
    assert_eq!(error["code"], "snp.policy.debug", "{body}");
    assert_eq!(error["type"], "sealroom_verification_error", "{body}");
    assert_ne!(pair.get("/health").await.0, 200);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_and_origins_are_refused_on_loopback() {
    let pair = Pair::start(&ground(Echo::new())).await;
    let address = pair.connect.address();
    let ask = |name: &'static str, value: String| async move {
        let request = Request::get("/v1/models").header(name, value);
        send(address, request, String::new()).await.status().as_u16()
    };
    assert_eq!(ask("host", format!("localhost:{}", address.port())).await, 200);
    assert_eq!(ask("host", "attacker.example".to_owned()).await, 403);
    assert_eq!(ask("origin", "https://attacker.example".to_owned()).await, 403);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_renewed_and_keys_rotate_without_a_request_failing() {
    let pair = Pair::start(&ground(Echo::new())).await;
    for _ in 0..6 {
        let (status, body) = pair.post("/v1/chat/completions", chat("still here")).await;
        assert_eq!(status, 200, "{body}");
        pair.clock.pass(Duration::from_secs(400));
        pair.node.state().tick().await;
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_in_a_stream_leaves_an_error_and_no_done() {
    let ground = ground(Echo::paced(Duration::from_millis(200)));
    let node = machine(&ground);
    let clock = node.clock.clone();
    let node = node.boot().await.expect("a node");
    let wire = sealroom_tests::middle::Middle::Wire.start(node.address()).await.expect("a wire");
    let connect = gateway(&ground, &clock, wire.address()).await;
    let mut streamed = chat(&"word ".repeat(100));
    streamed["stream"] = true.into();
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    let response = send(connect.address(), request, streamed.to_string()).await;
    assert_eq!(response.status(), 200);
    let cut = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(wire);
    });
    let (_, body) = whole(response).await;
    cut.await.expect("the wire was cut");
    assert!(body.contains("\"error\""), "{body}");
    assert!(!body.contains("[DONE]"), "{body}");
    connect.shutdown().await;
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_share_one_verified_session() {
    let pair = std::sync::Arc::new(Pair::start(&ground(Echo::new())).await);
    let asks = (0..32).map(|number| {
        let pair = std::sync::Arc::clone(&pair);
        tokio::spawn(async move {
            let text = format!("client {number}");
            let (status, body) = pair.post("/v1/chat/completions", chat(&text)).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(parsed(&body)["choices"][0]["message"]["content"], text);
        })
    });
    for ask in asks.collect::<Vec<_>>() {
        ask.await.expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_tokens_are_counted_and_no_text_is() {
    let pair = Pair::start(&ground(Echo::new())).await;
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "quokka two" }] });
    assert_eq!(pair.post("/v1/chat/completions", body.clone()).await.0, 200);
    let wrong = json!({ "model": MODEL, "messages": [], "quokka": 1 });
    assert_eq!(pair.post("/v1/chat/completions", wrong).await.0, 400);
    let (status, text) = pair.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"sealroom_connect_requests_total{outcome="answered"} 1"#,
        r#"sealroom_connect_requests_total{outcome="refused"} 1"#,
        r#"sealroom_connect_tokens_total{kind="prompt"} 2"#,
        r#"sealroom_connect_tokens_total{kind="completion"} 2"#,
        "sealroom_connect_session_verified 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(!text.contains("quokka") && !text.contains(MODEL), "{text}");
    pair.stop().await;
}
