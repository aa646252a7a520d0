//! The sequences in progress. A step computes some tokens of each in one pass over the weights.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::Limits;
use super::sequence::{Goal, Job, Sequence};
use crate::computer::{Computed, Piece};
use crate::error::EngineError;
use crate::kv::Room;
use crate::model::Model;
use crate::private::CacheSalt;

pub(super) struct Batch {
    model: Arc<Model>,
    room: Room,
    limits: Limits,
    /// In the order in which they were admitted.
    active: Vec<Sequence>,
    /// Those that wait for room, oldest first: just admitted, or made to give up their pages for an older one.
    waiting: VecDeque<Sequence>,
}

impl Batch {
    pub(super) fn new(model: Arc<Model>, room: Room, limits: Limits) -> Self {
        let active = Vec::with_capacity(limits.sequences);
        Self { model, room, limits, active, waiting: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequences in progress.
    pub(super) fn len(&self) -> usize {
        self.active.len() + self.waiting.len()
    }

    /// Pages that they hold.
    pub(super) fn pages_held(&self) -> usize {
        self.room.held()
    }

    /// Wipes what nobody asked for again, and says when there is more of it.
    pub(super) fn expire(&mut self) -> Option<Instant> {
        self.room.expire()
    }

    /// Sequences in progress of one client.
    pub(super) fn count(&self, salt: Option<&CacheSalt>) -> usize {
        self.active.iter().chain(&self.waiting).filter(|sequence| sequence.salt() == salt).count()
    }

    /// Whether another sequence may be admitted: whoever gave up its pages comes first.
    pub(super) fn has_place(&self) -> bool {
        self.active.len() < self.limits.sequences && self.waiting.is_empty()
    }

    /// Takes a job, and goes on with it at once where there is room for its prompt.
    pub(super) fn admit(&mut self, job: Job) {
        self.waiting.extend(Sequence::start(job));
        self.resume();
    }

    /// Ends everything.
    pub(super) fn fail(mut self, error: &EngineError) {
        let all = self.active.drain(..).chain(self.waiting.drain(..));
        all.for_each(|sequence| sequence.fail(error.clone(), &mut self.room));
    }

    /// Computes something for everybody.
    pub(super) fn step(&mut self) {
        self.drop_cancelled();
        self.resume();
        let plan = self.plan();
        if plan.is_empty() {
            return;
        }
        let computer = self.room.computer();
        let chooses = computer.chooses();
        let pieces = self.active.iter().zip(&plan).map(|(sequence, &count)| {
            let (tokens, position, table) = sequence.piece(count);
            let wants = sequence.wants(count, chooses);
            Piece { tokens, position, pages: table.pages(), wants }
        });
        let pieces: Vec<_> = pieces.collect();
        match computer.compute(&pieces) {
            Ok(computed) => self.choose(&plan, computed),
            Err(error) => {
                let error = EngineError::Compute { reason: error.to_string() };
                let failed = self.active.drain(..);
                failed.for_each(|sequence| sequence.fail(error.clone(), &mut self.room));
            }
        }
    }

    fn choose(&mut self, plan: &[usize], computed: Computed) {
        let Computed { mut logits, likeliest, vectors } = computed;
        let (mut likeliest, mut vectors) = (likeliest.into_iter(), vectors.as_slice());
        let mut rows = logits.chunks_exact_mut(self.model.card.vocab_size);
        let chooses = self.room.computer().chooses();
        let mut plan = plan.iter();
        let (model, room) = (&self.model, &mut self.room);
        let ended = self.active.extract_if(.., |sequence| {
            let count = plan.next().copied().unwrap_or_default();
            let to_the_end = sequence.computed(room, count);
            vectors = sequence.pool(vectors, count);
            let next = ControlFlow::Continue(());
            let chosen = match sequence.goal(chooses) {
                _ if !to_the_end => next,
                Goal::Vector => sequence.embedded(),
                Goal::Likeliest => likeliest.next().map_or(next, |one| sequence.take(model, one)),
                Goal::Token => rows.next().map_or(next, |row| sequence.choose(model, row)),
            };
            chosen.is_break()
        });
        let ended: Vec<_> = ended.collect();
        ended.into_iter().for_each(|sequence| sequence.leave(&mut self.room));
    }

    /// How many tokens of each sequence are computed next: one of each that is answered, and of the prompts that are read, in
    /// the order in which they came, as many as fit the chunk.
    fn plan(&mut self) -> Vec<usize> {
        let mut left = self.limits.chunk;
        let mut plan = Vec::with_capacity(self.active.len());
        while let Some(sequence) = self.active.get_mut(plan.len()) {
            let unread = sequence.unread();
            let count = if unread == 1 { 1 } else { unread.min(left) };
            if sequence.make_room(&mut self.room, count) {
                left -= if unread == 1 { 0 } else { count };
                plan.push(count);
                continue;
            }
            // The youngest gives way, so that the oldest always goes on: alone it has room for the whole context.
            let Some(mut youngest) = self.active.pop() else { break };
            youngest.yield_room(&mut self.room);
            self.waiting.push_front(youngest);
        }
        plan
    }

    /// Goes on with those that wait, once there is room for all their tokens and a page for everybody to grow.
    fn resume(&mut self) {
        while let Some(next) = self.waiting.front()
            && self.active.len() < self.limits.sequences
            && (self.active.is_empty() || self.room.available() > next.pages() + self.active.len())
        {
            let Some(mut sequence) = self.waiting.pop_front() else { return };
            sequence.resume(&mut self.room);
            self.active.push(sequence);
        }
    }

    fn drop_cancelled(&mut self) {
        let mut gone: Vec<_> = self.active.extract_if(.., |one| one.is_cancelled()).collect();
        let (cancelled, waiting) = self.waiting.drain(..).partition(Sequence::is_cancelled);
        self.waiting = waiting;
        gone.extend::<VecDeque<_>>(cancelled);
        gone.into_iter().for_each(|sequence| sequence.leave(&mut self.room));
    }
}
