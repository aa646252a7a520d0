//! Keys and values of one sequence, in memory that is reserved once.

use candle_core::{DType, Device, Result, Tensor};

use super::Shape;

/// The cache of one sequence.
pub(crate) struct Cache {
    /// For each layer keys and values, each as (groups, capacity, head).
    layers: Vec<(Tensor, Tensor)>,
    len: usize,
}

impl Cache {
    pub(super) fn new(shape: &Shape, capacity: usize) -> Result<Self> {
        let room = || Tensor::zeros((shape.groups, capacity, shape.head), DType::F32, &Device::Cpu);
        let layers = (0..shape.layers).map(|_| Ok((room()?, room()?))).collect::<Result<_>>()?;
        Ok(Self { layers, len: 0 })
    }

    /// Tokens every layer has seen.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Stores keys and values, each as (tokens, groups, head), behind the others; returns views of
    /// everything this layer holds by now.
    pub(super) fn append(
        &mut self,
        layer: usize,
        key: &Tensor,
        value: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let Some((keys, values)) = self.layers.get(layer) else {
            candle_core::bail!("layer {layer} has no cache");
        };
        let total = self.len + key.dim(0)?;
        keys.slice_set(&key.transpose(0, 1)?.contiguous()?, 1, self.len)?;
        values.slice_set(&value.transpose(0, 1)?.contiguous()?, 1, self.len)?;
        Ok((keys.narrow(1, 0, total)?, values.narrow(1, 0, total)?))
    }

    /// Called once after all layers have appended `count` tokens.
    pub(super) fn advance(&mut self, count: usize) {
        self.len += count;
    }
}
