//! The llama architecture: RMS norm, rotary positions, grouped-query attention, gated feed-forward.

mod cache;
mod operations;
mod weights;

use candle_core::{Device, Result, Tensor};

pub(crate) use cache::Cache;
pub(crate) use weights::Shape;

use crate::error::LoadError;
use crate::gguf::Gguf;
use operations::{Attention, Gate, Norm, Rotate, RowTimesMatrix};
use weights::{Layer, Weights};

/// A loaded model. It holds no state of any sequence.
pub(crate) struct Llama {
    shape: Shape,
    weights: Weights,
    rotation: Rotate,
}

impl Llama {
    /// Reads all weights into memory as f32; `context` is the most tokens a sequence can have.
    pub(crate) fn load(file: &Gguf<'_>, context: usize) -> std::result::Result<Self, LoadError> {
        let shape = Shape::load(file)?;
        let weights = Weights::load(file, &shape)?;
        let rotation = Rotate::new(&weights.frequencies, context);
        Ok(Self { shape, weights, rotation })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// An empty cache with room for `capacity` tokens.
    pub(crate) fn cache(&self, capacity: usize) -> Result<Cache> {
        Cache::new(&self.shape, capacity)
    }

    /// Reads `tokens` behind those already in `cache` and returns the hidden state of the last one.
    pub(crate) fn read(&self, tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let count = tokens.len();
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let mut hidden = self.weights.embedding.index_select(&ids, 0)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let normed = self.norm(&hidden, &layer.attention_norm)?;
            hidden = (hidden + self.attention(layer, index, &normed, cache)?)?;
            let normed = self.norm(&hidden, &layer.feed_forward_norm)?;
            hidden = (hidden + feed_forward(layer, &normed)?)?;
        }
        cache.advance(count);
        hidden.narrow(0, count.saturating_sub(1), 1)
    }

    /// The logits that follow a hidden state.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Vec<f32>> {
        let normed = self.norm(&hidden.contiguous()?, &self.weights.output_norm)?;
        linear(&normed, &self.weights.output)?.flatten_all()?.to_vec1()
    }

    fn norm(&self, hidden: &Tensor, weight: &Tensor) -> Result<Tensor> {
        hidden.apply_op2_no_bwd(weight, &Norm { epsilon: self.shape.epsilon })
    }

    fn attention(
        &self,
        layer: &Layer,
        index: usize,
        normed: &Tensor,
        cache: &mut Cache,
    ) -> Result<Tensor> {
        let Shape { heads, groups, head, .. } = self.shape;
        let (count, past) = (normed.dim(0)?, cache.len());
        let query = linear(normed, &layer.query)?.reshape((count, heads, head))?;
        let key = linear(normed, &layer.key)?.reshape((count, groups, head))?;
        let value = linear(normed, &layer.value)?.reshape((count, groups, head))?;
        query.inplace_op1(&self.rotation.at(past))?;
        key.inplace_op1(&self.rotation.at(past))?;
        let (keys, values) = cache.append(index, &key, &value)?;
        let mixed = query.apply_op3_no_bwd(&keys, &values, &Attention { past })?;
        linear(&mixed, &layer.attention_output)
    }
}

fn feed_forward(layer: &Layer, normed: &Tensor) -> Result<Tensor> {
    let gate = linear(normed, &layer.gate)?;
    gate.inplace_op2(&linear(normed, &layer.up)?, &Gate)?;
    linear(&gate, &layer.down)
}

/// Rows times a matrix stored as (outputs, inputs). One row is bound by memory and many by
/// arithmetic; candle's product is good at many.
fn linear(rows: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    if rows.dim(0)? == 1 {
        return rows.apply_op2_no_bwd(matrix, &RowTimesMatrix);
    }
    rows.matmul(&matrix.t()?)
}
