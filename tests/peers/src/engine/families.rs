//! Every architecture that the engine knows, on a small random model with f32 weights: what is computed is what llama.cpp
//! computes, but for keys and values in half precision.

use std::{fs::File, path::Path};

use anyhow::{Context as _, Result, ensure};
use candle_core::{
    Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Value},
    },
};
use llama_cpp_2::{context::params::KvCacheType, llama_backend::LlamaBackend};
use sealroom_engine::{Engine, LocalEngine, Settings, SpecialTokens};

use super::accuracy::{ANSWER, Errors, Peer};
use crate::Row;
use crate::greedy::{answer, embed};

const FAMILIES: [&str; 3] = ["llama", "qwen2", "qwen3"];
/// Every run has the same models.
const SEED: u64 = 0x5ea1_4004;
const LAYERS: usize = 3;
const WIDTH: usize = 128;
const INNER: usize = 192;
const HEADS: usize = 4;
const GROUPS: usize = 2;
/// Wider than WIDTH / HEADS, where a family may have that.
const WIDE_HEAD: usize = 48;
/// The greatest difference of a log-probability that half precision explains, nat.
const GOAL: f64 = 0.01;

/// Kinds of pooling as files write them, and their names.
const POOLINGS: [(u32, &str); 2] = [(1, "mean"), (3, "last")];
/// The greatest difference of a coordinate of a vector of length 1 that half precision explains.
const VECTOR_GOAL: f64 = 0.001;

pub(super) fn rows(backend: &LlamaBackend) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    for family in FAMILIES {
        let path = folder.path().join(format!("{family}.gguf"));
        write(family, None, &path).with_context(|| format!("writing a {family}"))?;
        let greatest = compare(&path, backend)?.greatest.into();
        rows.push(row(format!("a random {family}"), "nat", greatest, GOAL));
    }
    for (pooling, name) in POOLINGS {
        let path = folder.path().join(format!("{name}.gguf"));
        write("llama", Some(pooling), &path).with_context(|| format!("writing for {name}"))?;
        let greatest = compare_vectors(&path, backend)?.into();
        rows.push(row(format!("{name} pooling"), "of 1", greatest, VECTOR_GOAL));
    }
    Ok(rows)
}

fn row(case: String, unit: &'static str, greatest: f64, bound: f64) -> Row {
    Row {
        bench: "engine",
        case,
        metric: "greatest difference",
        unit,
        ours: greatest,
        peer: bound,
        peer_name: "bound",
        ratio: greatest / bound,
        goal: 1.0,
        met: greatest <= bound,
    }
}

const PROMPT: &str = "the quick brown fox jumps over the lazy dog, again and again";

fn compare(path: &Path, backend: &LlamaBackend) -> Result<Errors> {
    let ours = LocalEngine::load(&std::fs::read(path)?, &Settings::default())?;
    let peer = Peer::load(backend, path, KvCacheType::F32)?;
    let mut errors = Errors::default();
    let said = answer(&ours, PROMPT, ANSWER)?;
    let tokens = ours.tokenize(PROMPT, SpecialTokens::Parse)?;
    let ids: Vec<u32> = said.iter().filter_map(|token| token.id).collect();
    for (token, exact) in said.iter().zip(peer.distributions(&tokens, &ids)?) {
        let told = token.top.iter().filter_map(|one| Some((one.id?, one.logprob)));
        told.for_each(|(id, logprob)| errors.add(logprob, exact[id as usize]));
    }
    Ok(errors)
}

fn compare_vectors(path: &Path, backend: &LlamaBackend) -> Result<f32> {
    let ours = LocalEngine::load(&std::fs::read(path)?, &Settings::default())?;
    let tokens = ours.tokenize(PROMPT, SpecialTokens::Parse)?;
    let vector = embed(&ours, PROMPT)?;
    let theirs = Peer::load(backend, path, KvCacheType::F32)?.embed(&tokens)?;
    let length = theirs.iter().map(|number| number * number).sum::<f32>().sqrt();
    ensure!(vector.len() == theirs.len() && length > 0.0, "vectors of another length");
    let differences = vector.iter().zip(&theirs).map(|(a, b)| (a - b / length).abs());
    Ok(differences.fold(0.0, f32::max))
}

