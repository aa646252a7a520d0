//! The engine on the default model: skipped, aloud, where the file is absent; never on CI.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;

use sealroom_engine::{
    Engine, Event, GenerationRequest, Input, LocalEngine, Sampling, Settings, SpecialTokens,
    default_model,
};

/// Ids that llama.cpp gives; written by `tests/peers -- tokens --write`.
const GOLDEN: &str = include_str!("../testdata/tokens_smollm2.json");

#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
    ids_as_text: Vec<u32>,
}

fn engine() -> Option<LocalEngine> {
    let cache = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        Some(cache.or_else(home)?.join(format!("sealroom/models/{}.gguf", default_model::SHA256)))
    };
    let path = std::env::var_os("SEALROOM_MODEL").map(PathBuf::from).or_else(cache)?;
    let Ok(bytes) = std::fs::read(path) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the model must be present on CI");
        println!("skipped: model not present");
        return None;
    };
    assert_eq!(bytes.len() as u64, default_model::SIZE);
    Some(LocalEngine::load(&bytes, &Settings::default()).expect("the default model loads"))
}

#[test]
fn token_ids_are_those_of_llama_cpp() {
    let Some(engine) = engine() else { return };
    let golden: Vec<Golden> = serde_json::from_str(GOLDEN).unwrap();
    assert!(golden.len() >= 20);
    for Golden { text, ids, ids_as_text } in golden {
        assert_eq!(engine.tokenize(&text, SpecialTokens::Parse), Ok(ids), "{text:?}");
        assert_eq!(engine.tokenize(&text, SpecialTokens::AsText), Ok(ids_as_text), "{text:?}");
    }
}

#[test]
fn a_greedy_answer_begins_like_that_of_llama_cpp() {
    let Some(engine) = engine() else { return };
    let mut request = GenerationRequest::new(Input::user("What is gravity?"), 0);
    request.max_tokens = Some(12);
    request.sampling = Sampling::greedy();
    let (sender, events) = mpsc::channel();
    let sink = move |event: Event| match sender.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink)).unwrap();
    let text: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Token(token) => Some(token.text.expose().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(text, "Gravity is a fundamental concept in physics that describes the curvature");
}
