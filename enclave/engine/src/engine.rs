//! The seam between whoever serves requests and whoever computes answers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::card::ModelCard;
use crate::error::EngineError;
use crate::private::{CacheSalt, PrivateText};

/// Something that continues text: the local engine, an upstream server in the same VM, or a mock.
pub trait Engine: Send + Sync {
    /// Public facts about the model and about everything that changes its answers.
    fn card(&self) -> &ModelCard;

    /// Token ids of `text`, without any token added in front.
    ///
    /// # Errors
    /// [`EngineError::Tokenize`] if the tokenizer fails.
    fn tokenize(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, EngineError>;

    /// Checks the request, renders and tokenizes its prompt on the caller's thread (call it where
    /// blocking for milliseconds is allowed) and queues it. Events reach `sink` on the engine's
    /// thread, in order, ending with exactly one [`Event::Finished`] or [`Event::Failed`], unless
    /// the sink itself cancelled: then it is dropped without a further event.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] or [`EngineError::ShareFull`] if there is no place to wait, otherwise the rule the request breaks. On
    /// an error the sink has received nothing and never will.
    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError>;
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
    /// Texts that end the answer and are not part of it: at most [`MAX_STOP_STRINGS`].
    pub stop: Vec<PrivateText>,
    /// How many likely alternatives each token event carries: at most [`MAX_TOP_LOGPROBS`].
    pub top_logprobs: usize,
    /// The client's own salt: its earlier prompts are used again under it, and it waits in its own line. Without one nothing
    /// is used again, and all who have none share one line.
    pub salt: Option<CacheSalt>,
    /// Goes on after an end token until `max_tokens` (for measurements).
    pub ignore_end: bool,
}

/// Most stop strings one request may carry.
pub const MAX_STOP_STRINGS: usize = 16;
/// Longest stop string, in bytes: this much text can be held back.
pub const MAX_STOP_BYTES: usize = 1024;
/// Most alternatives one token event may carry.
pub const MAX_TOP_LOGPROBS: usize = 20;

impl GenerationRequest {
    /// A request with everything but its input at the defaults.
    #[must_use]
    pub fn new(input: Input, seed: u64) -> Self {
        Self {
            input,
            max_tokens: None,
            sampling: Sampling::new(seed),
            stop: Vec::new(),
            top_logprobs: 0,
            salt: None,
            ignore_end: false,
        }
    }
}

/// What is to be continued.
#[derive(Debug, Clone)]
pub enum Input {
    /// Messages, rendered by the model's own chat template with the assistant's turn opened. Names
    /// of control tokens inside a message are parsed, as other servers do it.
    Chat(Vec<ChatMessage>),
    /// Plain text, continued as it is. Names of control tokens are parsed.
    Text(PrivateText),
}

/// One message of a conversation.
#[derive(Debug, Clone)]
pub struct ChatMessage {
    /// `system`, `user`, `assistant` or whatever the template knows.
    pub role: String,
    /// What was said.
    pub content: PrivateText,
}

/// How a token is chosen from the logits. Applied in this order: bias, penalties, temperature,
/// `min_p`, `top_k`, `top_p`, draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token; otherwise at most 2.
    pub temperature: f32,
    /// Keeps the k likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the smallest set whose probabilities sum up to this.
    pub top_p: f32,
    /// Drops tokens less likely than this times the likeliest.
    pub min_p: f32,
    /// Subtracted from a token's logit for every time it was generated before, -2 to 2.
    pub frequency_penalty: f32,
    /// Subtracted once from the logit of every token generated before, -2 to 2.
    pub presence_penalty: f32,
    /// Added to the logits of single tokens, -100 to 100.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Start of the random sequence: same request, same seed, same answer. The caller draws it.
    pub seed: u64,
}

impl Sampling {
    /// OpenAI's defaults: temperature 1, nothing cut, nothing penalised.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: BTreeMap::new(),
            seed,
        }
    }

    /// Always the likeliest token.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::new(0) }
    }
}

/// What happened to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It left the queue; its prompt is being read from now on.
    Started {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// How long it waited.
        queue: Duration,
    },
    /// One generated token. Their number is the completion's token count, the end token included.
    Token(Token),
    /// The answer is complete. All of its text was in the token events.
    Finished(Finished),
    /// The answer ends here, incomplete.
    Failed(EngineError),
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Text that became certain with it: empty while a character is incomplete or could still begin
    /// a stop string, and possibly longer than the token's own text afterwards.
    pub text: PrivateText,
    /// Natural logarithm of its probability under the model's own distribution, before sampling.
    pub logprob: f32,
    /// The likeliest tokens under the same distribution, best first, as many as the request asked for.
    pub top: Vec<Alternative>,
}

/// A token that could have come.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its text; half a character shows as U+FFFD.
    pub text: PrivateText,
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
