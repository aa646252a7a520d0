//! The weights of a model file by their names, checked against its dimensions, in whatever form their computer wants them.

use std::collections::HashSet;

use candle_core::quantized::GgmlDType;

use super::Shape;
use crate::error::LoadError;
use crate::gguf::Gguf;

/// Brings weights into the form that a computer multiplies with.
pub(crate) trait Form {
    /// A matrix.
    type Matrix;
    /// Some numbers.
    type Vector;

    /// A matrix of `outputs` rows of `inputs` numbers, from its blocks as they lie in the file, or why not.
    fn matrix(
        &mut self,
        kind: GgmlDType,
        shape: [usize; 2],
        blocks: &[u8],
    ) -> Result<Self::Matrix, String>;

    /// Some numbers, or why not.
    fn vector(&mut self, numbers: Vec<f32>) -> Result<Self::Vector, String>;
}

/// One transformer layer.
pub(crate) struct Layer<Matrix, Vector> {
    pub(crate) attention_norm: Vector,
    /// Of queries, keys and values.
    pub(crate) attention: [Matrix; 3],
    /// Added to all three, back to back, where the family has them.
    pub(crate) attention_bias: Option<Vector>,
    /// Norms of every head of queries and keys, where the family has them.
    pub(crate) head_norms: Option<[Vector; 2]>,
    pub(crate) attention_output: Matrix,
    pub(crate) feed_norm: Vector,
    /// Gate and up.
    pub(crate) feed: [Matrix; 2],
    pub(crate) down: Matrix,
}

/// All weights of a model.
pub(crate) struct Weights<Matrix, Vector> {
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer<Matrix, Vector>>,
    pub(crate) output_norm: Vector,
    /// Absent where the file ties it to the embedding.
    output: Option<Matrix>,
    /// Angle per position of each pair of coordinates.
    pub(crate) frequencies: Vec<f64>,
}

impl<Matrix, Vector> Weights<Matrix, Vector> {
    /// Reads all tensors of a file, and refuses what is missing, misshapen or left over.
    pub(crate) fn load(
        file: &Gguf<'_>,
        shape: &Shape,
        form: impl Form<Matrix = Matrix, Vector = Vector>,
    ) -> Result<Self, LoadError> {
        let mut reader = Reader { file, form, used: HashSet::new() };
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
    pub(crate) fn output(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
}

impl<Matrix, Vector> Layer<Matrix, Vector> {
    fn load<F: Form<Matrix = Matrix, Vector = Vector>>(
        reader: &mut Reader<'_, F>,
        index: usize,
        shape: &Shape,
    ) -> Result<Self, LoadError> {
        let Shape { family, width, inner, head, .. } = *shape;
        let (queries, keys) = (shape.queries(), shape.keys());
        let name = |part: &str| format!("blk.{index}.{part}");
        let mut attention_bias = None;
        if family.has_bias() {
            let mut all = Vec::new();
            for (part, length) in [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)] {
                all.extend(reader.numbers(&name(&format!("{part}.bias")), length)?);
            }
            attention_bias = Some(reader.form(&name("attn_q.bias"), all)?);
        }
        let mut head_norms = None;
        if family.norms_heads() {
            let queries = reader.vector(&name("attn_q_norm.weight"), head)?;
            head_norms = Some([queries, reader.vector(&name("attn_k_norm.weight"), head)?]);
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
struct Reader<'a, F> {
    file: &'a Gguf<'a>,
    form: F,
    used: HashSet<String>,
}

impl<F: Form> Reader<'_, F> {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<F::Matrix, LoadError> {
        let (kind, blocks) = self.file.blocks(name, &shape)?;
        self.used.insert(name.to_owned());
        self.form.matrix(kind, shape, blocks).map_err(|reason| refused(name, reason))
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<F::Vector, LoadError> {
        let numbers = self.numbers(name, length)?;
        self.form(name, numbers)
    }

    fn form(&mut self, name: &str, numbers: Vec<f32>) -> Result<F::Vector, LoadError> {
        self.form.vector(numbers).map_err(|reason| refused(name, reason))
    }

    fn numbers(&mut self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let numbers = self.file.vector(name, length)?;
        self.used.insert(name.to_owned());
        Ok(numbers)
    }

    fn refuse_unused(&self) -> Result<(), LoadError> {
        let names = self.file.tensors().map(|(name, _)| name);
        match names.filter(|name| !self.used.contains(*name)).min() {
            None => Ok(()),
            Some(name) => Err(LoadError::ExtraTensor { name: name.to_owned() }),
        }
    }
}

fn refused(name: &str, reason: String) -> LoadError {
    LoadError::Tensor { name: name.to_owned(), reason }
}

/// base^(-2i/head), divided by the file's own factors where it has them.
fn frequencies<F: Form>(reader: &mut Reader<'_, F>, shape: &Shape) -> Result<Vec<f64>, LoadError> {
    let pairs = shape.head / 2;
    let factors = match reader.file.has_tensor("rope_freqs.weight") {
        true => reader.numbers("rope_freqs.weight", pairs)?,
        false => vec![1.0; pairs],
    };
    let base = f64::from(shape.frequency_base);
    let frequency = |(pair, factor): (usize, &f32)| {
        base.powf(-2.0 * pair as f64 / shape.head as f64) / f64::from(*factor)
    };
    Ok(factors.iter().enumerate().map(frequency).collect())
}
