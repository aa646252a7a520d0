//! Dimensions and weights of a model file, checked against each other.

use std::collections::HashSet;

use candle_core::Tensor;

use crate::error::LoadError;
use crate::gguf::Gguf;

/// Dimensions of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    /// Heads of keys and values; each serves `heads / groups` query heads.
    pub(crate) groups: usize,
    /// Width of one head.
    pub(crate) head: usize,
    pub(crate) context: usize,
    pub(crate) vocabulary: usize,
    pub(crate) epsilon: f32,
    pub(crate) frequency_base: f32,
}

// Bounds on what a damaged header can make us allocate, well above every known model.
const MOST_LAYERS: usize = 1 << 10;
const MOST_WIDTH: usize = 1 << 17;
const MOST_CONTEXT: usize = 1 << 24;

impl Shape {
    pub(super) fn load(file: &Gguf<'_>) -> Result<Self, LoadError> {
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" {
            return Err(LoadError::Architecture { found: architecture.to_owned() });
        }
        refuse_rope_scaling(file)?;
        let width = file.count("llama.embedding_length", MOST_WIDTH)?;
        let heads = file.count("llama.attention.head_count", width)?;
        let groups = file.optional_count("llama.attention.head_count_kv", heads)?.unwrap_or(heads);
        let head = divide("llama.embedding_length", width, "heads", heads)?;
        divide("llama.attention.head_count", heads, "key heads", groups)?;
        divide("llama.rope.dimension_count", head, "coordinates of a pair", 2)?;
        expect_same(file, "llama.rope.dimension_count", head)?;
        expect_same(file, "llama.attention.key_length", head)?;
        expect_same(file, "llama.attention.value_length", head)?;
        let epsilon = "llama.attention.layer_norm_rms_epsilon";
        Ok(Self {
            layers: file.count("llama.block_count", MOST_LAYERS)?,
            width,
            inner: file.count("llama.feed_forward_length", MOST_WIDTH)?,
            heads,
            groups,
            head,
            context: file.count("llama.context_length", MOST_CONTEXT)?,
            vocabulary: file.texts("tokenizer.ggml.tokens")?.len(),
            epsilon: file
                .positive(epsilon)?
                .ok_or_else(|| LoadError::MissingKey { key: epsilon.to_owned() })?,
            frequency_base: file.positive("llama.rope.freq_base")?.unwrap_or(10_000.0),
        })
    }
}

/// A stretched context changes every answer: without the arithmetic for it the file is refused.
fn refuse_rope_scaling(file: &Gguf<'_>) -> Result<(), LoadError> {
    match file.optional_text("llama.rope.scaling.type")? {
        None | Some("none") => Ok(()),
        Some(found) => Err(LoadError::Key {
            key: "llama.rope.scaling.type".to_owned(),
            found: found.to_owned(),
            expected: "none".to_owned(),
        }),
    }
}

fn divide(key: &str, whole: usize, what: &str, parts: usize) -> Result<usize, LoadError> {
    if parts != 0 && whole.is_multiple_of(parts) {
        return Ok(whole / parts);
    }
    Err(LoadError::Key {
        key: key.to_owned(),
        found: whole.to_string(),
        expected: format!("a multiple of {parts} {what}"),
    })
}

fn expect_same(file: &Gguf<'_>, key: &str, expected: usize) -> Result<(), LoadError> {
    match file.optional_count(key, MOST_WIDTH)? {
        Some(found) if found != expected => Err(LoadError::Key {
            key: key.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
        }),
        _ => Ok(()),
    }
}

/// One transformer layer; matrices as (outputs, inputs).
pub(super) struct Layer {
    pub(super) attention_norm: Tensor,
    pub(super) query: Tensor,
    pub(super) key: Tensor,
    pub(super) value: Tensor,
    pub(super) attention_output: Tensor,
    pub(super) feed_forward_norm: Tensor,
    pub(super) gate: Tensor,
    pub(super) up: Tensor,
    pub(super) down: Tensor,
}

