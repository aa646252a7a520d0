//! Dimensions of a model, as its file states them.

use super::family::Family;
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::PAGE;

/// Dimensions of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) family: Family,
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
    /// How a text becomes one vector, where the model was trained for that.
    pub(crate) pooling: Option<Pooling>,
}

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Their mean.
    Mean,
    /// The last one.
    Last,
}

// Bounds on what a damaged header can make us allocate, well above every known model.
const MOST_LAYERS: usize = 1 << 10;
const MOST_WIDTH: usize = 1 << 17;
const MOST_CONTEXT: usize = 1 << 24;

impl Shape {
    pub(crate) fn load(file: &Gguf<'_>) -> Result<Self, LoadError> {
        let family = Family::of(file.text("general.architecture")?)?;
        let key = |name: &str| format!("{}.{name}", family.name());
        refuse_rope_scaling(file, &key("rope.scaling.type"))?;
        let width = file.count(&key("embedding_length"), MOST_WIDTH)?;
        let heads = file.count(&key("attention.head_count"), width)?;
        let groups = file.optional_count(&key("attention.head_count_kv"), heads)?.unwrap_or(heads);
        divide(&key("attention.head_count"), heads, "key heads", groups)?;
        let length = key("attention.key_length");
        let head = match file.optional_count(&length, MOST_WIDTH)? {
            Some(head) => head,
            None => divide(&key("embedding_length"), width, "heads", heads)?,
        };
        divide(&length, head, "coordinates of a vector", PAGE)?;
        expect_same(file, &key("rope.dimension_count"), head)?;
        expect_same(file, &key("attention.value_length"), head)?;
        let epsilon = key("attention.layer_norm_rms_epsilon");
        Ok(Self {
            family,
            layers: file.count(&key("block_count"), MOST_LAYERS)?,
            width,
            inner: file.count(&key("feed_forward_length"), MOST_WIDTH)?,
            heads,
            groups,
            head,
            context: file.count(&key("context_length"), MOST_CONTEXT)?,
            vocabulary: file.texts("tokenizer.ggml.tokens")?.len(),
            epsilon: file.positive(&epsilon)?.ok_or(LoadError::MissingKey { key: epsilon })?,
            frequency_base: file.positive(&key("rope.freq_base"))?.unwrap_or(10_000.0),
            pooling: pooling(file, &key("pooling_type"))?,
        })
    }

    /// Width of all query heads together.
    pub(crate) const fn queries(&self) -> usize {
        self.heads * self.head
    }

    /// Width of all heads of keys, and of values.
    pub(crate) const fn keys(&self) -> usize {
        self.groups * self.head
    }

    /// Bytes of keys and values for one page of tokens, in half precision.
    pub(crate) const fn page_bytes(&self) -> usize {
        2 * 2 * PAGE * self.layers.saturating_mul(self.keys())
    }
}

/// As llama.cpp numbers it.
fn pooling(file: &Gguf<'_>, key: &str) -> Result<Option<Pooling>, LoadError> {
    match file.integer(key)? {
        None | Some(0) => Ok(None),
        Some(1) => Ok(Some(Pooling::Mean)),
        Some(3) => Ok(Some(Pooling::Last)),
        Some(other) => Err(LoadError::Key {
            key: key.to_owned(),
            found: other.to_string(),
            expected: "0 (none), 1 (mean) or 3 (last)".to_owned(),
        }),
    }
}

/// A stretched context changes every answer: without the arithmetic for it the file is refused.
fn refuse_rope_scaling(file: &Gguf<'_>, key: &str) -> Result<(), LoadError> {
    match file.optional_text(key)? {
        None | Some("none") => Ok(()),
        Some(found) => Err(LoadError::Key {
            key: key.to_owned(),
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
