//! The llama family: RMS norm, rotary positions, grouped-query attention, gated feed-forward.

mod attend;
mod family;
mod operations;
mod shape;
mod weights;

use std::cell::RefCell;

use candle_core::{Device, Result, Tensor};
use zeroize::Zeroizing;

pub(crate) use operations::Workspace;
pub(crate) use shape::{Pooling, Shape};

use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::{Form, Pool, rms_norm};
use crate::kv::{Arena, PageId};
use attend::{Attend, Heads, Rotation};
use operations::{Add, Feed, Project};
use weights::{Layer, Weights};

/// A loaded model. It holds no state of any sequence.
pub(crate) struct Llama {
    shape: Shape,
    weights: Weights,
    rotation: Rotation,
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

/// What is wanted of some tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// That they are in their pages.
    Nothing,
    /// The logits behind the last one.
    Logits,
    /// The vector of the last one.
    Last,
    /// The vector of each.
    Each,
}

/// What came of a pass: rows back to back, in the order of the pieces that want them.
pub(crate) struct Computed {
    pub(crate) logits: Vec<f32>,
    /// As wide as the model, behind its last norm.
    pub(crate) vectors: Zeroizing<Vec<f32>>,
}

impl Llama {
    /// Repacks all weights for the kernels; `context` is the most tokens that a sequence can have.
    pub(crate) fn load(
        file: &Gguf<'_>,
        shape: Shape,
        context: usize,
        pool: &mut Pool,
    ) -> std::result::Result<Self, LoadError> {
        let weights = Weights::load(file, &shape, pool)?;
        let rotation = Rotation::new(shape.family.pairing(), &weights.frequencies, context);
        Ok(Self { shape, weights, rotation })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Room for keys and values.
    pub(crate) fn arena(&self, pages: usize) -> std::result::Result<Arena, LoadError> {
        let Shape { layers, groups, head, .. } = self.shape;
        Arena::new(layers, groups, head, pages)
    }

    /// Bytes of keys and values for one page of tokens.
    pub(crate) fn page_bytes(&self) -> usize {
        let Shape { layers, groups, head, .. } = self.shape;
        Arena::page_bytes(layers, groups, head)
    }

    /// Computes the tokens of all pieces in one pass over the weights.
    pub(crate) fn compute(
        &self,
        pieces: &[Piece<'_>],
        arena: &mut Arena,
        workspace: &Workspace,
    ) -> Result<Computed> {
        let arena = RefCell::new(arena);
        let hidden = self.embed(pieces)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let project = Project::attention(&self.shape, layer, workspace);
            let heads = self.heads(layer, pieces, workspace.form());
            let attend = Attend { heads, index, arena: &arena, workspace };
            let mixed = hidden.apply_op1_no_bwd(&project)?.apply_op1_no_bwd(&attend)?;
            hidden.inplace_op2(&mixed, &Add { matrix: &layer.attention_output, workspace })?;
            let fed = hidden.apply_op1_no_bwd(&Feed { shape: &self.shape, layer, workspace })?;
            hidden.inplace_op2(&fed, &Add { matrix: &layer.down, workspace })?;
        }
        let logits = self.logits(&rows(pieces, &[Wants::Logits]), &hidden, workspace)?;
        let vectors = rows(pieces, &[Wants::Last, Wants::Each]);
        Ok(Computed { logits, vectors: self.vectors(&vectors, &hidden, workspace)? })
    }

    fn heads<'a>(&'a self, layer: &'a Layer, pieces: &'a [Piece<'a>], form: Form) -> Heads<'a> {
        Heads {
            form,
            shape: &self.shape,
            norms: &layer.head_norms,
            rotation: &self.rotation,
            pieces,
        }
    }

    fn embed(&self, pieces: &[Piece<'_>]) -> Result<Tensor> {
        let width = self.shape.width;
        let tokens: usize = pieces.iter().map(|piece| piece.tokens.len()).sum();
        let mut rows = vec![0.0; tokens * width];
        let ids = pieces.iter().flat_map(|piece| piece.tokens);
        for (row, &id) in rows.chunks_exact_mut(width).zip(ids) {
            self.weights.embedding.row(id as usize, row);
        }
        Tensor::from_vec(rows, (tokens, width), &Device::Cpu)
    }

    fn logits(&self, rows: &[u32], hidden: &Tensor, workspace: &Workspace) -> Result<Vec<f32>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let hidden = hidden.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
        let project = Project::output(&self.shape, &self.weights, workspace);
        hidden.apply_op1_no_bwd(&project)?.flatten_all()?.to_vec1()
    }

    fn vectors(
        &self,
        rows: &[u32],
        hidden: &Tensor,
        workspace: &Workspace,
    ) -> Result<Zeroizing<Vec<f32>>> {
        if rows.is_empty() {
            return Ok(Zeroizing::default());
        }
        let hidden = hidden.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
        let hidden = Zeroizing::new(hidden.flatten_all()?.to_vec1::<f32>()?);
        let mut normed = Zeroizing::new(vec![0.0; hidden.len()]);
        let width = self.shape.width;
        for (to, from) in normed.chunks_exact_mut(width).zip(hidden.chunks_exact(width)) {
            let norm = &self.weights.output_norm;
            rms_norm(workspace.form(), from, norm, self.shape.epsilon, to);
        }
        Ok(normed)
    }
}

/// Rows, among the tokens of all pieces, of which one of `wanted` is wanted.
fn rows(pieces: &[Piece<'_>], wanted: &[Wants]) -> Vec<u32> {
    let mut first = 0;
    let rows = pieces.iter().flat_map(|piece| {
        let all = first..first + piece.tokens.len() as u32;
        first = all.end;
        match piece.wants {
            wants if !wanted.contains(&wants) => 0..0,
            Wants::Each => all,
            Wants::Nothing | Wants::Logits | Wants::Last => all.end.saturating_sub(1)..all.end,
        }
    });
    rows.collect()
}
