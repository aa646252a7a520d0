//! An engine that answers at once, or as slowly as it is told: for everything that is not about inference.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use sealroom_engine::{
    Digest, Engine, EngineError, Event, FinishReason, Finished, GenerationRequest, Input,
    ModelCard, OutOfRange, PrivateText, Sink, SpecialTokens, Timing, Token, Usage,
};
use zeroize::Zeroizing;

/// Repeats the last thing it was told, word by word.
pub struct Echo {
    card: ModelCard,
    pause: Duration,
}

impl Echo {
    /// Answers at once.
    #[must_use]
    pub fn new() -> Self {
        Self::paced(Duration::ZERO)
    }

    /// Waits before every token.
    #[must_use]
    pub fn paced(pause: Duration) -> Self {
        let card = ModelCard {
            name: "echo".into(),
            architecture: "echo".into(),
            context_length: 8192,
            vocab_size: 1 << 16,
            embeds: false,
            tokenizer_digest: Digest::of(b"words"),
            chat_template_digest: None,
            engine: "echo".into(),
            build: "1".into(),
            parameters: BTreeMap::new(),
        };
        Self { card, pause }
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for Echo {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn tokenize(&self, text: &str, _special: SpecialTokens) -> Result<Vec<u32>, EngineError> {
        Ok((0..).zip(text.split_inclusive(' ')).map(|(id, _)| id).collect())
    }

    fn read(&self, input: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        let text = match input {
            Input::Text(text) => text.expose(),
            Input::Chat { messages, .. } => messages.last().map_or("", |one| one.content.expose()),
            Input::Tokens(tokens) => return Ok(tokens.clone()),
        };
        self.tokenize(text, SpecialTokens::AsText).map(Zeroizing::new)
    }

    fn embed(&self, _: Input, _: Box<dyn Sink>) -> Result<(), EngineError> {
        Err(EngineError::NoEmbeddings)
    }

    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        if let Input::Tokens(tokens) = &request.input
            && tokens.iter().any(|id| *id as usize >= self.card.vocab_size)
        {
            let expected = format_args!("token ids below {}", self.card.vocab_size);
            return Err(OutOfRange::new("prompt", "a list with an unknown token", expected).into());
        }
        let prompt = match &request.input {
            Input::Chat { messages, .. } => messages.last().map(|message| message.content.clone()),
            Input::Text(text) if text.is_empty() => None,
            Input::Text(text) => Some(text.clone()),
            Input::Tokens(_) => Some("tokens".into()),
        };
        let prompt = prompt.ok_or(EngineError::EmptyPrompt)?;
        let (pause, limit) = (self.pause, request.max_tokens.unwrap_or(usize::MAX));
        std::thread::spawn(move || repeat(&prompt, limit, pause, sink));
        Ok(())
    }
}

fn repeat(prompt: &PrivateText, limit: usize, pause: Duration, mut sink: Box<dyn Sink>) {
    let words: Vec<&str> = prompt.expose().split_inclusive(' ').collect();
    let started = Event::Started { prompt_tokens: Some(words.len()), queue: Duration::ZERO };
    let mut flow = sink.event(started);
    for (id, word) in (0..).zip(words.iter().take(limit)) {
        std::thread::sleep(pause);
        if flow.is_break() || sink.is_cancelled() {
            return;
        }
        let (text, bytes) = (PrivateText::from(*word), word.as_bytes().into());
        let (id, calls, top) = (Some(id), Vec::new(), Vec::new());
        flow = sink.event(Event::Token(Token { id, text, calls, bytes, logprob: 0.0, top }));
    }
    if flow == ControlFlow::Continue(()) {
        let (prompt, completion) = (words.len(), words.len().min(limit));
        let cut = completion < prompt;
        let reason = if cut { FinishReason::Length } else { FinishReason::EndToken };
        let usage = Usage { prompt, completion, cached: 0 };
        let timing =
            Timing { first_token: pause, total: pause * completion as u32, ..Timing::default() };
        // Nobody is left to tell when this was the last event.
        let _end = sink.event(Event::Finished(Finished { reason, usage, timing }));
    }
}
