//! The middle of a layer: positions, keys and values into their pages, attention.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape as Dimensions, bail};
use zeroize::Zeroizing;

use super::Shape;
use super::family::Pairing;
use super::operations::{Workspace, slice};
use crate::computer::Piece;
use crate::kernels::{Form, QUERIES, View, attend, rms_norm};
use crate::kv::{Arena, PAGE};

/// Rotary positions (Su et al. 2021).
pub(super) struct Rotation {
    pairing: Pairing,
    /// Sine and cosine for every position and pair.
    angles: Vec<(f32, f32)>,
    pairs: usize,
}

impl Rotation {
    /// Angles of every position below `context`.
    pub(super) fn new(pairing: Pairing, frequencies: &[f64], context: usize) -> Self {
        let angle = |position: usize, frequency: &f64| {
            let (sine, cosine) = (position as f64 * frequency).sin_cos();
            (sine as f32, cosine as f32)
        };
        let angles = (0..context).flat_map(|at| frequencies.iter().map(move |f| angle(at, f)));
        Self { pairing, angles: angles.collect(), pairs: frequencies.len() }
    }

    /// Turns one head by its position.
    fn turn(&self, head: &mut [f32], position: usize) {
        let from = position * self.pairs;
        let angles = self.angles.get(from..from + self.pairs).unwrap_or_default();
        let turned = |x: f32, y: f32, (sine, cosine): (f32, f32)| {
            (x * cosine - y * sine, x * sine + y * cosine)
        };
        match self.pairing {
            Pairing::Neighbours => {
                let (pairs, _) = head.as_chunks_mut::<2>();
                for ([x, y], &angle) in pairs.iter_mut().zip(angles) {
                    (*x, *y) = turned(*x, *y, angle);
                }
            }
            Pairing::Halves => {
                let (low, high) = head.split_at_mut(self.pairs);
                for ((x, y), &angle) in low.iter_mut().zip(high).zip(angles) {
                    (*x, *y) = turned(*x, *y, angle);
                }
            }
        }
    }
}

/// Queries, keys and values of all tokens in; the mix of values that every query attends to out.
pub(super) struct Attend<'a> {
    pub(super) heads: Heads<'a>,
    pub(super) index: usize,
    pub(super) arena: &'a RefCell<&'a mut Arena>,
    pub(super) workspace: &'a Workspace,
}

/// How the rows of a step become heads of sequences.
pub(super) struct Heads<'a> {
    pub(super) form: Form,
    pub(super) shape: &'a Shape,
    /// Norms of heads of queries and keys, where there are some.
    pub(super) norms: Option<&'a [Vec<f32>; 2]>,
    pub(super) rotation: &'a Rotation,
    pub(super) pieces: &'a [Piece<'a>],
}

/// Some queries of one group of one piece: they share one pass over its pages.
struct Task<'a> {
    piece: &'a Piece<'a>,
    /// Row of the piece's first token among all tokens.
    first: usize,
    group: usize,
    /// The first of the queries, counted token by token, and within a token head by head.
    query: usize,
}

impl CustomOp1 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Dimensions)> {
        let (rows, heads) = (slice(storage, layout)?, &self.heads);
        let tokens: usize = heads.pieces.iter().map(|piece| piece.tokens.len()).sum();
        if rows.len() != tokens * heads.row() {
            bail!("{} numbers for {tokens} tokens of {}", rows.len(), heads.row());
        }
        heads.store(rows, self.index, &mut self.arena.borrow_mut());
        let arena = self.arena.borrow();
        let out = heads.mix_all(rows, arena.layer(self.index), self.workspace);
        Ok((CpuStorage::F32(out), Dimensions::from((tokens, heads.shape.queries()))))
    }
}

