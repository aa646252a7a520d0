//! Inside the seal: rules of the header, parameters, errors in OpenAI's shape.

use std::sync::atomic::Ordering;

use sealroom_attestation::cbor::Item;
use sealroom_attestation::endpoints::{self, REQUEST_ID_HEADER};
use sealroom_attestation::receipt::{self, Fingerprint, Opening};
use sealroom_attestation::seal::bhttp::Method;

use crate::mock::{Answer, BILLING, Client, Rig, seal, seal_with};

const CHAT: &str = "/v1/chat/completions";

async fn ask(rig: &Rig, path: &str, id: u8, json: &str) -> Answer {
    Client::dial(&rig.node, 1).await.exchange(seal(&rig.node, path, id, json)).await
}

fn chat(more: &str) -> String {
    format!(r#"{{"model":"tiny","messages":[{{"role":"user","content":"say 1"}}]{more}}}"#)
}

fn error(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    assert!(answer.trailers.is_empty(), "no work, no receipt");
    (answer.head.status, text("code"), text("param"))
}

#[tokio::test]
async fn the_second_use_of_a_request_id_is_a_sealed_conflict() {
    let rig = Rig::start().await;
    assert_eq!(ask(&rig, CHAT, 1, &chat("")).await.head.status, 200);
    let again = ask(&rig, CHAT, 1, &chat("")).await;
    assert_eq!(error(&again), (409, "request_id_used".into(), String::new()));
    assert_eq!(rig.engine.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_overload_is_sealed_says_when_to_retry_and_gives_the_id_back() {
    let rig = Rig::start().await;
    let full = chat("").replace("say 1", "full");
    for _ in 0..2 {
        let answer = ask(&rig, CHAT, 1, &full).await;
        assert_eq!(error(&answer), (429, "overloaded".into(), String::new()));
        let retry = answer.head.fields.iter().find(|field| field.name() == "retry-after");
        assert_eq!(retry.map(|field| field.value().to_vec()), Some(b"1".to_vec()));
    }
    assert_eq!(ask(&rig, CHAT, 1, &chat("")).await.head.status, 200);
}

#[tokio::test]
async fn a_header_that_is_not_allowed_is_refused_inside_the_seal() {
    let rig = Rig::start().await;
    let fields = [
        ("content-type", "application/json"),
        (REQUEST_ID_HEADER, BILLING),
        ("authorization", "Bearer secret"),
    ];
    let sealed = seal_with(&rig.node, Method::Post, CHAT, &fields, &chat(""));
    let answer = Client::dial(&rig.node, 1).await.exchange(sealed).await;
    assert_eq!(error(&answer), (400, "invalid_header".into(), String::new()));
    assert_eq!(answer.sizes[1], 1024, "errors are padded like answers");
}

#[tokio::test]
async fn unsupported_parameters_are_refused_by_name() {
    let rig = Rig::start().await;
    let table = [
        (r#","frobnicate":1"#, "unsupported_parameter", "frobnicate"),
        (r#","n":33"#, "invalid_value", "n"),
        (r#","temperature":"hot""#, "invalid_type", "temperature"),
        (r#","model":"tiny""#, "invalid_json", ""),
    ];
    for (number, (more, code, param)) in table.into_iter().enumerate() {
        let answer = ask(&rig, CHAT, number as u8, &chat(more)).await;
        assert_eq!(error(&answer), (400, code.into(), param.into()), "{more}");
    }
    let everything = r#","n":1,"temperature":0.5,"top_p":0.9,"top_k":-1,"min_p":0,"stop":["a"],
        "seed":7,"frequency_penalty":1,"presence_penalty":-1,"logit_bias":{"3":-100},"max_tokens":9,
        "max_completion_tokens":8,"stream":false,"user":"me","logprobs":null,"tools":[]"#;
    assert_eq!(ask(&rig, CHAT, 100, &chat(everything)).await.head.status, 200);
}

#[tokio::test]
async fn what_says_nothing_is_accepted_however_it_is_written() {
    let rig = Rig::start().await;
    let table = [
        r#","response_format":{ "type" : "text" },"modalities":[ "text" ],"tools":[ ]"#,
        r#","service_tier":"auto","prompt_cache_retention":"24h","metadata":{"a":"b"},"store":true"#,
        r#","audio":null,"function_call":null,"functions":null,"logit_bias":null,"logprobs":null,
            "max_completion_tokens":null,"max_tokens":null,"metadata":null,"modalities":null,"n":null,
            "parallel_tool_calls":null,"prediction":null,"presence_penalty":null,"reasoning_effort":null,
            "response_format":null,"seed":null,"service_tier":null,"stop":null,"store":null,"stream":null,
            "stream_options":null,"temperature":null,"tool_choice":null,"tools":null,"top_logprobs":null,
            "top_p":null,"user":null,"verbosity":null,"web_search_options":null,"anything":null"#,
    ];
    for (number, more) in table.into_iter().enumerate() {
        let answer = ask(&rig, CHAT, number as u8, &chat(more)).await;
        assert_eq!(answer.head.status, 200, "{more}: {}", answer.text());
    }
    // What this node's own answer looks like when a client sends it back.
    let turn = r#"{"role":"assistant","content":"word0 ","refusal":null,"annotations":[],"audio":null,
        "function_call":null,"tool_calls":null},{"role":"user","content":"say 1"}"#;
    let json = chat("").replace(r#"{"role":"user","content":"say 1"}"#, turn);
    assert_eq!(ask(&rig, CHAT, 100, &json).await.head.status, 200);
    let spaced = chat(r#","response_format":{"type":"te xt"}"#);
    assert_eq!(error(&ask(&rig, CHAT, 101, &spaced).await).1, "invalid_value");
}

#[tokio::test]
async fn an_unknown_model_is_answered_with_the_known_one() {
    let rig = Rig::start().await;
    let answer = ask(&rig, CHAT, 1, &chat("").replace("tiny", "gpt-9")).await;
    let message = answer.json()["error"]["message"].to_string();
    assert_eq!(error(&answer), (404, "model_not_found".into(), "model".into()));
    assert!(message.contains("gpt-9") && message.contains("tiny"), "{message}");
}

#[tokio::test]
async fn models_are_listed_with_a_receipt() {
    let rig = Rig::start().await;
    let sealed =
        seal_with(&rig.node, Method::Get, "/v1/models", &[(REQUEST_ID_HEADER, BILLING)], "");
    let answer = Client::dial(&rig.node, 1).await.exchange(sealed).await;
    assert_eq!(answer.json()["data"][0]["id"], "tiny");
    assert!(answer.trailer(endpoints::RECEIPT_TRAILER).is_some());
}

#[tokio::test]
async fn completions_continue_plain_text() {
    let rig = Rig::start().await;
    let answer = ask(&rig, "/v1/completions", 1, r#"{"model":"tiny","prompt":"say 2"}"#).await;
    assert_eq!(answer.json()["choices"][0]["text"], "word0 word1 ");
    let streamed = r#"{"model":"tiny","prompt":["say 2"],"stream":true}"#;
    let answer = ask(&rig, "/v1/completions", 2, streamed).await;
    assert_eq!(answer.events()[0]["choices"][0]["text"], "word0 ");
}

#[tokio::test]
async fn parts_of_text_are_one_message_and_other_parts_are_refused() {
    let rig = Rig::start().await;
    let parts = r#"[{"type":"text","text":"say"},{"type":"text","text":" 1"}]"#;
    let json = chat("").replace(r#""say 1""#, parts);
    assert_eq!(ask(&rig, CHAT, 1, &json).await.head.status, 200);
    let image = json.replace(r#""type":"text""#, r#""type":"image_url""#);
    let refused = error(&ask(&rig, CHAT, 2, &image).await);
    assert_eq!(refused, (400, "invalid_value".into(), "messages[0].content[0].type".into()));
}

#[tokio::test]
async fn several_answers_are_told_apart_and_their_prompt_counts_once() {
    let rig = Rig::start().await;
    let answer = ask(&rig, CHAT, 1, &chat(r#","n":2"#)).await.json();
    let [first, second] = [0, 1].map(|index| answer["choices"][index].clone());
    assert_eq!((first["index"].as_u64(), second["index"].as_u64()), (Some(0), Some(1)));
    assert_eq!(first["message"]["content"], second["message"]["content"]);
    // Three tokens of the prompt, and two answers of a word and an end.
    let usage = ["prompt_tokens", "completion_tokens"].map(|name| answer["usage"][name].as_u64());
    assert_eq!(usage, [Some(3), Some(4)]);
    let streamed = ask(&rig, CHAT, 2, &chat(r#","n":2,"stream":true"#)).await;
    let events = streamed.events();
    for index in 0..2 {
        let choices = events.iter().flat_map(|event| event["choices"].as_array().expect("a list"));
        let own: Vec<_> = choices.filter(|choice| choice["index"] == index).collect();
        assert_eq!(own.iter().filter(|one| one["delta"]["role"] == "assistant").count(), 1);
        assert_eq!(own.last().map(|one| one["finish_reason"].clone()), Some("stop".into()));
    }
}

#[tokio::test]
async fn a_prompt_that_is_counted_at_the_end_counts_once() {
    let rig = Rig::start().await;
    let late = chat(r#","n":2"#).replace("say 1", "late");
    let answer = ask(&rig, CHAT, 1, &late).await.json();
    assert_eq!(answer["usage"]["prompt_tokens"].as_u64(), Some(3));
}

#[tokio::test]
async fn an_engine_that_stopped_makes_the_node_not_ready() {
    let rig = Rig::start().await;
    assert!(rig.node.state().is_ready());
    rig.engine.stopped.store(true, Ordering::SeqCst);
    assert!(!rig.node.state().is_ready());
}

#[tokio::test]
async fn log_probabilities_come_where_they_are_asked_for() {
    let rig = Rig::start().await;
    let asked = chat(r#","logprobs":true,"top_logprobs":1"#);
    let answer = ask(&rig, CHAT, 1, &asked).await.json();
    let told = &answer["choices"][0]["logprobs"]["content"];
    assert_eq!(told.as_array().map(Vec::len), Some(1), "the end token is none of the text");
    assert_eq!((&told[0]["token"], &told[0]["logprob"]), (&"word0 ".into(), &(-0.25).into()));
    let answer = ask(&rig, CHAT, 2, &chat("")).await.json();
    assert!(answer["choices"][0]["logprobs"].is_null());
}

#[tokio::test]
async fn calls_of_tools_have_openai_shape() {
    let rig = Rig::start().await;
    let json = chat("").replace("say 1", "call light");
    let answer = ask(&rig, CHAT, 1, &json).await.json();
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], choice["message"]["content"].is_null()),
        (&"tool_calls".into(), true)
    );
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!((&function["name"], &function["arguments"]), (&"light".into(), &"{}".into()));
    let streamed = json.replace(r#""model""#, r#""stream":true,"model""#);
    let events = ask(&rig, CHAT, 2, &streamed).await.events();
    let call = &events[1]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!((&call["index"], &call["function"]["name"]), (&0.into(), &"light".into()));
}

#[tokio::test]
async fn the_opening_holds_a_fingerprint_of_what_was_said_and_the_receipt_commits_to_it() {
    let rig = Rig::start().await;
    let answer = ask(&rig, CHAT, 1, &chat("")).await;
    let opening = answer.trailer(endpoints::OPENING_TRAILER).expect("a trailer");
    let opening = Opening::decode(&opening).expect("an opening");
    let bytes = opening.fingerprint.as_ref().expect("a fingerprint");
    let fingerprint = Fingerprint::decode(bytes).expect("a fingerprint");
    // A word and an end.
    assert_eq!(fingerprint.tokens().collect::<Vec<_>>(), [(Some(1), -0.25); 2]);
    let signed = answer.trailer(endpoints::RECEIPT_TRAILER).expect("a trailer");
    let key = rig.node.state().statement().receipt_key;
    let receipt = receipt::verify_signature(&signed, &key).expect("a receipt");
    let expected = receipt::commit(receipt::Kind::Fingerprint, &opening.salt, bytes);
    assert_eq!(receipt.commitments.fingerprint, Some(expected));
}

#[tokio::test]
async fn a_text_is_cut_into_tokens() {
    let rig = Rig::start().await;
    let answer = ask(&rig, "/tokenize", 1, r#"{"model":"tiny","prompt":"a"}"#).await;
    assert_eq!((answer.head.status, answer.json()["tokens"].to_string()), (200, "[1]".into()));
    let refused = ask(&rig, "/tokenize", 2, r#"{"model":"tiny"}"#).await;
    assert_eq!(error(&refused).0, 400);
}
