//! One request on its way through the engine.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use sealroom_request::{PrivateText, Sampling};
use zeroize::Zeroizing;

use crate::calls::Calls;
use crate::computer::{Likeliest, Wants};
use crate::detokenizer::Detokenizer;
use crate::engine::{Alternative, Call, Event, FinishReason, Finished, Sink, Timing, Token, Usage};
use crate::error::EngineError;
use crate::grammar::Grammar;
use crate::kernels::log_sum_exp;
use crate::kv::{Names, Room, Table, pages_of};
use crate::model::Model;
use crate::pooled::Pooled;
use crate::private::CacheSalt;
use crate::sampling::{Sampler, greatest};
use crate::stop::{StopWatch, Watched};

/// A request that passed every check.
pub(crate) struct Job {
    pub(crate) prompt: Zeroizing<Vec<u32>>,
    pub(crate) max_tokens: usize,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<PrivateText>,
    /// What the answer must look like, where it must.
    pub(crate) grammar: Option<Grammar>,
    /// Reads calls out of the answer, where there may be some.
    pub(crate) calls: Option<Calls>,
    /// The vector that is wanted instead of an answer.
    pub(crate) pooled: Option<Pooled>,
    pub(crate) top_logprobs: usize,
    pub(crate) salt: Option<CacheSalt>,
    pub(crate) ignore_end: bool,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) submitted: Instant,
}

impl Job {
    /// A vector of a text. Nothing of it is used again: every token counts.
    pub(crate) fn vector(
        prompt: Zeroizing<Vec<u32>>,
        pooled: Pooled,
        sink: Box<dyn Sink>,
        submitted: Instant,
    ) -> Self {
        Self {
            prompt,
            max_tokens: 1,
            sampling: Sampling::greedy(),
            stop: Vec::new(),
            grammar: None,
            calls: None,
            pooled: Some(pooled),
            top_logprobs: 0,
            salt: None,
            ignore_end: false,
            sink,
            submitted,
        }
    }

    /// Ends a job that never started. Whoever cancelled it is told nothing more.
    pub(crate) fn fail(mut self, error: EngineError) {
        if !self.sink.is_cancelled() {
            let _ = self.sink.event(Event::Failed(error));
        }
    }
}

/// What a sequence's tokens are computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// The text's vector.
    Vector,
    /// The next token, chosen from all logits.
    Token,
    /// The next token: the likeliest one, whichever computer finds it.
    Likeliest,
}

/// A job with its place in the engine.
pub(super) struct Sequence {
    /// Prompt and answer, in room that was reserved at the start.
    tokens: Zeroizing<Vec<u32>>,
    /// How many of them are the prompt.
    prompt: usize,
    /// How many of them have keys and values in the table.
    computed: usize,
    /// How many of the prompt were found and not computed.
    cached: usize,
    table: Table,
    max_tokens: usize,
    top_logprobs: usize,
    salt: Option<CacheSalt>,
    ignore_end: bool,
    sampler: Sampler,
    detokenizer: Detokenizer,
    watch: StopWatch,
    grammar: Option<Grammar>,
    calls: Option<Calls>,
    pooled: Option<Pooled>,
    sink: Box<dyn Sink>,
    submitted: Instant,
    queue: Duration,
    first_token: Duration,
}

impl Sequence {
    /// Takes a job out of the queue; `None` if it was cancelled meanwhile.
    pub(super) fn start(mut job: Job) -> Option<Self> {
        if job.sink.is_cancelled() {
            return None;
        }
        let queue = job.submitted.elapsed();
        let started = Event::Started { prompt_tokens: Some(job.prompt.len()), queue };
        if job.sink.event(started).is_break() {
            return None;
        }
        let prompt = job.prompt.len();
        // It never moves while it grows: a copy that is left behind would not be wiped.
        let mut tokens = Zeroizing::new(Vec::with_capacity(prompt.saturating_add(job.max_tokens)));
        tokens.extend_from_slice(&job.prompt);
        Some(Self {
            tokens,
            prompt,
            computed: 0,
            cached: 0,
            table: Table::default(),
            max_tokens: job.max_tokens,
            top_logprobs: job.top_logprobs,
            salt: job.salt,
            ignore_end: job.ignore_end,
            sampler: Sampler::new(job.sampling),
            detokenizer: Detokenizer::default(),
            watch: StopWatch::new(job.stop),
            grammar: job.grammar,
            calls: job.calls,
            pooled: job.pooled,
            sink: job.sink,
            submitted: job.submitted,
            queue,
            first_token: Duration::ZERO,
        })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.sink.is_cancelled()
    }

