//! A real engine that somebody started: `SEALROOM_UPSTREAM=http://127.0.0.1:PORT` names it, `SEALROOM_UPSTREAM_KIND` says what
//! it is (`llama-cpp-python` where nothing is said), `SEALROOM_UPSTREAM_MODEL` the name that it serves, `SEALROOM_UPSTREAM_ROOT`
//! what it loaded and `SEALROOM_UPSTREAM_BUILD` its version.

use super::*;

fn engine() -> Option<UpstreamEngine> {
    let Ok(address) = std::env::var("SEALROOM_UPSTREAM") else {
        println!("skipped: SEALROOM_UPSTREAM names no engine");
        return None;
    };
    let told =
        |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut settings = settings(&address.parse().unwrap());
    settings.kind = match told("SEALROOM_UPSTREAM_KIND", Kind::LlamaCppPython.name()).as_str() {
        "vllm" => Kind::Vllm,
        "sglang" => Kind::Sglang,
        "llama-server" => Kind::LlamaServer,
        "llama-cpp-python" => Kind::LlamaCppPython,
        other => panic!("{other} is no kind"),
    };
    settings.name = told("SEALROOM_UPSTREAM_MODEL", "m");
    settings.root = told("SEALROOM_UPSTREAM_ROOT", "");
    settings.build = told("SEALROOM_UPSTREAM_BUILD", "");
    settings.context = Some(256);
    Some(UpstreamEngine::connect(settings).unwrap())
}

/// Ids, bytes and log-probabilities of a greedy answer, its text and what it used.
fn said(engine: &UpstreamEngine, input: Input) -> (Vec<f32>, String, FinishReason, Usage) {
    let mut request = GenerationRequest::new(input, 7);
    request.sampling = sealroom_request::Sampling::greedy();
    request.max_tokens = Some(12);
    request.top_logprobs = 2;
    let (mut logprobs, mut text) = (Vec::new(), String::new());
    for event in submit(engine, request) {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(token) => {
                logprobs.push(token.logprob);
                text += token.text.expose();
            }
            Event::Finished(end) => return (logprobs, text, end.reason, end.usage),
            Event::Failed(error) => panic!("{error}"),
        }
    }
    panic!("the sink was dropped without an end");
}

#[test]
#[ignore = "needs an engine that is running"]
fn a_real_engine_answers_chats_and_texts() {
    let Some(engine) = engine() else { return };
    for input in [Input::user("Say hello."), Input::Text("Once upon a time".into())] {
        let (logprobs, text, reason, usage) = said(&engine, input.clone());
        println!("{reason:?} {usage:?}: {text:?}");
        assert!(!text.is_empty() && logprobs.iter().any(|logprob| *logprob < 0.0));
        assert_eq!(logprobs.len(), usage.completion);
        assert_eq!(said(&engine, input).1, text, "greedy");
    }
}
