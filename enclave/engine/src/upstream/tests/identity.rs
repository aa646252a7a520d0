//! What an engine says of itself.

use super::*;

/// A server that says this at these paths, and nothing else.
fn saying(facts: &[(&'static str, String)]) -> Fake {
    let facts = facts.to_vec();
    Fake::start(move |seen| {
        let fact = facts.iter().find(|(path, _)| *path == seen.path);
        fact.map_or_else(|| whole(404, "application/json", "{}"), |(_, fact)| json(fact))
    })
}

fn sound(kind: Kind) -> Vec<(&'static str, String)> {
    let facts = match kind {
        Kind::Vllm => vec![
            ("/v1/models", r#"{"data":[{"id":"m","root":"/models/m","max_model_len":100}]}"#),
            ("/version", r#"{"version":"1.0"}"#),
        ],
        Kind::Sglang => vec![
            ("/v1/models", r#"{"data":[{"id":"m","root":"m","max_model_len":100}]}"#),
            ("/get_server_info", r#"{"version":"1.0","tp_size":1}"#),
            ("/get_model_info", r#"{"model_path":"/models/m"}"#),
        ],
        Kind::LlamaServer => vec![
            ("/v1/models", r#"{"data":[{"id":"m","meta":{"n_vocab":50,"n_ctx_train":8192}}]}"#),
            (
                "/props",
                r#"{"model_path":"/models/m","build_info":"1.0","default_generation_settings":{"n_ctx":100}}"#,
            ),
        ],
        Kind::LlamaCppPython => vec![("/v1/models", r#"{"data":[{"id":"m"}]}"#)],
    };
    let health = ("/health", "{}");
    facts.into_iter().chain([health]).map(|(path, fact)| (path, fact.to_owned())).collect()
}

/// What becomes of an engine that says one thing else.
fn with(kind: Kind, path: &str, from: &str, to: &str) -> Result<ModelCard, ConnectError> {
    let mut facts = sound(kind);
    let fact = facts.iter_mut().find(|(at, _)| *at == path).unwrap();
    assert!(fact.1.contains(from), "{from}");
    fact.1 = fact.1.replace(from, to);
    let fake = saying(&facts);
    let mut settings = settings(&fake.address);
    settings.kind = kind;
    settings.context = (kind == Kind::LlamaCppPython).then_some(100);
    UpstreamEngine::connect(settings).map(|engine| engine.card().clone())
}

const TELLING: [Kind; 3] = [Kind::Vllm, Kind::Sglang, Kind::LlamaServer];

fn place_of_root(kind: Kind) -> &'static str {
    match kind {
        Kind::Vllm | Kind::LlamaCppPython => "/v1/models",
        Kind::Sglang => "/get_model_info",
        Kind::LlamaServer => "/props",
    }
}

#[test]
fn takes_every_kind_that_is_what_it_should_be() {
    for kind in [Kind::Vllm, Kind::Sglang, Kind::LlamaServer, Kind::LlamaCppPython] {
        let card = with(kind, "/health", "{}", "{}").unwrap();
        assert_eq!((card.engine.as_str(), card.context_length), (kind.name(), 100));
        let known = if kind == Kind::LlamaServer { 50 } else { u32::MAX as usize };
        assert_eq!((card.name.as_str(), card.vocab_size), ("m", known));
    }
}

#[test]
fn refuses_an_engine_that_loaded_another_model() {
    for kind in TELLING {
        let other = with(kind, place_of_root(kind), "/models/m", "/models/other");
        assert_eq!(other, Err(ConnectError::OtherModel), "{kind:?}");
        let name = if kind == Kind::Vllm { "\"root\"" } else { "\"model_path\"" };
        let untold = with(kind, place_of_root(kind), name, "\"x\"");
        assert_eq!(untold, Err(ConnectError::UntoldModel), "{kind:?}");
    }
}

#[test]
fn refuses_an_engine_that_serves_no_such_name() {
    let name = with(Kind::LlamaCppPython, "/v1/models", "\"m\"", "\"x\"");
    assert_eq!(name, Err(ConnectError::Name { expected: "m".to_owned() }));
}

#[test]
fn refuses_another_version_and_prints_only_what_is_printable() {
    for (kind, path) in [
        (Kind::Vllm, "/version"),
        (Kind::Sglang, "/get_server_info"),
        (Kind::LlamaServer, "/props"),
    ] {
        let long = "9".repeat(100);
        let other = with(kind, path, "\"1.0\"", &format!("\"2\\u001b[31m \\n{long}\""));
        let found = format!("2[31m{}", "9".repeat(59));
        assert_eq!(other, Err(ConnectError::Build { found, expected: "1.0".to_owned() }));
    }
}

#[test]
fn a_context_is_told_or_set_and_never_longer_than_told() {
    let untold = with(Kind::Vllm, "/v1/models", "\"max_model_len\":100", "\"x\":1");
    assert_eq!(untold, Err(ConnectError::UntoldContext));
    let fake = saying(&sound(Kind::Vllm));
    let set = |context| {
        let mut settings = settings(&fake.address);
        settings.context = Some(context);
        UpstreamEngine::connect(settings).map(|engine| engine.card().context_length)
    };
    assert_eq!(set(100), Ok(100));
    assert_eq!(set(50), Ok(50));
    assert_eq!(set(101), Err(ConnectError::Context { told: 100, asked: 101 }));
}

#[test]
fn an_engine_that_is_not_there_yet_is_not_ready() {
    let nobody = Fake::start(|_| whole(503, "application/json", "{}"));
    let loading = UpstreamEngine::connect(settings(&nobody.address)).err();
    let reason = UpstreamError::Status { found: 503 };
    assert_eq!(loading, Some(ConnectError::NotReady(reason)));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let absent = UpstreamEngine::connect(settings(&Address::Loopback4 { port })).err();
    assert_eq!(absent, Some(ConnectError::NotReady(UpstreamError::Connect)));
}

#[test]
fn refuses_facts_that_are_no_facts() {
    let garbage = with(Kind::Vllm, "/version", "\"version\"", "\"v\"");
    assert_eq!(garbage, Err(ConnectError::Malformed));
    let deep = "[".repeat(100_000);
    assert_eq!(with(Kind::Vllm, "/version", "\"1.0\"", &deep), Err(ConnectError::Malformed));
}
