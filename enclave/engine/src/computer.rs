//! The seam between the scheduler and arithmetic: what computes a model, wherever its weights and pages lie.

#[cfg(any(test, feature = "cuda"))]
mod accelerator;
mod place;
mod processor;

use std::ops::Range;

use candle_core::Result;
use zeroize::Zeroizing;

use crate::kv::PageId;
#[cfg(any(test, feature = "cuda"))]
use accelerator::Accelerator;
#[cfg(any(test, feature = "cuda"))]
pub(crate) use accelerator::Precision;
pub(crate) use place::Place;
pub(crate) use processor::Processor;

/// A model's weights with the memory for keys and values: on this machine's processor, or on a device beside it.
///
/// Pages are numbered from 0. A page is all zero until something is computed into it, and after it was wiped.
pub(crate) trait Computer: Send {
    /// Computes the tokens of all pieces in one pass over the weights.
    fn compute(&mut self, pieces: &[Piece<'_>]) -> Result<Computed>;

    /// Overwrites pages with zeros, before anything else is computed. Where that fails nothing is computed any more.
    fn wipe(&mut self, pages: &[PageId]);

    /// Whether it answers [`Wants::Likeliest`]: where logits are in reach of whoever samples they are wanted instead.
    fn chooses(&self) -> bool;
}

/// Some tokens of one sequence that are computed in one step.
pub(crate) struct Piece<'a> {
    /// The tokens.
    pub(crate) tokens: &'a [u32],
    /// How many tokens of the sequence come before.
    pub(crate) position: usize,
    /// The sequence's pages, with room for these tokens.
    pub(crate) pages: &'a [PageId],
    /// What is wanted of them.
    pub(crate) wants: Wants,
}

impl Piece<'_> {
    /// Which of its tokens something is wanted of, where one of `wanted` is wanted.
    pub(crate) fn rows(&self, wanted: &[Wants]) -> Range<u32> {
        let all = 0..self.tokens.len() as u32;
        match self.wants {
            wants if !wanted.contains(&wants) => 0..0,
            Wants::Each => all,
            Wants::Nothing | Wants::Logits | Wants::Likeliest | Wants::Last => {
                all.end.saturating_sub(1)..all.end
            }
        }
    }
}

/// What is wanted of some tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// That they are in their pages.
    Nothing,
    /// The logits behind the last one.
    Logits,
    /// Of the logits behind the last one, what a greedy choice needs.
    Likeliest,
    /// The vector of the last one.
    Last,
    /// The vector of each.
    Each,
}

/// What came of a pass: rows back to back, in the order of the pieces that want them.
#[derive(Default)]
pub(crate) struct Computed {
    pub(crate) logits: Vec<f32>,
    pub(crate) likeliest: Vec<Likeliest>,
    /// As wide as the model, behind its last norm.
    pub(crate) vectors: Zeroizing<Vec<f32>>,
}

/// The token with the greatest logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeliest {
    pub(crate) id: u32,
    pub(crate) logit: f32,
    /// The natural logarithm of the sum of e^logit of all tokens.
    pub(crate) total: f32,
}