impl Heads<'_> {
    /// Numbers of one token: queries, keys, values.
    const fn row(&self) -> usize {
        self.shape.queries() + 2 * self.shape.keys()
    }

    /// Query heads that share one head of keys.
    const fn share(&self) -> usize {
        self.shape.heads / self.shape.groups
    }

    /// Puts every token's keys and values into its page.
    fn store(&self, rows: &[f32], layer: usize, arena: &mut Arena) {
        let (queries, keys, width) = (self.shape.queries(), self.shape.keys(), self.shape.head);
        let mut key = Zeroizing::new(vec![0.0; width]);
        let places = self.pieces.iter().flat_map(|piece| {
            (piece.position..).take(piece.tokens.len()).map(|position| (piece.pages, position))
        });
        for (row, (pages, position)) in rows.chunks_exact(self.row()).zip(places) {
            let Some(&page) = pages.get(position / PAGE) else { continue };
            let (all_keys, values) = row.split_at(queries).1.split_at(keys);
            let heads = all_keys.chunks_exact(width).zip(values.chunks_exact(width));
            for (group, (raw, value)) in heads.enumerate() {
                let norm = self.norms.map(|[_, norm]| norm);
                self.turned(raw, norm, position, &mut key);
                arena.store(layer, (page, position % PAGE), group, (&key, value));
            }
        }
    }

    /// A head with its norm, if it has one, and its position.
    fn turned(&self, raw: &[f32], norm: Option<&Vec<f32>>, position: usize, out: &mut [f32]) {
        match norm {
            None => out.copy_from_slice(raw),
            Some(norm) => rms_norm(self.form, raw, norm, self.shape.epsilon, out),
        }
        self.rotation.turn(out, position);
    }

    /// What every query attends to, token by token.
    fn mix_all(&self, rows: &[f32], layer: &[u16], workspace: &Workspace) -> Vec<f32> {
        let (width, tasks) = (self.shape.head, self.tasks());
        let results = tasks.iter().map(|task| vec![0.0; self.queries_of(task) * width]);
        let results: Vec<_> = results.map(Mutex::new).collect();
        workspace.pool().run(tasks.len(), |index| {
            if let (Some(task), Some(result)) = (tasks.get(index), results.get(index)) {
                let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                self.mix(rows, layer, task, &mut result);
            }
        });
        let mut out = vec![0.0; rows.len() / self.row() * self.shape.queries()];
        for (task, result) in tasks.iter().zip(results) {
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            for (index, head) in result.chunks_exact(width).enumerate() {
                let (token, query) = self.place(task, index);
                let from = token * self.shape.queries() + query * width;
                out.get_mut(from..from + width).unwrap_or_default().copy_from_slice(head);
            }
        }
        out
    }

    fn tasks(&self) -> Vec<Task<'_>> {
        let (mut first, mut tasks) = (0, Vec::new());
        for piece in self.pieces {
            for group in 0..self.shape.groups {
                let queries = (0..piece.tokens.len() * self.share()).step_by(QUERIES);
                tasks.extend(queries.map(|query| Task { piece, first, group, query }));
            }
            first += piece.tokens.len();
        }
        tasks
    }

    fn queries_of(&self, task: &Task<'_>) -> usize {
        (task.piece.tokens.len() * self.share() - task.query).min(QUERIES)
    }

    /// Token and head of one of a task's queries.
    const fn place(&self, task: &Task<'_>, index: usize) -> (usize, usize) {
        let (share, query) = (self.share(), task.query + index);
        (task.first + query / share, task.group * share + query % share)
    }

    fn mix(&self, rows: &[f32], layer: &[u16], task: &Task<'_>, out: &mut [f32]) {
        let width = self.shape.head;
        let scale = (width as f32).sqrt().recip();
        let norm = self.norms.map(|[norm, _]| norm);
        let mut queries = Zeroizing::new(vec![0.0; out.len()]);
        let mut seen = Vec::with_capacity(QUERIES);
        for (index, query) in queries.chunks_exact_mut(width).enumerate() {
            let (token, head) = self.place(task, index);
            let position = task.piece.position + token - task.first;
            let from = token * self.row() + head * width;
            let raw = rows.get(from..from + width).unwrap_or_default();
            self.turned(raw, norm, position, query);
            query.iter_mut().for_each(|number| *number *= scale);
            seen.push(position + 1);
        }
        let groups = (task.group, self.shape.groups);
        attend(self.form, View::new(layer, task.piece.pages, groups, width), &queries, &seen, out);
    }
}
