use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sealroom_request::{ChatMessage, Role};

use super::fake::{Fake, Seen, Step, json, stream, whole};
use super::*;
use crate::engine::{Event, FinishReason, Usage};

/// An answer of two tokens as vLLM streams it.
const STREAM: &str = ": ping\r\n\r\n\
data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0}}\n\n\
data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\u{e9}\"},\"logprobs\":{\"content\":[{\"token\":\"token_id:9\",\"logprob\":-0.5,\"bytes\":[72,195,169]}]}}]}\r\n\r\n\
data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"logprobs\":{\"content\":[{\"token\":\"token_id:2\",\"logprob\":-0.25,\"bytes\":[]}]},\"finish_reason\":\"stop\"}]}\n\n\
data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n\
data: [DONE]\n\n";

fn settings(address: &Address) -> UpstreamSettings {
    UpstreamSettings {
        address: address.clone(),
        user: None,
        kind: Kind::Vllm,
        build: "1.0".to_owned(),
        name: "m".to_owned(),
        root: "/models/m".to_owned(),
        context: None,
        in_flight: 2,
        parameters: BTreeMap::new(),
        deadlines: Deadlines::default(),
    }
}

/// What a sound vLLM says of itself; `None` for other questions.
fn facts(seen: &Seen) -> Option<Vec<Step>> {
    match seen.path.as_str() {
        "/health" => Some(whole(200, "text/plain", "")),
        "/version" => Some(json(r#"{"version":"1.0"}"#)),
        "/v1/models" => Some(json(
            r#"{"object":"list","data":[{"id":"other","root":"/x"},{"id":"m","root":"/models/m","max_model_len":100}]}"#,
        )),
        _ => None,
    }
}

/// A sound vLLM but for what it answers.
fn vllm(answers: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Fake {
    Fake::start(move |seen| facts(seen).unwrap_or_else(|| answers(seen)))
}

fn streaming(text: &str) -> Vec<Step> {
    vec![stream(), Step::Chunk(text.into()), Step::End]
}

fn connect(fake: &Fake, change: impl FnOnce(&mut UpstreamSettings)) -> UpstreamEngine {
    let mut settings = settings(&fake.address);
    change(&mut settings);
    UpstreamEngine::connect(settings).unwrap()
}

fn chat() -> GenerationRequest {
    let mut request = GenerationRequest::new(Input::user("Hi"), 1);
    request.max_tokens = Some(4);
    request
}

fn submit(engine: &UpstreamEngine, request: GenerationRequest) -> Receiver<Event> {
    let (sender, events) = channel();
    let sink = move |event| match sender.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink)).unwrap();
    events
}

/// The text of an answer and how it ended.
fn answer(events: &Receiver<Event>) -> (String, Result<(FinishReason, Usage), EngineError>) {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(token) => text += token.text.expose(),
            Event::Finished(finished) => return (text, Ok((finished.reason, finished.usage))),
            Event::Failed(error) => return (text, Err(error)),
        }
    }
    panic!("the sink was dropped without an end");
}

/// What an engine does when it is asked.
type Answers = fn(&Seen) -> Vec<Step>;

