//! The weights of a model file, repacked for the kernels and checked against its dimensions.

use std::collections::HashSet;

use super::Shape;
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::{Matrix, Pool, Slab};

/// One transformer layer.
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    /// Of queries, keys and values.
    pub(super) attention: [Matrix; 3],
    /// Added to all three, back to back; empty where the family has none.
    pub(super) attention_bias: Vec<f32>,
    /// Norms of every head of queries and keys; empty where the family has none.
    pub(super) head_norms: [Vec<f32>; 2],
    pub(super) attention_output: Matrix,
    pub(super) feed_norm: Vec<f32>,
    /// Gate and up.
    pub(super) feed: [Matrix; 2],
    pub(super) down: Matrix,
}

/// All weights of a model.
pub(super) struct Weights {
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Vec<f32>,
    /// Absent where the file ties it to the embedding.
    output: Option<Matrix>,
    /// Angle per position of each pair of coordinates.
    pub(super) frequencies: Vec<f64>,
}

impl Weights {
    pub(super) fn load(file: &Gguf<'_>, shape: &Shape, pool: &mut Pool) -> Result<Self, LoadError> {
        let mut reader = Reader { file, pool, slab: Slab::default(), used: HashSet::new() };
        let table = [shape.vocabulary, shape.width];
        let embedding = reader.matrix("token_embd.weight", table)?;
        let output = file.has_tensor("output.weight");
        let output = output.then(|| reader.matrix("output.weight", table)).transpose()?;
        let layers = (0..shape.layers).map(|index| Layer::load(&mut reader, index, shape));
        let layers = layers.collect::<Result<_, _>>()?;
        let output_norm = reader.vector("output_norm.weight", shape.width)?;
        let frequencies = frequencies(&mut reader, shape)?;
        reader.refuse_unused()?;
        Ok(Self { embedding, layers, output_norm, output, frequencies })
    }

    /// From hidden states to logits.
    pub(super) fn output(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
}

impl Layer {
    fn load(reader: &mut Reader<'_>, index: usize, shape: &Shape) -> Result<Self, LoadError> {
        let Shape { family, width, inner, head, .. } = *shape;
        let (queries, keys) = (shape.queries(), shape.keys());
        let name = |part: &str| format!("blk.{index}.{part}");
        let mut attention_bias = Vec::new();
        if family.has_bias() {
            for (part, length) in [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)] {
                attention_bias.extend(reader.vector(&name(&format!("{part}.bias")), length)?);
            }
        }
        let mut head_norms = [Vec::new(), Vec::new()];
        if family.norms_heads() {
            for (norm, part) in head_norms.iter_mut().zip(["attn_q_norm", "attn_k_norm"]) {
                *norm = reader.vector(&name(&format!("{part}.weight")), head)?;
            }
        }
        let mut matrix = |part: &str, shape| reader.matrix(&name(&format!("{part}.weight")), shape);
        let attention = [
            matrix("attn_q", [queries, width])?,
            matrix("attn_k", [keys, width])?,
            matrix("attn_v", [keys, width])?,
        ];
        let attention_output = matrix("attn_output", [width, queries])?;
        let feed = [matrix("ffn_gate", [inner, width])?, matrix("ffn_up", [inner, width])?];
        let down = matrix("ffn_down", [width, inner])?;
        let attention_norm = reader.vector(&name("attn_norm.weight"), width)?;
        let feed_norm = reader.vector(&name("ffn_norm.weight"), width)?;
        Ok(Self {
            attention_norm,
            attention,
            attention_bias,
            head_norms,
            attention_output,
            feed_norm,
            feed,
            down,
        })
    }
}

/// Reads tensors and remembers which, so that none is ignored.
struct Reader<'a> {
    file: &'a Gguf<'a>,
    pool: &'a mut Pool,
    slab: Slab,
    used: HashSet<String>,
}

impl Reader<'_> {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Matrix, LoadError> {
        let (kind, blocks) = self.file.blocks(name, &shape)?;
        self.used.insert(name.to_owned());
        let matrix = Matrix::pack(kind, shape[0], shape[1], blocks, &mut self.slab, self.pool);
        matrix
            .map_err(|error| LoadError::Tensor { name: name.to_owned(), reason: error.to_string() })
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let vector = self.file.vector(name, length)?;
        self.used.insert(name.to_owned());
        Ok(vector)
    }

    fn refuse_unused(&self) -> Result<(), LoadError> {
        let names = self.file.tensors().map(|(name, _)| name);
        match names.filter(|name| !self.used.contains(*name)).min() {
            None => Ok(()),
            Some(name) => Err(LoadError::ExtraTensor { name: name.to_owned() }),
        }
    }
}

/// base^(-2i/head), divided by the file's own factors where it has them.
fn frequencies(reader: &mut Reader<'_>, shape: &Shape) -> Result<Vec<f64>, LoadError> {
    let pairs = shape.head / 2;
    let factors = match reader.file.has_tensor("rope_freqs.weight") {
        true => reader.vector("rope_freqs.weight", pairs)?,
        false => vec![1.0; pairs],
    };
    let base = f64::from(shape.frequency_base);
    let frequency = |(pair, factor): (usize, &f32)| {
        base.powf(-2.0 * pair as f64 / shape.head as f64) / f64::from(*factor)
    };
    Ok(factors.iter().enumerate().map(frequency).collect())
}