/// A model of this family over a vocabulary of single bytes.
fn write(family: &str, pooling: Option<u32>, path: &Path) -> Result<()> {
    let head = if family == "qwen3" { WIDE_HEAD } else { WIDTH / HEADS };
    let tokens = vocabulary();
    let text = |text: &str| Value::String(text.to_owned());
    let count = |count: usize| Value::U32(u32::try_from(count).expect("small"));
    let kinds = (0..tokens.len()).map(|id| Value::I32(if id == 256 { 3 } else { 1 }));
    let pre = if family == "llama" { "smollm" } else { "qwen2" };
    let own = |name: &str| format!("{family}.{name}");
    let mut metadata = vec![
        ("general.architecture".to_owned(), text(family)),
        (own("block_count"), count(LAYERS)),
        (own("context_length"), count(512)),
        (own("embedding_length"), count(WIDTH)),
        (own("feed_forward_length"), count(INNER)),
        (own("attention.head_count"), count(HEADS)),
        (own("attention.head_count_kv"), count(GROUPS)),
        (own("attention.key_length"), count(head)),
        (own("attention.value_length"), count(head)),
        (own("attention.layer_norm_rms_epsilon"), Value::F32(1e-6)),
        (own("rope.freq_base"), Value::F32(1e6)),
        ("tokenizer.ggml.model".to_owned(), text("gpt2")),
        ("tokenizer.ggml.pre".to_owned(), text(pre)),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(kinds.collect())),
        (
            "tokenizer.ggml.tokens".to_owned(),
            Value::Array(tokens.iter().map(|one| text(one)).collect()),
        ),
        ("tokenizer.ggml.merges".to_owned(), Value::Array(vec![text("a b")])),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(256)),
    ];
    metadata.extend(pooling.map(|kind| (own("pooling_type"), Value::U32(kind))));
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let (tensors, mut state) = (tensors(family, head, tokens.len()), SEED);
    let tensors = tensors.into_iter().map(|(name, shape, size)| {
        let (about, size) = size.map_or((1.0, 0.5), |size| (0.0, 1.7 * size));
        let count = shape.iter().product::<usize>();
        let numbers = (0..count).map(|_| about + size * fraction(&mut state)).collect();
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu)?;
        Ok((name, QTensor::quantize(&tensor, GgmlDType::F32)?))
    });
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut File::create(path)?, &metadata, &tensors)?;
    Ok(())
}

/// From -1 to 1, and the next state (xorshift, Marsaglia 2003).
fn fraction(state: &mut u64) -> f32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Names, shapes and how far numbers are from zero; norms are about one.
fn tensors(family: &str, head: usize, tokens: usize) -> Vec<(String, Vec<usize>, Option<f32>)> {
    let matrix = |outputs: usize, inputs: usize| {
        (vec![outputs, inputs], Some((inputs as f32).sqrt().recip()))
    };
    let norm = |width: usize| (vec![width], None);
    let bias = |width: usize| (vec![width], Some(0.5));
    let (queries, keys) = (HEADS * head, GROUPS * head);
    let mut parts = vec![
        ("attn_norm.weight", norm(WIDTH)),
        ("attn_q.weight", matrix(queries, WIDTH)),
        ("attn_k.weight", matrix(keys, WIDTH)),
        ("attn_v.weight", matrix(keys, WIDTH)),
        ("attn_output.weight", matrix(WIDTH, queries)),
        ("ffn_norm.weight", norm(WIDTH)),
        ("ffn_gate.weight", matrix(INNER, WIDTH)),
        ("ffn_up.weight", matrix(INNER, WIDTH)),
        ("ffn_down.weight", matrix(WIDTH, INNER)),
    ];
    match family {
        "qwen2" => parts.extend([
            ("attn_q.bias", bias(queries)),
            ("attn_k.bias", bias(keys)),
            ("attn_v.bias", bias(keys)),
        ]),
        "qwen3" => {
            parts.extend([("attn_q_norm.weight", norm(head)), ("attn_k_norm.weight", norm(head))]);
        }
        _ => {}
    }
    let mut all = vec![
        ("token_embd.weight".to_owned(), vec![tokens, WIDTH], Some(1.0)),
        ("output_norm.weight".to_owned(), vec![WIDTH], None),
        ("output.weight".to_owned(), vec![tokens, WIDTH], Some(0.2)),
    ];
    for layer in 0..LAYERS {
        let named = parts
            .iter()
            .map(|(name, (shape, size))| (format!("blk.{layer}.{name}"), shape.clone(), *size));
        all.extend(named);
    }
    all
}

/// The alphabet in which byte-level tokenizers write bytes, one mark, and one pair.
fn vocabulary() -> Vec<String> {
    let plain = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    let bytes = (0..256).map(|byte| {
        let written = if plain(byte) { byte } else { next };
        next += u32::from(!plain(byte));
        char::from_u32(written).expect("a character").to_string()
    });
    let mut tokens: Vec<String> = bytes.collect();
    tokens.extend(["<end>".to_owned(), "ab".to_owned()]);
    tokens
}
