//! The llama family: RMS norm, rotary positions, grouped-query attention, gated feed-forward.

mod attend;
mod family;
mod operations;
mod packed;
mod shape;
mod weights;

use std::cell::RefCell;

use candle_core::{Device, Result, Tensor};
use zeroize::Zeroizing;

#[cfg(any(test, feature = "cuda"))]
pub(crate) use family::Pairing;
pub(crate) use operations::Workspace;
pub(crate) use shape::{Pooling, Shape};
#[cfg(any(test, feature = "cuda"))]
pub(crate) use weights::{Form, Layer, Weights};

use crate::computer::{Computed, Piece, Wants};
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::{self, Pool, rms_norm};
use crate::kv::Arena;
use attend::{Attend, Heads, Rotation};
use operations::{Add, Feed, Project};
use packed::Packer;

/// A loaded model. It holds no state of any sequence.
pub(crate) struct Llama {
    shape: Shape,
    weights: packed::Weights,
    rotation: Rotation,
}

impl Llama {
    /// Repacks all weights for the kernels; `context` is the most tokens that a sequence can have.
    pub(crate) fn load(
        file: &Gguf<'_>,
        shape: Shape,
        context: usize,
        pool: &mut Pool,
    ) -> std::result::Result<Self, LoadError> {
        let weights = packed::Weights::load(file, &shape, Packer::new(pool))?;
        let rotation = Rotation::new(shape.family.pairing(), &weights.frequencies, context);
        Ok(Self { shape, weights, rotation })
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
        let vectors = self.vectors(&vectors, &hidden, workspace)?;
        Ok(Computed { logits, vectors, ..Computed::default() })
    }

    fn heads<'a>(
        &'a self,
        layer: &'a packed::Layer,
        pieces: &'a [Piece<'a>],
        form: kernels::Form,
    ) -> Heads<'a> {
        Heads {
            form,
            shape: &self.shape,
            norms: layer.head_norms.as_ref(),
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
        let place = first;
        first += piece.tokens.len() as u32;
        piece.rows(wanted).map(move |row| place + row)
    });
    rows.collect()
}
