//! Typed access to a GGUF container that already lies in private memory.

use std::io::Cursor;

use candle_core::Device;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};

use crate::error::LoadError;

/// A decoded container beside the bytes its tensors lie in.
pub(crate) struct Gguf<'a> {
    bytes: &'a [u8],
    content: Content,
}

impl<'a> Gguf<'a> {
    /// Decodes the header. Tensors are decoded one by one, when asked for.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let content = Content::read(&mut Cursor::new(bytes)).map_err(container)?;
        Ok(Self { bytes, content })
    }

    /// A string every model needs.
    pub(crate) fn text(&self, key: &str) -> Result<&str, LoadError> {
        self.optional_text(key)?.ok_or_else(|| missing(key))
    }

    /// A string some models have.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<&str>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(key, other, "a string")),
        }
    }

    /// A count every model needs, from 1 to `most`.
    pub(crate) fn count(&self, key: &str, most: usize) -> Result<usize, LoadError> {
        self.optional_count(key, most)?.ok_or_else(|| missing(key))
    }

    /// A count some models have, from 1 to `most`.
    pub(crate) fn optional_count(
        &self,
        key: &str,
        most: usize,
    ) -> Result<Option<usize>, LoadError> {
        let Some(found) = self.integer(key)? else { return Ok(None) };
        match usize::try_from(found) {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(LoadError::Key {
                key: key.to_owned(),
                found: found.to_string(),
                expected: format!("1 to {most}"),
            }),
        }
    }

    /// A token id below `vocabulary`.
    pub(crate) fn token_id(&self, key: &str, vocabulary: usize) -> Result<Option<u32>, LoadError> {
        let Some(found) = self.integer(key)? else { return Ok(None) };
        match u32::try_from(found) {
            Ok(id) if u64::from(id) < vocabulary as u64 => Ok(Some(id)),
            _ => Err(LoadError::Key {
                key: key.to_owned(),
                found: found.to_string(),
                expected: format!("a token id below {vocabulary}"),
            }),
        }
    }

    /// A flag; absent means `false`.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, LoadError> {
        Ok(self.optional_flag(key)?.unwrap_or(false))
    }

    /// A flag that means something else where it is absent.
    pub(crate) fn optional_flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(key, other, "a flag")),
        }
    }

    /// A positive number some models have.
    pub(crate) fn positive(&self, key: &str) -> Result<Option<f32>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::F32(found)) if found.is_finite() && *found > 0.0 => Ok(Some(*found)),
            Some(Value::F32(found)) => Err(LoadError::Key {
                key: key.to_owned(),
                found: found.to_string(),
                expected: "a positive number".to_owned(),
            }),
            Some(other) => Err(wrong_type(key, other, "a float")),
        }
    }

    /// A list of strings every model needs.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>, LoadError> {
        let value = self.content.metadata.get(key).ok_or_else(|| missing(key))?;
        let Value::Array(items) = value else { return Err(wrong_type(key, value, "a list")) };
        items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.as_str()),
                other => Err(wrong_type(key, other, "a list of strings")),
            })
            .collect()
    }

    /// A list of small integers every model needs.
    pub(crate) fn integers(&self, key: &str) -> Result<Vec<i64>, LoadError> {
        let value = self.content.metadata.get(key).ok_or_else(|| missing(key))?;
        let Value::Array(items) = value else { return Err(wrong_type(key, value, "a list")) };
        items
            .iter()
            .map(|item| widen(item).ok_or_else(|| wrong_type(key, item, "a list of integers")))
            .collect()
    }

    /// Names of all tensors with the short name of their quantisation.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, String)> {
        let tensors = self.content.tensor_infos.iter();
        tensors.map(|(name, info)| (name.as_str(), format!("{:?}", info.ggml_dtype).to_lowercase()))
    }

    /// Whether a tensor of this name exists.
    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// The blocks of one tensor as they lie in the file, and their kind, after its shape was compared.
    pub(crate) fn blocks(
        &self,
        name: &str,
        expected: &[usize],
    ) -> Result<(GgmlDType, &'a [u8]), LoadError> {
        let info = self.info(name, expected)?;
        let kind = info.ggml_dtype;
        let count = info.shape.elem_count() / kind.block_size() * kind.type_size();
        let from = self.content.tensor_data_offset.checked_add(info.offset);
        let from = from.and_then(|from| usize::try_from(from).ok());
        let blocks = from.and_then(|from| self.bytes.get(from..from.checked_add(count)?));
        let cut = || LoadError::Container { reason: format!("tensor {name} is cut short") };
        Ok((kind, blocks.ok_or_else(cut)?))
    }

    /// One tensor of few numbers as f32, which is exact for every quantisation, after its length was compared.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let info = self.info(name, &[length])?;
        let mut reader = Cursor::new(self.bytes);
        info.read(&mut reader, self.content.tensor_data_offset, &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.to_vec1())
            .map_err(container)
    }

    fn info(&self, name: &str, expected: &[usize]) -> Result<&TensorInfo, LoadError> {
        let info = self.content.tensor_infos.get(name);
        let info = info.ok_or_else(|| LoadError::MissingTensor { name: name.to_owned() })?;
        match info.shape.dims() == expected {
            true => Ok(info),
            false => Err(LoadError::Shape {
                name: name.to_owned(),
                found: info.shape.dims().to_vec(),
                expected: expected.to_vec(),
            }),
        }
    }

    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(value) => {
                widen(value).map(Some).ok_or_else(|| wrong_type(key, value, "an integer"))
            }
        }
    }
}

fn widen(value: &Value) -> Option<i64> {
    match value {
        Value::U8(v) => Some(i64::from(*v)),
        Value::I8(v) => Some(i64::from(*v)),
        Value::U16(v) => Some(i64::from(*v)),
        Value::I16(v) => Some(i64::from(*v)),
        Value::U32(v) => Some(i64::from(*v)),
        Value::I32(v) => Some(i64::from(*v)),
        Value::U64(v) => i64::try_from(*v).ok(),
        Value::I64(v) => Some(*v),
        Value::F32(_) | Value::F64(_) | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn container(error: candle_core::Error) -> LoadError {
    LoadError::Container { reason: error.to_string() }
}

fn missing(key: &str) -> LoadError {
    LoadError::MissingKey { key: key.to_owned() }
}

fn wrong_type(key: &str, found: &Value, expected: &str) -> LoadError {
    LoadError::Key {
        key: key.to_owned(),
        found: format!("{:?}", found.value_type()).to_lowercase(),
        expected: expected.to_owned(),
    }
}
