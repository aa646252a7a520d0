//! The seam between whoever serves requests and whoever computes answers.

use std::ops::ControlFlow;
use std::time::Duration;

use sealroom_request::{ChatMessage, PrivateText, Role, Sampling, Tool, ToolChoice};
use zeroize::Zeroizing;

use crate::card::ModelCard;
use crate::error::EngineError;
use crate::private::{CacheSalt, PrivateBytes};

/// Something that continues text: the local engine, an upstream server in the same VM, or a mock.
pub trait Engine: Send + Sync {
    /// Public facts about the model and about everything that changes its answers.
    fn card(&self) -> &ModelCard;

    /// Token ids of `text`, without any token added in front.
    ///
    /// # Errors
    /// [`EngineError::Tokenize`] if the tokenizer fails.
    fn tokenize(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, EngineError>;

    /// Token ids of a whole prompt, as a request would have them.
    ///
    /// # Errors
    /// [`EngineError::Template`], or [`EngineError::Tokenize`] if the tokenizer fails.
    fn read(&self, input: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError>;

    /// Makes one vector of a text, in its turn among all requests. Events are [`Event::Started`], [`Event::Embedded`] and
    /// [`Event::Finished`].
    ///
    /// # Errors
    /// [`EngineError::NoEmbeddings`] for a model that was not trained for it; otherwise as [`Engine::submit`].
    fn embed(&self, input: Input, sink: Box<dyn Sink>) -> Result<(), EngineError>;

    /// Checks the request, renders and tokenizes its prompt on the caller's thread (call it where
    /// blocking for milliseconds is allowed) and queues it. Events reach `sink` on the engine's
    /// thread, in order, ending with exactly one [`Event::Finished`] or [`Event::Failed`], unless
    /// the sink itself cancelled: then it is dropped without a further event.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] or [`EngineError::ShareFull`] if there is no place to wait, otherwise the rule the request breaks. On
    /// an error the sink has received nothing and never will.
    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError>;

    /// Whether it will answer nothing any more. An engine in this process ends only with it.
    fn has_stopped(&self) -> bool {
        false
    }
}

/// Receives the events of one request. It must not block: it runs between two steps of all sequences.
pub trait Sink: Send {
    /// Takes one event. `Break` cancels the request: nothing more is computed for it.
    fn event(&mut self, event: Event) -> ControlFlow<()>;

    /// Asked before every step, also while the prompt is still waiting or being read, when there is
    /// no event to answer. `true` cancels like `Break`.
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl<F: FnMut(Event) -> ControlFlow<()> + Send> Sink for F {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        self(event)
    }
}

/// Whether the names of control tokens inside a text mean those tokens or plain characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// `<|im_end|>` becomes the one control token.
    Parse,
    /// `<|im_end|>` becomes the characters it is written with.
    AsText,
}

/// One request for an answer.
#[derive(Debug, Clone)]
pub struct GenerationRequest {
    /// What is to be continued.
    pub input: Input,
    /// Upper bound of generated tokens; `None` is what is left of the context.
    pub max_tokens: Option<usize>,
    /// How each token is chosen.
    pub sampling: Sampling,
    /// Texts that end the answer and are not part of it: at most [`sealroom_request::MAX_STOP_STRINGS`].
    pub stop: Vec<PrivateText>,
    /// What the answer must look like.
    pub form: Form,
    /// How many likely alternatives each token event carries: at most [`sealroom_request::MAX_TOP_LOGPROBS`].
    pub top_logprobs: usize,
    /// The client's own salt: its earlier prompts are used again under it, and it waits in its own line. Without one nothing
    /// is used again, and all who have none share one line.
    pub salt: Option<CacheSalt>,
    /// Goes on after an end token until `max_tokens` (for measurements).
    pub ignore_end: bool,
}

impl GenerationRequest {
    /// A request with everything but its input at the defaults.
    #[must_use]
    pub fn new(input: Input, seed: u64) -> Self {
        Self {
            input,
            max_tokens: None,
            sampling: Sampling::new(seed),
            stop: Vec::new(),
            form: Form::Text,
            top_logprobs: 0,
            salt: None,
            ignore_end: false,
        }
    }
}

/// What is to be continued.
#[derive(Debug, Clone)]
pub enum Input {
    /// A conversation, rendered by the model's own chat template with the assistant's turn opened. Names
    /// of control tokens inside a message are parsed, as other servers do it.
    Chat {
        /// What was said.
        messages: Vec<ChatMessage>,
        /// What the model is told that it can call.
        tools: Vec<Tool>,
    },
    /// Plain text, continued as it is. Names of control tokens are parsed.
    Text(PrivateText),
    /// Tokens, continued as they are.
    Tokens(Zeroizing<Vec<u32>>),
}

impl Input {
    /// A conversation in which a person said one thing.
    #[must_use]
    pub fn user(text: impl Into<PrivateText>) -> Self {
        Self::Chat { messages: vec![ChatMessage::new(Role::User, text)], tools: Vec::new() }
    }
}

/// What an answer must look like: tokens that would break it cannot be chosen.
#[derive(Debug, Clone, Default)]
pub enum Form {
    /// Any text.
    #[default]
    Text,
    /// A JSON object.
    Object,
    /// JSON that keeps this schema.
    Schema(PrivateText),
    /// Text, calls of tools, or both.
    Calls {
        /// What may be called.
        tools: Vec<Tool>,
        /// Whether something must be.
        choice: ToolChoice,
        /// Whether there may be several calls.
        parallel: bool,
    },
}

/// What happened to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It left the queue; its prompt is being read from now on.
    Started {
        /// Tokens of the prompt, where the engine knows them before the end.
        prompt_tokens: Option<usize>,
        /// How long it waited.
        queue: Duration,
    },
    /// One generated token. Their number is the completion's token count, the end token included.
    Token(Token),
    /// The vector of a text, of length 1.
    Embedded(Zeroizing<Vec<f32>>),
    /// The answer is complete. All of its text was in the token events.
    Finished(Finished),
    /// The answer ends here, incomplete.
    Failed(EngineError),
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id; `None` where an upstream engine does not tell it.
    pub id: Option<u32>,
    /// Text that became certain with it: empty while a character is incomplete or could still begin
    /// a stop string, and possibly longer than the token's own text afterwards.
    pub text: PrivateText,
    /// Calls that became complete with it: their text is not part of `text`.
    pub calls: Vec<Call>,
    /// The bytes that it stands for, part of a character at times; none for the end of a turn.
    pub bytes: PrivateBytes,
    /// Natural logarithm of its probability under the model's own distribution, before sampling. 0 for a token without an id
    /// and without bytes, of which an upstream engine told only that it was generated.
    pub logprob: f32,
    /// The likeliest tokens under the same distribution, best first, as many as the request asked for.
    pub top: Vec<Alternative>,
}

/// A token that could have come.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its id; `None` where an upstream engine does not tell it.
    pub id: Option<u32>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The bytes that it stands for.
    pub bytes: PrivateBytes,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments, JSON.
    pub arguments: PrivateText,
}

/// How a complete answer ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What ended it.
    pub reason: FinishReason,
    /// What it used.
    pub usage: Usage,
    /// How long it took.
    pub timing: Timing,
}

/// What ended an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model gave an end token.
    EndToken,
    /// A stop string appeared; its index in the request.
    StopString(usize),
    /// The form is complete: nothing could follow.
    Complete,
    /// It called tools.
    Calls,
    /// `max_tokens` or the context is used up.
    Length,
}

/// Token counts of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens generated.
    pub completion: usize,
    /// Tokens of the prompt that were not computed again.
    pub cached: usize,
}

/// Durations of one request, all from the moment it was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Until its prompt began to be read.
    pub queue: Duration,
    /// Until its first token.
    pub first_token: Duration,
    /// Until its end.
    pub total: Duration,
}
