//! The middle of a layer: heads, their positions, keys and values into their pages, attention.

use candle_core::quantized::QMatMul;
use candle_core::{Device, Module as _, Result, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::{rope, rope_i};

use super::plan::{Group, Step};
use super::{Accelerator, Layer};
use crate::llama::Pairing;

/// Rotary positions (Su et al. 2021).
pub(super) struct Rotation {
    pairing: Pairing,
    /// Cosine and sine, each as (context, pairs).
    angles: [Tensor; 2],
}

impl Rotation {
    /// Angles of every position below `context`.
    pub(super) fn new(
        pairing: Pairing,
        frequencies: &[f64],
        context: usize,
        device: &Device,
    ) -> Result<Self> {
        let table = |function: fn(f64) -> f64| {
            let angles = (0..context).flat_map(|at| frequencies.iter().map(move |f| at as f64 * f));
            let numbers: Vec<f32> = angles.map(|angle| function(angle) as f32).collect();
            Tensor::from_vec(numbers, (context, frequencies.len()), device)
        };
        Ok(Self { pairing, angles: [table(f64::cos)?, table(f64::sin)?] })
    }

    /// Cosine and sine of some positions, each as (positions, 1, pairs).
    pub(super) fn of(&self, positions: &Tensor) -> Result<[Tensor; 2]> {
        let [cosines, sines] = &self.angles;
        let of = |table: &Tensor| table.index_select(positions, 0)?.unsqueeze(1);
        Ok([of(cosines)?, of(sines)?])
    }

    /// Turns heads, as (tokens, heads, 1, head), by the angles of their tokens.
    fn turn(&self, heads: &Tensor, [cosines, sines]: &[Tensor; 2]) -> Result<Tensor> {
        match self.pairing {
            Pairing::Neighbours => rope_i(heads, cosines, sines),
            Pairing::Halves => rope(heads, cosines, sines),
        }
    }
}

impl Accelerator {
    /// What every token attends to, as wide as all query heads together.
    pub(super) fn attend(
        &self,
        index: usize,
        layer: &Layer,
        step: &Step,
        normed: &Tensor,
    ) -> Result<Tensor> {
        let (heads, groups) = (self.shape.heads, self.shape.groups);
        let [query, key, value] = &layer.attention;
        let (queries, keys) = (self.shape.queries(), self.shape.keys());
        let [query_norm, key_norm] = match &layer.head_norms {
            None => [None, None],
            Some([query, key]) => [Some(query), Some(key)],
        };
        let query = projected(query, normed, layer, 0)?;
        let key = projected(key, normed, layer, queries)?;
        let value = projected(value, normed, layer, queries + keys)?;
        let query = self.turned(&query, heads, query_norm, step)?;
        let key = self.turned(&key, groups, key_norm, step)?;
        let value = value.reshape((step.tokens, groups, self.shape.head))?;
        self.pages.store(index, &step.slots, [&key, &value])?;
        let mixed = step.groups.iter().map(|group| self.mix(index, group, &query));
        let mixed = mixed.collect::<Result<Vec<_>>>()?;
        match &mixed[..] {
            [one] => Ok(one.clone()),
            all => Tensor::cat(all, 0),
        }
    }

    /// Heads with their norms, if they have some, and their positions, as (tokens, heads, head).
    fn turned(
        &self,
        rows: &Tensor,
        heads: usize,
        norm: Option<&Tensor>,
        step: &Step,
    ) -> Result<Tensor> {
        let (tokens, head) = (step.tokens, self.shape.head);
        let rows = rows.reshape((tokens * heads, head))?;
        let rows = match norm {
            None => rows,
            Some(norm) => rms_norm(&rows, norm, self.shape.epsilon)?,
        };
        let turned = self.rotation.turn(&rows.reshape((tokens, heads, 1, head))?, &step.angles)?;
        turned.reshape((tokens, heads, head))
    }

    /// Attention of a group of pieces with as many tokens each, in one pass over their pages.
    fn mix(&self, layer: usize, group: &Group, queries: &Tensor) -> Result<Tensor> {
        let (groups, head) = (self.shape.groups, self.shape.head);
        let (pieces, tokens, share) = (group.pieces, group.tokens, self.shape.heads / groups);
        let [keys, values] = self.pages.gather(layer, &group.table, pieces)?;
        let seen = keys.dim(1)?;
        let scale = f64::from(head as u32).sqrt().recip();
        let queries = queries.narrow(0, group.first, pieces * tokens)?;
        let queries = queries.reshape((pieces, tokens, groups, share, head))?;
        let queries = queries.permute((2, 0, 1, 3, 4))?.affine(scale, 0.0)?;
        let queries = queries.reshape((groups * pieces, tokens * share, head))?;
        let scores = queries.matmul(&keys.t()?)?;
        let scores = scores.reshape((groups, pieces, tokens, share, seen))?;
        let weights = softmax_last_dim(&scores.broadcast_add(&group.mask)?)?;
        let weights = weights.reshape((groups * pieces, tokens * share, seen))?;
        let mixed = weights.matmul(&values)?.reshape((groups, pieces, tokens, share, head))?;
        mixed.permute((1, 2, 0, 3, 4))?.reshape((pieces * tokens, groups * share * head))
    }
}

/// Rows times a matrix, with the part of the layer's bias that begins at `from`, if it has one.
fn projected(matrix: &QMatMul, rows: &Tensor, layer: &Layer, from: usize) -> Result<Tensor> {
    let product = matrix.forward(rows)?;
    match &layer.attention_bias {
        None => Ok(product),
        Some(bias) => product.broadcast_add(&bias.narrow(0, from, product.dim(1)?)?),
    }
}