/// All weights of a model.
pub(super) struct Weights {
    pub(super) embedding: Tensor,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Tensor,
    /// The embedding itself where the file ties them.
    pub(super) output: Tensor,
    /// Angle per position of each pair of coordinates.
    pub(super) frequencies: Vec<f64>,
}

/// Reads tensors and remembers which, so that none is ignored.
struct Reader<'a> {
    file: &'a Gguf<'a>,
    used: HashSet<String>,
}

impl Reader<'_> {
    fn tensor(&mut self, name: String, shape: &[usize]) -> Result<Tensor, LoadError> {
        let tensor = self.file.tensor(&name, shape)?;
        self.used.insert(name);
        Ok(tensor)
    }

    fn refuse_unused(&self) -> Result<(), LoadError> {
        let mut unused: Vec<_> = self
            .file
            .tensors()
            .map(|(name, _)| name)
            .filter(|name| !self.used.contains(*name))
            .collect();
        unused.sort_unstable();
        match unused.first() {
            None => Ok(()),
            Some(name) => Err(LoadError::ExtraTensor { name: (*name).to_owned() }),
        }
    }
}

impl Weights {
    pub(super) fn load(file: &Gguf<'_>, shape: &Shape) -> Result<Self, LoadError> {
        let mut reader = Reader { file, used: HashSet::new() };
        let table = [shape.vocabulary, shape.width];
        let embedding = reader.tensor("token_embd.weight".to_owned(), &table)?;
        let output = if file.has_tensor("output.weight") {
            reader.tensor("output.weight".to_owned(), &table)?
        } else {
            embedding.clone()
        };
        let layers = (0..shape.layers).map(|index| Layer::load(&mut reader, index, shape));
        let layers = layers.collect::<Result<_, _>>()?;
        let output_norm = reader.tensor("output_norm.weight".to_owned(), &[shape.width])?;
        let frequencies = frequencies(&mut reader, shape)?;
        reader.refuse_unused()?;
        Ok(Self { embedding, layers, output_norm, output, frequencies })
    }
}

impl Layer {
    fn load(reader: &mut Reader<'_>, index: usize, shape: &Shape) -> Result<Self, LoadError> {
        let Shape { width, inner, .. } = *shape;
        let narrow = shape.groups * shape.head;
        let mut part = |name: &str, dimensions: &[usize]| {
            reader.tensor(format!("blk.{index}.{name}.weight"), dimensions)
        };
        Ok(Self {
            attention_norm: part("attn_norm", &[width])?,
            query: part("attn_q", &[width, width])?,
            key: part("attn_k", &[narrow, width])?,
            value: part("attn_v", &[narrow, width])?,
            attention_output: part("attn_output", &[width, width])?,
            feed_forward_norm: part("ffn_norm", &[width])?,
            gate: part("ffn_gate", &[inner, width])?,
            up: part("ffn_up", &[inner, width])?,
            down: part("ffn_down", &[width, inner])?,
        })
    }
}

/// base^(-2i/head), divided by the file's own factors where it has them.
fn frequencies(reader: &mut Reader<'_>, shape: &Shape) -> Result<Vec<f64>, LoadError> {
    let pairs = shape.head / 2;
    let factors = if reader.file.has_tensor("rope_freqs.weight") {
        let factors = reader.tensor("rope_freqs.weight".to_owned(), &[pairs])?.to_vec1::<f32>();
        factors.map_err(|error| LoadError::Container { reason: error.to_string() })?
    } else {
        vec![1.0; pairs]
    };
    let base = f64::from(shape.frequency_base);
    let frequency = |(pair, factor): (usize, &f32)| {
        base.powf(-2.0 * pair as f64 / shape.head as f64) / f64::from(*factor)
    };
    Ok(factors.iter().enumerate().map(frequency).collect())
}
