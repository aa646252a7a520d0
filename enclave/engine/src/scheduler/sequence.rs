//! One request on its way through the engine.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use zeroize::Zeroizing;

use crate::detokenizer::Detokenizer;
use crate::engine::{
    Alternative, Event, FinishReason, Finished, Sampling, Sink, Timing, Token, Usage,
};
use crate::error::EngineError;
use crate::llama::Cache;
use crate::model::Model;
use crate::private::PrivateText;
use crate::sampling::{Sampler, greatest, log_sum_exp};
use crate::stop::{StopWatch, Watched};

/// A request that passed every check.
pub(crate) struct Job {
    pub(crate) prompt: Zeroizing<Vec<u32>>,
    pub(crate) max_tokens: usize,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<PrivateText>,
    pub(crate) top_logprobs: usize,
    pub(crate) ignore_end: bool,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) submitted: Instant,
}

impl Job {
    /// Ends a job that never started. Whoever cancelled it is told nothing more.
    pub(crate) fn fail(mut self, error: EngineError) {
        if !self.sink.is_cancelled() {
            let _ = self.sink.event(Event::Failed(error));
        }
    }
}

/// A job with its place in the engine.
pub(super) struct Sequence {
    prompt: Zeroizing<Vec<u32>>,
    /// Tokens of the prompt that were read.
    read: usize,
    last: u32,
    completion: usize,
    max_tokens: usize,
    top_logprobs: usize,
    ignore_end: bool,
    cache: Cache,
    sampler: Sampler,
    detokenizer: Detokenizer,
    watch: StopWatch,
    sink: Box<dyn Sink>,
    submitted: Instant,
    queue: Duration,
    first_token: Duration,
}

impl Sequence {
    /// Takes a job out of the queue; `None` if it was cancelled or failed meanwhile.
    pub(super) fn start(model: &Model, mut job: Job) -> Option<Self> {
        if job.sink.is_cancelled() {
            return None;
        }
        let cache = match model.llama.cache(job.prompt.len().saturating_add(job.max_tokens)) {
            Ok(cache) => cache,
            Err(error) => {
                job.fail(compute(&error));
                return None;
            }
        };
        let queue = job.submitted.elapsed();
        let started = Event::Started { prompt_tokens: job.prompt.len(), queue };
        if job.sink.event(started).is_break() {
            return None;
        }
        Some(Self {
            prompt: job.prompt,
            read: 0,
            last: 0,
            completion: 0,
            max_tokens: job.max_tokens,
            top_logprobs: job.top_logprobs,
            ignore_end: job.ignore_end,
            cache,
            sampler: Sampler::new(job.sampling),
            detokenizer: Detokenizer::default(),
            watch: StopWatch::new(job.stop),
            sink: job.sink,
            submitted: job.submitted,
            queue,
            first_token: Duration::ZERO,
        })
    }

    /// Ends the answer here.
    pub(super) fn fail(mut self, error: EngineError) {
        let _ = self.sink.event(Event::Failed(error));
    }

    /// Reads a piece of the prompt or generates one token. `Break` when the request is over.
    pub(super) fn step(&mut self, model: &Model, chunk: usize) -> ControlFlow<()> {
        if self.sink.is_cancelled() {
            return ControlFlow::Break(());
        }
        let logits = match self.compute(model, chunk) {
            Ok(Some(logits)) => logits,
            Ok(None) => return ControlFlow::Continue(()),
            Err(error) => return self.end(Event::Failed(error)),
        };
        self.generate(model, logits)
    }

    /// The next logits, or `None` while there is more of the prompt to read.
    fn compute(
        &mut self,
        model: &Model,
        chunk: usize,
    ) -> Result<Option<Zeroizing<Vec<f32>>>, EngineError> {
        let hidden = self.forward(model, chunk).map_err(|error| compute(&error))?;
        if self.read < self.prompt.len() {
            return Ok(None);
        }
        let logits = model.llama.logits(&hidden).map_err(|error| compute(&error))?;
        Ok(Some(Zeroizing::new(logits)))
    }

