//! The engine that computes in this process.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::calls::Calls;
use crate::card::ModelCard;
use crate::computer::Place;
use crate::engine::{Engine, Form, GenerationRequest, Input, Sink, SpecialTokens};
use crate::error::{EngineError, LoadError, TemplateError};
use crate::gguf::Gguf;
use crate::kv::pages_of;
use crate::model::Model;
use crate::pooled::Pooled;
use crate::request;
use crate::scheduler::{Job, Limits, Occupancy, Scheduler};

/// What a [`LocalEngine`] computes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Device {
    /// This machine's processor.
    #[default]
    Cpu,
    /// One NVIDIA GPU. Refused by a build without the feature `cuda`.
    Cuda {
        /// Its number, from 0.
        ordinal: usize,
    },
}

/// How a [`LocalEngine`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it computes on.
    pub device: Device,
    /// Most tokens of prompt and answer together; `None` is what the model was trained for.
    pub context: Option<usize>,
    /// Threads for arithmetic on the processor.
    pub threads: usize,
    /// Sequences in progress at the same time.
    pub sequences: usize,
    /// Bytes for the keys and values of all sequences, and of prefixes that may be used again; never fewer than one sequence
    /// that fills the context needs. Memory is taken from the system as it is used.
    pub cache_bytes: usize,
    /// How long a prefix is kept after its last use, seconds: under a client's own salt alone. 0 keeps none.
    pub prefix_seconds: u64,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// Tokens of prompts that are read in one step, between two tokens of every other sequence.
    pub prompt_chunk: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            context: None,
            threads: available_parallelism().map_or(1, usize::from),
            sequences: 32,
            cache_bytes: 1 << 30,
            prefix_seconds: 300,
            queue: 64,
            prompt_chunk: 64,
        }
    }
}

/// A model in this process's memory with a thread that runs it.
pub struct LocalEngine {
    model: Arc<Model>,
    scheduler: Scheduler,
    /// The most bytes that one token stands for.
    longest_token: usize,
}

impl LocalEngine {
    /// Loads a GGUF file that lies in private memory. The caller has verified its digest; the bytes
    /// are not needed afterwards.
    ///
    /// # Errors
    /// The first thing in the file or the settings that this engine does not accept. Nothing is
    /// guessed: an unknown pre-tokenizer, tensor or position scaling is refused by name.
    pub fn load(bytes: &[u8], settings: &Settings) -> Result<Self, LoadError> {
        let threads = checked("threads", settings.threads, 1024)?;
        Self::load_into(Place::of(settings.device, threads)?, bytes, settings)
    }

    fn load_into(place: Place, bytes: &[u8], settings: &Settings) -> Result<Self, LoadError> {
        let file = Gguf::decode(bytes)?;
        let model = Arc::new(Model::load(&file, settings.context, place.arithmetic())?);
        let limits = limits(settings, &model)?;
        let computer = place.load(&file, &model, limits.pages)?;
        let scheduler = Scheduler::start(Arc::clone(&model), computer, limits)?;
        let longest_token = model.tokenizer.vocabulary().longest();
        Ok(Self { model, scheduler, longest_token })
    }

    /// How full it is.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.scheduler.occupancy()
    }
}

impl LocalEngine {
    /// The tokens of a request that keeps the rules.
    fn checked_prompt(
        &self,
        request: &GenerationRequest,
    ) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        request::check(request, self.model.card.vocab_size)?;
        request::check_length(&request.input, self.longest_token, self.model.card.context_length)?;
        match &request.input {
            Input::Text(text) if text.is_empty() => Err(EngineError::EmptyPrompt),
            input => self.read(input),
        }
    }
}

impl Engine for LocalEngine {
    fn card(&self) -> &ModelCard {
        &self.model.card
    }

    fn tokenize(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, EngineError> {
        self.model.tokenizer.encode(text, special).map(|mut ids| std::mem::take(&mut *ids))
    }

    fn read(&self, input: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        let tokenizer = &self.model.tokenizer;
        match input {
            Input::Chat { messages, .. } if messages.is_empty() => Err(EngineError::EmptyPrompt),
            Input::Chat { messages, tools } => {
                let template = self.model.template.as_ref().ok_or(TemplateError::Missing)?;
                let text = template.render(messages, tools)?;
                tokenizer.encode(text.expose(), SpecialTokens::Parse)
            }
            Input::Text(text) => {
                let mut ids = tokenizer.encode(text.expose(), SpecialTokens::Parse)?;
                let vocabulary = tokenizer.vocabulary();
                if let Some(begin) = vocabulary.begin.filter(|_| vocabulary.add_begin) {
                    ids.insert(0, begin);
                }
                Ok(ids)
            }
            Input::Tokens(tokens) => Ok(tokens.clone()),
        }
    }

    fn embed(&self, input: Input, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        let submitted = Instant::now();
        let shape = &self.model.shape;
        let pooling = shape.pooling.ok_or(EngineError::NoEmbeddings)?;
        let request = GenerationRequest::new(input, 0);
        let prompt = self.checked_prompt(&request)?;
        request::room(prompt.len(), Some(1), self.model.card.context_length)?;
        let pooled = Pooled::new(pooling, shape.width);
        self.scheduler.submit(Job::vector(prompt, pooled, sink, submitted))
    }

    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        let submitted = Instant::now();
        let prompt = self.checked_prompt(&request)?;
        let context = self.model.card.context_length;
        let max_tokens = request::room(prompt.len(), request.max_tokens, context)?;
        let grammar = self.model.grammars.start(&request.form)?;
        let reads_calls = matches!(request.form, Form::Calls { .. });
        self.scheduler.submit(Job {
            prompt,
            max_tokens,
            sampling: request.sampling,
            stop: request.stop,
            grammar,
            calls: reads_calls.then(Calls::default),
            pooled: None,
            top_logprobs: request.top_logprobs,
            salt: request.salt,
            ignore_end: request.ignore_end,
            sink,
            submitted,
        })
    }
}

fn limits(settings: &Settings, model: &Model) -> Result<Limits, LoadError> {
    let chunk = checked("prompt_chunk", settings.prompt_chunk, 4096)?;
    let fitting = settings.cache_bytes / model.shape.page_bytes();
    // A page more than the context: the last token of one that fills it is chosen, and never computed.
    let pages = fitting.max(pages_of(model.card.context_length) + 1);
    Ok(Limits {
        sequences: checked("sequences", settings.sequences, 1024)?,
        queue: checked("queue", settings.queue, 1 << 16)?,
        chunk,
        pages,
        keep: Duration::from_secs(settings.prefix_seconds),
    })
}

fn checked(setting: &'static str, found: usize, most: usize) -> Result<usize, LoadError> {
    let refusal = || LoadError::Setting {
        setting,
        found: found.to_string(),
        expected: format!("1 to {most}"),
    };
    (1..=most).contains(&found).then_some(found).ok_or_else(refusal)
}

#[cfg(test)]
mod tests;
