//! A device behind candle's tensor operations: a GPU, and in tests the processor. Every operation here has a CUDA kernel.
//!
//! In confidential mode each copy to the device and each launch has a price: a step is one copy to the device, a pass over the
//! layers for all pieces together, and one copy back for each kind of thing that is wanted.

mod heads;
mod pages;
mod plan;
#[cfg(test)]
mod tests;
mod upload;

use candle_core::quantized::QMatMul;
use candle_core::{D, DType, Device, Module as _, Result, Tensor};
use candle_nn::ops::rms_norm;
use zeroize::Zeroizing;

use super::{Computed, Computer, Likeliest, Piece};
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kv::PageId;
use crate::llama::{self, Shape};
use heads::Rotation;
use pages::Pages;
use plan::{Plan, Step, counting};
use upload::Uploader;

type Layer = llama::Layer<QMatMul, Tensor>;
type Weights = llama::Weights<QMatMul, Tensor>;

/// So many ids are exact as f32: they come back beside their logits.
const MOST_IDS: usize = 1 << 24;

/// In which precision keys and values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 16 bits, as the kernels keep them.
    Half,
    /// 32 bits: where tests compare answers, what two batches round otherwise must not grow.
    #[cfg(test)]
    Single,
}

/// A model in a device's memory.
pub(crate) struct Accelerator {
    shape: Shape,
    weights: Weights,
    rotation: Rotation,
    /// 0, 1, 2 and so on, as far as tables reach.
    counting: Tensor,
    pages: Pages,
}

impl Accelerator {
    /// Copies all weights to the device, one tensor after the other. `context` is the most tokens that a sequence can have.
    pub(crate) fn load(
        file: &Gguf<'_>,
        shape: &Shape,
        context: usize,
        pages: usize,
        device: Device,
        precision: Precision,
    ) -> std::result::Result<Self, LoadError> {
        if shape.vocabulary > MOST_IDS {
            return Err(LoadError::Key {
                key: "tokenizer.ggml.tokens".to_owned(),
                found: shape.vocabulary.to_string(),
                expected: format!("at most {MOST_IDS}"),
            });
        }
        let weights = Weights::load(file, shape, Uploader::new(&device))?;
        let refused = |bytes: usize| {
            move |error: candle_core::Error| LoadError::Memory { bytes, reason: error.to_string() }
        };
        let pairing = shape.family.pairing();
        let tables = refused(context.saturating_mul(4 * shape.head));
        let rotation = Rotation::new(pairing, &weights.frequencies, context, &device);
        let (rotation, counting) = (rotation.map_err(tables)?, counting(context, &device));
        let counting = counting.map_err(tables)?;
        let bytes = pages.saturating_mul(shape.page_bytes());
        let pages = Pages::new(shape, pages, precision, &device).map_err(refused(bytes))?;
        // Another thread computes, in a stream of its own: all copies end here.
        device.synchronize().map_err(refused(bytes))?;
        Ok(Self { shape: shape.clone(), weights, rotation, counting, pages })
    }

    fn layer(&self, index: usize, layer: &Layer, step: &Step, hidden: &Tensor) -> Result<Tensor> {
        let normed = rms_norm(hidden, &layer.attention_norm, self.shape.epsilon)?;
        let mixed = self.attend(index, layer, step, &normed)?;
        let hidden = (hidden + layer.attention_output.forward(&mixed)?)?;
        let normed = rms_norm(&hidden, &layer.feed_norm, self.shape.epsilon)?;
        let [gate, up] = &layer.feed;
        let gated = (gate.forward(&normed)?.silu()? * up.forward(&normed)?)?;
        hidden + layer.down.forward(&gated)?
    }

    /// Some rows behind the last norm.
    fn normed(&self, hidden: &Tensor, rows: &Tensor) -> Result<Tensor> {
        rms_norm(&hidden.index_select(rows, 0)?, &self.weights.output_norm, self.shape.epsilon)
    }

    fn logits(&self, hidden: &Tensor, rows: &Tensor) -> Result<Tensor> {
        self.weights.output().forward(&self.normed(hidden, rows)?)
    }

    /// What a greedy choice needs, found where the logits are: 12 bytes a row come back instead of all of them.
    fn likeliest(&self, hidden: &Tensor, rows: &Tensor) -> Result<Vec<Likeliest>> {
        let logits = self.logits(hidden, rows)?;
        let greatest = logits.max_keepdim(D::Minus1)?;
        let ids = logits.argmax_keepdim(D::Minus1)?.to_dtype(DType::F32)?;
        let sums = logits.broadcast_sub(&greatest)?.exp()?.sum_keepdim(D::Minus1)?;
        let totals = (sums.log()? + &greatest)?;
        let found = Tensor::cat(&[ids, greatest, totals], 1)?.flatten_all()?.to_vec1::<f32>()?;
        let (found, _) = found.as_chunks::<3>();
        let found =
            found.iter().map(|&[id, logit, total]| Likeliest { id: id as u32, logit, total });
        Ok(found.collect())
    }

    fn wanted(&self, hidden: &Tensor, step: &Step) -> Result<Computed> {
        let mut computed = Computed::default();
        if let Some(rows) = &step.logits {
            computed.logits = self.logits(hidden, rows)?.flatten_all()?.to_vec1()?;
        }
        if let Some(rows) = &step.likeliest {
            computed.likeliest = self.likeliest(hidden, rows)?;
        }
        if let Some(rows) = &step.vectors {
            let vectors = self.normed(hidden, rows)?.flatten_all()?.to_vec1()?;
            computed.vectors = Zeroizing::new(vectors);
        }
        Ok(computed)
    }
}

impl Computer for Accelerator {
    fn compute(&mut self, pieces: &[Piece<'_>]) -> Result<Computed> {
        self.pages.check()?;
        let Some(plan) = Plan::new(pieces, &self.shape)? else { return Ok(Computed::default()) };
        let step = plan.upload(&self.shape, &self.rotation, &self.counting)?;
        // From here on candle copies nothing to the device but dimensions and strides, and those once.
        #[cfg(feature = "cuda")]
        let _kept = match self.counting.device() {
            Device::Cuda(device) => Some(device.enable_cuda_graph_htod_cache()),
            Device::Cpu | Device::Metal(_) => None,
        };
        let mut hidden = self.weights.embedding.embedding(&step.ids)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            hidden = self.layer(index, layer, &step, &hidden)?;
        }
        self.wanted(&hidden, &step)
    }

    fn wipe(&mut self, pages: &[PageId]) {
        self.pages.wipe(pages);
    }

    fn chooses(&self) -> bool {
        true
    }
}