    fn forward(&mut self, model: &Model, chunk: usize) -> candle_core::Result<Tensor> {
        let unread = self.prompt.get(self.read..).unwrap_or_default();
        if unread.is_empty() {
            return model.llama.read(&[self.last], &mut self.cache);
        }
        let piece = unread.get(..chunk).unwrap_or(unread);
        self.read += piece.len();
        model.llama.read(piece, &mut self.cache)
    }

    fn generate(&mut self, model: &Model, mut logits: Zeroizing<Vec<f32>>) -> ControlFlow<()> {
        let total = log_sum_exp(&logits);
        if !total.is_finite() {
            let reason = "the logits are not finite".to_owned();
            return self.end(Event::Failed(EngineError::Compute { reason }));
        }
        let top = self.alternatives(model, &logits, total);
        let raw = logits.clone();
        let id = self.sampler.choose(&mut logits);
        let logprob = raw.get(id as usize).map_or(f32::NEG_INFINITY, |logit| logit - total);
        self.last = id;
        self.completion += 1;
        if self.completion == 1 {
            self.first_token = self.submitted.elapsed();
        }
        let (text, reason) = self.text(model, id);
        self.sink.event(Event::Token(Token { id, text, logprob, top }))?;
        match reason {
            None => ControlFlow::Continue(()),
            Some(reason) => {
                let finished = self.finished(reason);
                self.end(Event::Finished(finished))
            }
        }
    }

    /// What became certain with token `id`, and why it is the last one, if it is.
    fn text(&mut self, model: &Model, id: u32) -> (PrivateText, Option<FinishReason>) {
        let vocabulary = model.tokenizer.vocabulary();
        if vocabulary.end.contains(&id) && !self.ignore_end {
            return self.rest("".into(), FinishReason::EndToken);
        }
        let piece = self.detokenizer.push(vocabulary.bytes(id));
        match self.watch.push(piece.expose()) {
            Watched::Stop(text, index) => (text, Some(FinishReason::StopString(index))),
            Watched::Release(text) if self.completion == self.max_tokens => {
                self.rest(text, FinishReason::Length)
            }
            Watched::Release(text) => (text, None),
        }
    }

    /// `text` and everything held back. Even the last bytes may complete a stop string.
    fn rest(
        &mut self,
        text: PrivateText,
        reason: FinishReason,
    ) -> (PrivateText, Option<FinishReason>) {
        let (released, reason) = match self.watch.push(self.detokenizer.finish().expose()) {
            Watched::Stop(released, index) => (released, FinishReason::StopString(index)),
            Watched::Release(released) => (released, reason),
        };
        let held = self.watch.finish();
        let parts = [text.expose(), released.expose(), held.expose()];
        (PrivateText::new(parts.concat()), Some(reason))
    }

    fn alternatives(&self, model: &Model, logits: &[f32], total: f32) -> Vec<Alternative> {
        let vocabulary = model.tokenizer.vocabulary();
        let text = |id| String::from_utf8_lossy(vocabulary.bytes(id)).into_owned().into();
        greatest(logits, self.top_logprobs)
            .into_iter()
            .map(|(id, logit)| Alternative { id, logprob: logit - total, text: text(id) })
            .collect()
    }

    fn finished(&self, reason: FinishReason) -> Finished {
        let usage = Usage { prompt: self.prompt.len(), completion: self.completion, cached: 0 };
        let total = self.submitted.elapsed();
        let timing = Timing { queue: self.queue, first_token: self.first_token, total };
        Finished { reason, usage, timing }
    }

    fn end(&mut self, event: Event) -> ControlFlow<()> {
        let _ = self.sink.event(event);
        ControlFlow::Break(())
    }
}

fn compute(error: &candle_core::Error) -> EngineError {
    EngineError::Compute { reason: error.to_string() }
}