    /// Whose it is.
    pub(super) const fn salt(&self) -> Option<&CacheSalt> {
        self.salt.as_ref()
    }

    /// Tokens that are to be computed before the next one can be chosen: one, once the prompt was read.
    pub(super) fn unread(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Takes pages for the next `count` of them. False where there are none.
    #[must_use]
    pub(super) fn make_room(&mut self, room: &mut Room, count: usize) -> bool {
        room.grow(&mut self.table, self.computed + count)
    }

    /// The next `count` tokens to compute, the place of the first, and the pages they go to.
    pub(super) fn piece(&self, count: usize) -> (&[u32], usize, &Table) {
        let tokens = self.tokens.get(self.computed..self.computed + count);
        (tokens.unwrap_or_default(), self.computed, &self.table)
    }

    /// `count` tokens were computed. True where all are: the logits behind the last one choose the next.
    #[must_use]
    pub(super) fn computed(&mut self, room: &mut Room, count: usize) -> bool {
        self.computed += count;
        room.name(&mut self.table, self.tokens.get(..self.computed).unwrap_or_default());
        self.unread() == 0
    }

    /// Gives up its pages for another one. What it said is not lost: it is read again, as if it were the prompt, and gives
    /// the same logits.
    pub(super) fn yield_room(&mut self, room: &mut Room) {
        room.give_back(std::mem::take(&mut self.table));
        self.computed = 0;
        self.pooled.iter_mut().for_each(Pooled::restart);
    }

    /// Begins with what was computed before, by itself or by another one of the same client.
    pub(super) fn resume(&mut self, room: &mut Room) {
        let names = self.salt.as_ref().map(Names::new);
        (self.table, self.computed) = room.begin(names, &self.tokens);
        if self.completion() == 0 {
            self.cached = self.computed;
        }
    }

    /// Pages that all its tokens need.
    pub(super) fn pages(&self) -> usize {
        pages_of(self.tokens.len())
    }

    /// What it wants of the next `count` tokens, of a computer that chooses the likeliest one or does not.
    pub(super) fn wants(&self, count: usize, chooses: bool) -> Wants {
        let to_the_end = count == self.unread();
        match (&self.pooled, self.goal(chooses)) {
            (Some(pooled), _) => pooled.wants(to_the_end),
            (None, _) if !to_the_end => Wants::Nothing,
            (None, Goal::Likeliest) => Wants::Likeliest,
            (None, Goal::Token | Goal::Vector) => Wants::Logits,
        }
    }

    /// What all its tokens are computed for.
    pub(super) fn goal(&self, chooses: bool) -> Goal {
        let plain = || self.grammar.is_none() && self.top_logprobs == 0 && self.sampler.is_plain();
        match self.pooled {
            Some(_) => Goal::Vector,
            None if chooses && plain() => Goal::Likeliest,
            None => Goal::Token,
        }
    }

    /// Takes the vectors that it wanted of `count` tokens, which were computed. Gives what is left of them.
    pub(super) fn pool<'a>(&mut self, vectors: &'a [f32], count: usize) -> &'a [f32] {
        let to_the_end = self.unread() == 0;
        match &mut self.pooled {
            Some(pooled) => pooled.take(vectors, count, to_the_end),
            None => vectors,
        }
    }

    /// Tells its vector.
    pub(super) fn embedded(&mut self) -> ControlFlow<()> {
        let vector = self.pooled.as_mut().map(Pooled::finish).unwrap_or_default();
        if !vector.iter().all(|number| number.is_finite()) {
            return self.end(Event::Failed(not_finite("vector is")));
        }
        self.sink.event(Event::Embedded(vector))?;
        let finished = self.finished(FinishReason::Complete);
        self.end(Event::Finished(finished))
    }

    /// Chooses the next token.
    pub(super) fn choose(&mut self, model: &Model, logits: &mut [f32]) -> ControlFlow<()> {
        let total = log_sum_exp(logits);
        if !total.is_finite() {
            return self.end(Event::Failed(not_finite("logits are")));
        }
        let top = self.alternatives(model, logits, total);
        if let Some(grammar) = &mut self.grammar
            && let Err(error) = grammar.restrict(logits)
        {
            return self.end(Event::Failed(error));
        }
        let (id, logit) = self.sampler.choose(logits);
        self.tell(model, id, logit - total, top)
    }

    /// Takes the token that the computer chose.
    pub(super) fn take(&mut self, model: &Model, likeliest: Likeliest) -> ControlFlow<()> {
        let Likeliest { id, logit, total } = likeliest;
        if !total.is_finite() {
            return self.end(Event::Failed(not_finite("logits are")));
        }
        self.tell(model, id, logit - total, Vec::new())
    }

    /// Adds a token, and tells it.
    fn tell(
        &mut self,
        model: &Model,
        id: u32,
        logprob: f32,
        top: Vec<Alternative>,
    ) -> ControlFlow<()> {
        self.tokens.push(id);
        let completion = self.completion();
        if completion == 1 {
            self.first_token = self.submitted.elapsed();
        }
        let (text, mut reason) = match self.text(model, id) {
            Ok(text) => text,
            Err(error) => return self.end(Event::Failed(error)),
        };
        let (text, calls) = self.without_calls(text, &mut reason);
        let bytes = model.tokenizer.vocabulary().bytes(id).into();
        let token = Token { id: Some(id), text, calls, bytes, logprob, top };
        self.sink.event(Event::Token(token))?;
        match reason {
            None => ControlFlow::Continue(()),
            Some(reason) => {
                let finished = self.finished(reason);
                self.end(Event::Finished(finished))
            }
        }
    }

    /// Ends it with an error, unless nobody listens.
    pub(super) fn fail(mut self, error: EngineError, room: &mut Room) {
        if !self.sink.is_cancelled() {
            let _ = self.sink.event(Event::Failed(error));
        }
        self.leave(room);
    }

    /// Gives back its pages.
    pub(super) fn leave(self, room: &mut Room) {
        room.give_back(self.table);
    }

    fn completion(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// What became certain with token `id`, and why it is the last one, if it is.
    fn text(
        &mut self,
        model: &Model,
        id: u32,
    ) -> Result<(PrivateText, Option<FinishReason>), EngineError> {
        let vocabulary = model.tokenizer.vocabulary();
        if vocabulary.end.contains(&id) && !self.ignore_end {
            return Ok(self.rest("".into(), FinishReason::EndToken));
        }
        let is_complete = match &mut self.grammar {
            Some(grammar) => grammar.take(id)?,
            None => false,
        };
        let piece = self.detokenizer.push(vocabulary.bytes(id));
        Ok(match self.watch.push(piece.expose()) {
            Watched::Stop(text, index) => (text, Some(FinishReason::StopString(index))),
            Watched::Release(text) if is_complete => self.rest(text, FinishReason::Complete),
            Watched::Release(text) if self.completion() == self.max_tokens => {
                self.rest(text, FinishReason::Length)
            }
            Watched::Release(text) => (text, None),
        })
    }

    /// Takes the calls out of a text. An answer that ends by itself after a call ended for it.
    fn without_calls(
        &mut self,
        text: PrivateText,
        reason: &mut Option<FinishReason>,
    ) -> (PrivateText, Vec<Call>) {
        let Some(reader) = &mut self.calls else { return (text, Vec::new()) };
        let (mut text, calls) = reader.push(text.expose());
        if let Some(reason) = reason {
            text = PrivateText::new([text.expose(), reader.finish().expose()].concat());
            if reader.any() && matches!(reason, FinishReason::EndToken | FinishReason::Complete) {
                *reason = FinishReason::Calls;
            }
        }
        (text, calls)
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
        let top = greatest(logits, self.top_logprobs).into_iter();
        top.map(|(id, logit)| Alternative {
            id: Some(id),
            logprob: logit - total,
            bytes: vocabulary.bytes(id).into(),
        })
        .collect()
    }

    fn finished(&self, reason: FinishReason) -> Finished {
        let usage =
            Usage { prompt: self.prompt, completion: self.completion(), cached: self.cached };
        let total = self.submitted.elapsed();
        let timing = Timing { queue: self.queue, first_token: self.first_token, total };
        Finished { reason, usage, timing }
    }

    fn end(&mut self, event: Event) -> ControlFlow<()> {
        let _ = self.sink.event(event);
        ControlFlow::Break(())
    }
}

fn not_finite(what: &str) -> EngineError {
    EngineError::Compute { reason: format!("the {what} not finite") }
}
