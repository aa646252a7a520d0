//! A random llama of two layers with a byte alphabet, as a GGUF file in memory: what tests run when
//! they need a model but no sense.

use std::io::Cursor;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use crate::random::Random;
use crate::vocabulary::alphabet;

const WIDTH: usize = 64;
const INNER: usize = 96;
const LAYERS: usize = 2;
/// Id of the end token, the first behind the 256 bytes.
pub(crate) const END: u32 = 256;
/// Longest sequence of the tiny model.
pub(crate) const CONTEXT: usize = 128;
const TEMPLATE: &str = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}\
    {% endif %}<start>{{ m.content }}<end>{% endfor %}<start>";

/// The file's parts, to be changed before they are encoded.
pub(crate) struct Tiny {
    pub(crate) metadata: Vec<(String, Value)>,
    pub(crate) tensors: Vec<(String, Vec<usize>)>,
    /// Of its matrices.
    pub(crate) kind: GgmlDType,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        Self::sized(WIDTH, INNER)
    }

    /// One of other dimensions: those of some kinds of weights are multiples of 256.
    pub(crate) fn sized(width: usize, inner: usize) -> Self {
        let mut bytes: Vec<(u8, char)> = alphabet().into_iter().map(|(c, b)| (b, c)).collect();
        bytes.sort_unstable();
        let names = bytes.iter().map(|(_, written)| written.to_string());
        let tokens: Vec<Value> = names
            .chain(["<end>".into(), "<start>".into(), "ab".into()])
            .map(Value::String)
            .collect();
        let kinds =
            (0..tokens.len()).map(|id| Value::I32(if id == 256 || id == 257 { 3 } else { 1 }));
        let text = |text: &str| Value::String(text.to_owned());
        let count = |count: usize| Value::U32(u32::try_from(count).unwrap());
        let metadata = vec![
            ("general.architecture", text("llama")),
            ("general.name", text("tiny")),
            ("llama.block_count", count(LAYERS)),
            ("llama.context_length", count(CONTEXT)),
            ("llama.embedding_length", count(width)),
            ("llama.feed_forward_length", count(inner)),
            ("llama.attention.head_count", count(4)),
            ("llama.attention.head_count_kv", count(2)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("smollm")),
            ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
            ("tokenizer.ggml.tokens", Value::Array(tokens)),
            ("tokenizer.ggml.merges", Value::Array(vec![text("a b")])),
            ("tokenizer.ggml.eos_token_id", Value::U32(END)),
            ("tokenizer.chat_template", text(TEMPLATE)),
        ];
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { metadata, tensors: tensors(259, width, inner), kind: GgmlDType::F32 }
    }

    /// With quantised matrices.
    #[must_use]
    pub(crate) const fn of_kind(mut self, kind: GgmlDType) -> Self {
        self.kind = kind;
        self
    }

    /// A member of the family, with the tensors that this one has beside a llama's.
    #[must_use]
    pub(crate) fn of_family(mut self, family: &str) -> Self {
        for (key, _) in &mut self.metadata {
            if let Some(rest) = key.strip_prefix("llama.") {
                *key = format!("{family}.{rest}");
            }
        }
        let width = self.tensors[1].1[0];
        let parts = match family {
            "qwen2" => {
                vec![("attn_q.bias", width), ("attn_k.bias", width / 2), ("attn_v.bias", width / 2)]
            }
            "qwen3" => vec![("attn_q_norm.weight", width / 4), ("attn_k_norm.weight", width / 4)],
            _ => Vec::new(),
        };
        for layer in 0..LAYERS {
            let own =
                parts.iter().map(|(part, length)| (format!("blk.{layer}.{part}"), vec![*length]));
            self.tensors.extend(own);
        }
        self.set("general.architecture", Some(Value::String(family.to_owned())))
    }

    /// Replaces a value, or removes it.
    pub(crate) fn set(mut self, key: &str, value: Option<Value>) -> Self {
        self.metadata.retain(|(name, _)| name != key);
        self.metadata.extend(value.map(|value| (key.to_owned(), value)));
        self
    }

    /// The file: the same bytes every time.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut random = Random::new(42);
        let tensors: Vec<(&str, QTensor)> = self
            .tensors
            .iter()
            .map(|(name, shape)| {
                let count = shape.iter().product::<usize>();
                let values: Vec<f32> =
                    (0..count).map(|_| (random.fraction() as f32 - 0.5) * 0.5).collect();
                let tensor = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
                let kind = if shape.len() == 2 { self.kind } else { GgmlDType::F32 };
                (name.as_str(), QTensor::quantize(&tensor, kind).unwrap())
            })
            .collect();
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let metadata: Vec<_> =
            self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let mut file = Cursor::new(Vec::new());
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
        file.into_inner()
    }
}

fn tensors(vocabulary: usize, width: usize, inner: usize) -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("token_embd.weight".to_owned(), vec![vocabulary, width]),
        ("output_norm.weight".to_owned(), vec![width]),
    ];
    for layer in 0..LAYERS {
        let parts: [(&str, Vec<usize>); 9] = [
            ("attn_norm", vec![width]),
            ("attn_q", vec![width, width]),
            ("attn_k", vec![width / 2, width]),
            ("attn_v", vec![width / 2, width]),
            ("attn_output", vec![width, width]),
            ("ffn_norm", vec![width]),
            ("ffn_gate", vec![inner, width]),
            ("ffn_up", vec![inner, width]),
            ("ffn_down", vec![width, inner]),
        ];
        all.extend(parts.map(|(name, shape)| (format!("blk.{layer}.{name}.weight"), shape)));
    }
    all
}
