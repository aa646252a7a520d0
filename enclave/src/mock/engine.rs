//! An engine that says what its prompt tells it to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sealroom_engine::{
    Call, Digest, Engine, EngineError, Event, FinishReason, Finished, GenerationRequest, Input,
    ModelCard, Sink, SpecialTokens, Timing, Token, Usage,
};
use zeroize::Zeroizing;

/// Answers `say N` with N words, `full` with an overload, `hang` with one word and then nothing, `break`
/// with one word and a failure, `call NAME` with a call, `late` with a prompt that is counted only at the end.
pub(crate) struct MockEngine {
    card: ModelCard,
    /// Requests that were cancelled.
    pub(crate) cancelled: Arc<AtomicUsize>,
    /// Requests that were accepted.
    pub(crate) accepted: AtomicUsize,
    /// Whether it answers nothing any more.
    pub(crate) stopped: AtomicBool,
}

impl MockEngine {
    pub(crate) fn new() -> Self {
        let card = ModelCard {
            name: "mock".into(),
            architecture: "mock".into(),
            context_length: 4096,
            vocab_size: 10,
            embeds: false,
            tokenizer_digest: Digest([1; 32]),
            chat_template_digest: None,
            engine: "mock".into(),
            build: "0".into(),
            parameters: BTreeMap::new(),
        };
        Self {
            card,
            cancelled: Arc::default(),
            accepted: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }
}

impl Engine for MockEngine {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn tokenize(&self, _: &str, _: SpecialTokens) -> Result<Vec<u32>, EngineError> {
        Ok(vec![1])
    }

    fn read(&self, _: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        Ok(vec![1].into())
    }

    fn embed(&self, _: Input, _: Box<dyn Sink>) -> Result<(), EngineError> {
        Err(EngineError::NoEmbeddings)
    }

    fn submit(
        &self,
        request: GenerationRequest,
        mut sink: Box<dyn Sink>,
    ) -> Result<(), EngineError> {
        let prompt = match &request.input {
            Input::Chat { messages, .. } => messages.last().map(|message| message.content.clone()),
            Input::Text(text) => Some(text.clone()),
            Input::Tokens(_) => None,
        };
        let prompt = prompt.ok_or(EngineError::EmptyPrompt)?;
        if prompt.expose() == "full" {
            return Err(EngineError::Overloaded { capacity: 1 });
        }
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let cancelled = Arc::clone(&self.cancelled);
        thread::spawn(move || {
            if !run(prompt.expose(), &mut *sink) {
                cancelled.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(())
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// False when the sink cancelled.
fn run(prompt: &str, sink: &mut dyn Sink) -> bool {
    let mut send = |event| sink.event(event).is_continue();
    let prompt_tokens = (prompt != "late").then_some(3);
    if !send(Event::Started { prompt_tokens, queue: Duration::ZERO }) {
        return false;
    }
    if let Some(name) = prompt.strip_prefix("call ") {
        return call(name, send);
    }
    let words = prompt.strip_prefix("say ").map_or(1, |count| count.parse().expect("a number"));
    for word in 0..words {
        if !send(Event::Token(token(&format!("word{word} ")))) {
            return false;
        }
    }
    if prompt == "hang" {
        while !sink.is_cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
        return false;
    }
    if prompt == "break" {
        return send(Event::Failed(EngineError::Compute { reason: "shape".into() }));
    }
    // The end token has no text and is counted all the same.
    let usage = Usage { prompt: 3, completion: words + 1, cached: 0 };
    send(Event::Token(token("")))
        && send(Event::Finished(Finished {
            reason: FinishReason::EndToken,
            usage,
            timing: Timing::default(),
        }))
}

fn call(name: &str, mut send: impl FnMut(Event) -> bool) -> bool {
    let calls = vec![Call { name: name.to_owned(), arguments: "{}".into() }];
    let usage = Usage { prompt: 3, completion: 1, cached: 0 };
    let (reason, timing) = (FinishReason::Calls, Timing::default());
    send(Event::Token(Token { calls, ..token("") }))
        && send(Event::Finished(Finished { reason, usage, timing }))
}

fn token(text: &str) -> Token {
    let bytes = text.as_bytes().into();
    Token {
        id: Some(1),
        text: text.into(),
        calls: Vec::new(),
        bytes,
        logprob: -0.25,
        top: Vec::new(),
    }
}