/// The text that came, and why the answer of an engine that does this failed.
fn failed(answers: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> (String, EngineError) {
    failed_within(Deadlines::default(), answers)
}

fn failed_within(
    deadlines: Deadlines,
    answers: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
) -> (String, EngineError) {
    let fake = vllm(answers);
    let (text, end) =
        answer(&submit(&connect(&fake, |settings| settings.deadlines = deadlines), chat()));
    (text, end.expect_err("no sound engine does this"))
}

fn upstream(reason: UpstreamError) -> EngineError {
    EngineError::Upstream { reason }
}

const WHOLE: Usage = Usage { prompt: 3, completion: 2, cached: 0 };

#[test]
fn an_answer_comes_over_loopback() {
    let fake = vllm(|_| streaming(STREAM));
    let engine = connect(&fake, |_| {});
    let (text, end) = answer(&submit(&engine, chat()));
    assert_eq!((text.as_str(), end), ("Hé", Ok((FinishReason::EndToken, WHOLE))));
    let card = engine.card();
    assert_eq!(
        (card.engine.as_str(), card.build.as_str(), card.context_length),
        ("vllm", "1.0", 100)
    );
    let seen = fake.seen();
    let asked = seen.last().unwrap();
    assert_eq!(asked.path, "/v1/chat/completions");
    assert!(
        asked.body.contains(r#""messages":[{"role":"user","content":"Hi"}]"#),
        "{}",
        asked.body
    );
}

#[test]
fn an_answer_comes_over_a_socket_of_the_engines_own_user_alone() {
    let folder = std::env::temp_dir().join(format!("sealroom-upstream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("engine.sock");
    let script = |seen: &Seen| facts(seen).unwrap_or_else(|| streaming(STREAM));
    let fake = Fake::start_at(&path, script);
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&path).unwrap());
    let engine = connect(&fake, |settings| settings.user = Some(own));
    let (text, end) = answer(&submit(&engine, chat()));
    assert_eq!((text.as_str(), end), ("Hé", Ok((FinishReason::EndToken, WHOLE))));
    let mut strangers = settings(&fake.address);
    strangers.user = Some(own + 1);
    let refused = UpstreamEngine::connect(strangers).err();
    assert_eq!(refused, Some(ConnectError::NotReady(UpstreamError::Stranger)));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_answer_is_the_same_when_every_byte_comes_alone() {
    let fake = vllm(|_| {
        let pieces = STREAM.bytes().map(|byte| Step::Chunk(vec![byte]));
        [stream()].into_iter().chain(pieces).chain([Step::End]).collect()
    });
    let (text, end) = answer(&submit(&connect(&fake, |_| {}), chat()));
    assert_eq!((text.as_str(), end), ("Hé", Ok((FinishReason::EndToken, WHOLE))));
}

/// The stream up to its end.
fn without_end() -> &'static str {
    STREAM.split_once("data: [DONE]").unwrap().0
}

#[test]
fn refuses_an_answer_that_is_cut_off() {
    let cut = failed(|_| vec![stream(), Step::Chunk(without_end().into())]);
    assert_eq!(cut, ("Hé".to_owned(), upstream(UpstreamError::Cut)));
    let ended = failed(|_| streaming(without_end()));
    assert_eq!(ended, ("Hé".to_owned(), upstream(UpstreamError::Unfinished)));
    let dropped = failed(|_| Vec::new());
    assert_eq!(dropped, (String::new(), upstream(UpstreamError::Cut)));
}

#[test]
fn refuses_an_answer_that_is_not_the_interface() {
    let table: [(Answers, UpstreamError); 6] = [
        (|_| whole(200, "application/json", "{}"), UpstreamError::ContentType),
        (|_| whole(500, "application/json", "{}"), UpstreamError::Status { found: 500 }),
        (|_| whole(204, "text/event-stream", ""), UpstreamError::Status { found: 204 }),
        (|_| vec![Step::Send(b"garbage\r\n\r\n".to_vec())], UpstreamError::Cut),
        (|_| streaming("data: garbage\n\n"), UpstreamError::Malformed),
        (|_| streaming("error: {\"message\":\"secret\"}\n\n"), UpstreamError::Reported),
    ];
    for (answers, reason) in table {
        assert_eq!(failed(answers), (String::new(), upstream(reason)));
    }
}

#[test]
fn refuses_an_event_without_an_end() {
    let endless = |_: &Seen| {
        vec![
            stream(),
            Step::Chunk(b"data: ".to_vec()),
            Step::Chunk(vec![b'x'; sse::LONGEST_EVENT]),
            Step::Hang,
        ]
    };
    assert_eq!(failed(endless).1, upstream(UpstreamError::TooLong));
}

#[test]
fn follows_no_redirect() {
    let elsewhere = Fake::start(|_| streaming(STREAM));
    let location = elsewhere.address.to_string();
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let (_, error) = failed(move |_| {
            let head = format!(
                "HTTP/1.1 {status} x\r\nlocation: {location}/v1/chat/completions\r\ncontent-length: 0\r\n\r\n"
            );
            vec![Step::Send(head.into_bytes())]
        });
        assert_eq!(error, upstream(UpstreamError::Redirect));
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[test]
fn an_engine_that_is_full_is_overloaded() {
    for status in [429, 503] {
        let (text, error) = failed(move |_| whole(status, "application/json", "{}"));
        assert_eq!((text, error), (String::new(), EngineError::Overloaded { capacity: 2 }));
    }
}

#[test]
fn one_more_than_may_be_in_flight_is_refused() {
    let fake = vllm(|_| vec![Step::Hang]);
    let engine = connect(&fake, |settings| settings.in_flight = 1);
    let first = submit(&engine, chat());
    let refused = engine.submit(chat(), Box::new(|_| ControlFlow::Continue(())));
    assert_eq!(refused, Err(EngineError::Overloaded { capacity: 1 }));
    drop((engine, first));
}

fn short() -> Deadlines {
    let moment = Duration::from_millis(200);
    Deadlines { first_byte: moment, silence: moment, ..Deadlines::default() }
}

#[test]
fn an_engine_that_hangs_is_given_up() {
    let silent = failed_within(short(), |_| vec![Step::Hang]);
    assert_eq!(silent, (String::new(), upstream(UpstreamError::FirstByte)));
    let head_only = failed_within(short(), |_| vec![stream(), Step::Hang]);
    assert_eq!(head_only, (String::new(), upstream(UpstreamError::FirstByte)));
    // Signs of life are no tokens.
    let role = STREAM.split_inclusive("\n\n").next().unwrap();
    let begun =
        failed_within(short(), move |_| vec![stream(), Step::Chunk(role.into()), Step::Hang]);
    assert_eq!(begun, (String::new(), upstream(UpstreamError::FirstByte)));
    let fell_silent =
        failed_within(short(), |_| vec![stream(), Step::Chunk(without_end().into()), Step::Hang]);
    assert_eq!(fell_silent, ("Hé".to_owned(), upstream(UpstreamError::Silence)));
}

/// Cancels when told, without an event.
struct Cancel(Receiver<()>, std::sync::atomic::AtomicBool);

impl Sink for std::sync::Mutex<Cancel> {
    fn event(&mut self, _: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn is_cancelled(&self) -> bool {
        let cancel = self.lock().unwrap();
        cancel.1.fetch_or(cancel.0.try_recv().is_ok(), Ordering::AcqRel);
        cancel.1.load(Ordering::Acquire)
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_leaves_frees_the_engine_within_a_second() {
    for begun in [Vec::new(), vec![stream()]] {
        let begun = std::sync::Mutex::new(begun);
        let fake = vllm(move |_| {
            let mut steps = std::mem::take(&mut *begun.lock().unwrap());
            steps.push(Step::Hang);
            steps
        });
        let engine = connect(&fake, |settings| settings.in_flight = 1);
        let (leave, left) = channel();
        let sink = std::sync::Mutex::new(Cancel(left, false.into()));
        engine.submit(chat(), Box::new(sink)).unwrap();
        fake.hangs.recv().unwrap();
        leave.send(()).unwrap();
        assert_eq!(fake.gone.recv_timeout(SECOND), Ok(()));
    }
}

#[test]
fn a_sink_that_breaks_frees_the_engine_within_a_second() {
    let fake = vllm(|_| vec![stream(), Step::Chunk(without_end().into()), Step::Hang]);
    let engine = connect(&fake, |_| {});
    engine.submit(chat(), Box::new(|_| ControlFlow::Break(()))).unwrap();
    assert_eq!(fake.gone.recv_timeout(SECOND), Ok(()));
}

#[test]
fn an_engine_that_was_dropped_leaves_no_connection() {
    let fake = vllm(|_| vec![Step::Hang]);
    let engine = connect(&fake, |_| {});
    let events = submit(&engine, chat());
    fake.hangs.recv().unwrap();
    drop(engine);
    assert_eq!(fake.gone.recv_timeout(SECOND), Ok(()));
    assert_eq!(events.recv(), Err(std::sync::mpsc::RecvError));
}

#[test]
fn an_engine_that_stopped_takes_nothing() {
    let (open, gate) = channel();
    let gate = std::sync::Mutex::new(gate);
    let fake = vllm(move |_| {
        gate.lock().unwrap().recv().unwrap();
        streaming(without_end())
    });
    let engine = connect(&fake, |_| {});
    assert!(!engine.has_stopped());
    let events = submit(&engine, chat());
    engine.stop();
    open.send(()).unwrap();
    assert!(engine.has_stopped());
    assert_eq!(answer(&events).1, Err(EngineError::Stopped));
    let refused = engine.submit(chat(), Box::new(|_| ControlFlow::Continue(())));
    assert_eq!(refused, Err(EngineError::Stopped));
    assert_eq!(engine.read(&Input::user("Hi")), Err(EngineError::Stopped));
}

#[test]
fn a_request_that_breaks_a_rule_never_reaches_the_engine() {
    let fake = vllm(|_| streaming(STREAM));
    let engine = connect(&fake, |_| {});
    let refused = |change: fn(&mut GenerationRequest)| {
        let mut request = chat();
        change(&mut request);
        engine.submit(request, Box::new(|_| ControlFlow::Continue(()))).expect_err("refused")
    };
    let empty = Input::Chat { messages: Vec::new(), tools: Vec::new() };
    assert_eq!(refused(|request| request.input = Input::Text("".into())), EngineError::EmptyPrompt);
    let (asked, error) = (empty, EngineError::EmptyPrompt);
    assert_eq!(engine.read(&asked), Err(error));
    let long = EngineError::ContextLength { prompt: 100, context: 100 };
    assert_eq!(refused(|request| request.input = Input::Tokens(vec![1; 100].into())), long);
    let hot = refused(|request| request.sampling.temperature = 3.0).to_string();
    assert_eq!(hot, "parameter temperature is 3: 0 to 2 expected");
    assert!(fake.seen().iter().all(|seen| !seen.path.ends_with("completions")));
}

#[test]
fn an_answer_that_would_not_fit_is_asked_for_as_far_as_it_does() {
    let tokens =
        |count: usize| format!(r#"{{"tokens":[{}],"count":{count}}}"#, vec!["1"; count].join(","));
    let with = move |count: usize| {
        let fake = vllm(move |seen| match seen.path.as_str() {
            "/tokenize" => json(&tokens(count)),
            _ if seen.body.contains("\"max_tokens\":4,") => whole(400, "application/json", "{}"),
            _ => streaming(STREAM),
        });
        let end = answer(&submit(&connect(&fake, |_| {}), chat())).1;
        (end.map(|(reason, _)| reason), fake.seen().last().unwrap().body.clone())
    };
    let (end, body) = with(98);
    assert_eq!(end, Ok(FinishReason::EndToken));
    assert!(body.contains("\"max_tokens\":2,"), "{body}");
    assert_eq!(with(100).0, Err(EngineError::ContextLength { prompt: 100, context: 100 }));
    // It was refused for something else.
    assert_eq!(with(96).0, Err(upstream(UpstreamError::Status { found: 400 })));
}

#[test]
fn tokens_are_the_engines_own() {
    let fake = vllm(|_| json(r#"{"tokens":[1,2]}"#));
    let engine = connect(&fake, |_| {});
    assert_eq!(engine.read(&Input::Text("ab".into())).map(|ids| ids.to_vec()), Ok(vec![1, 2]));
    let asked = fake.seen().last().unwrap().body.clone();
    assert_eq!(asked, r#"{"model":"m","prompt":"ab","add_special_tokens":true}"#);
    assert_eq!(engine.tokenize("ab", SpecialTokens::Parse), Ok(vec![1, 2]));
    let none = upstream(UpstreamError::Unsupported { feature: "tokenizer for it" });
    assert_eq!(engine.tokenize("ab", SpecialTokens::AsText), Err(none));
    let messages = vec![ChatMessage::new(Role::User, "Hi")];
    let chat = Input::Chat { messages, tools: Vec::new() };
    assert_eq!(engine.read(&chat).map(|ids| ids.len()), Ok(2));
}

mod identity;
mod real;
