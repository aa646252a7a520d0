//! How near an engine comes to the arithmetic that it approximates: log-probabilities beside those of the same weights in f32,
//! and greedy answers beside llama.cpp's.

use std::{collections::HashMap, fs::File, io::BufReader, num::NonZeroU32, path::Path};

use anyhow::{Context as _, Result};
use candle_core::{
    Device,
    quantized::{GgmlDType, QTensor, gguf_file},
};
use llama_cpp_2::{
    context::{
        LlamaContext,
        params::{KvCacheType, LlamaContextParams},
    },
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    token::LlamaToken,
};
use sealroom_engine::{Engine, LocalEngine, Settings, SpecialTokens};

use super::families;
use crate::Row;
use crate::greedy::{answer, likeliest, log_softmax};

/// Tokens of each answer.
pub(super) const ANSWER: usize = 32;
/// Margin below which two tokens are as good as equal, nat.
const MARGIN: f32 = 0.05;
/// `LLAMA_FLASH_ATTN_TYPE_AUTO`: fused, on a processor.
const AUTOMATIC: i32 = -1;
/// `LLAMA_FLASH_ATTN_TYPE_DISABLED`: scores, their softmax and the mix of values one after the other.
const SEPARATE: i32 = 0;
const PROMPTS: [&str; 20] = [
    "What is gravity?",
    "Write a short poem about the sea.",
    "How do I boil an egg?",
    "Explain photosynthesis to a child.",
    "List three uses of copper.",
    "What is the difference between a virus and a bacterium?",
    "Translate 'good morning' into French.",
    "Why is the sky blue?",
    "Give me a recipe for pancakes.",
    "Who wrote Hamlet?",
    "Write a Python function that reverses a string.",
    "What causes tides?",
    "Summarise the French Revolution in two sentences.",
    "How does a refrigerator work?",
    "Name five rivers in Europe.",
    "What is an enclave in computing?",
    "Describe a sunset in the desert.",
    "How can I sleep better?",
    "What is 17 times 23?",
    "Tell me about the planet Saturn.",
];

/// Log-probabilities behind every token of an answer.
pub(super) type Distributions = Vec<Vec<f32>>;

pub(super) fn rows(path: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let exact = folder.path().join("f32.gguf");
    requantise(path, &exact, GgmlDType::F32)?;
    let mut backend = LlamaBackend::init().context("starting llama.cpp")?;
    backend.void_logs();
    let mut rows = rounded(path, &exact, &backend)?;
    rows.push(unrounded(&exact, &backend)?);
    rows.extend(families::rows(&backend)?);
    Ok(rows)
}

/// Both engines on the file, each with its own rounding of activations.
fn rounded(path: &Path, exact: &Path, backend: &LlamaBackend) -> Result<Vec<Row>> {
    let ours = load(path)?;
    let exact = Peer::load(backend, exact, KvCacheType::F32)?;
    let peer = Peer::load(backend, path, KvCacheType::F16)?;
    let reordered = Peer { attention: SEPARATE, ..Peer::load(backend, path, KvCacheType::F16)? };
    let mut errors = [Errors::default(), Errors::default()];
    let (mut with_peer, mut with_exact) = ([0, 0], [0, 0]);
    for prompt in prompts() {
        let answer = answer(&ours, &prompt, ANSWER)?;
        let tokens = ours.tokenize(&prompt, SpecialTokens::Parse)?;
        let ids: Vec<u32> = answer.iter().filter_map(|token| token.id).collect();
        let exact = exact.distributions(&tokens, &ids)?;
        let theirs = peer.distributions(&tokens, &ids)?;
        for ((token, exact), theirs) in answer.iter().zip(&exact).zip(&theirs) {
            for one in &token.top {
                let Some(id) = one.id else { continue };
                let (id, [ours, peer]) = (id as usize, &mut errors);
                ours.add(one.logprob, exact[id]);
                peer.add(theirs[id], exact[id]);
            }
        }
        let best = theirs.iter().map(|one| likeliest(one)).collect::<Vec<_>>();
        with_exact[0] += usize::from(agrees(&ids, &exact));
        with_exact[1] += usize::from(agrees(&best, &exact));
        let other = reordered.answer(&tokens)?;
        with_peer[0] += usize::from(agrees(&ids, &theirs));
        with_peer[1] += usize::from(agrees(&other, &peer.distributions(&tokens, &other)?));
    }
    let [ours, peer] = errors;
    Ok(vec![
        row("greatest error", ours.greatest.into(), peer.greatest.into()),
        row("root mean square error", ours.root_mean_square(), peer.root_mean_square()),
        answers("equal to llama.cpp's, or within 0.05 nat", [with_peer[0], PROMPTS.len()], "all"),
        // Rounding to 8 bits makes whole steps of the last bit of a sum: llama.cpp with its sums in another order is as far
        // from itself as from f32. Nobody can be nearer to it than it is.
        answers("the same, beside its own reach", with_peer, "llama.cpp, attention not fused"),
        answers("equal to f32's, or within 0.05 nat", with_exact, "llama.cpp"),
    ])
}

/// Both engines on the same weights in f32, where nothing is rounded but keys and values: whatever else they do differently
/// would show.
fn unrounded(exact: &Path, backend: &LlamaBackend) -> Result<Row> {
    let ours = load(exact)?;
    let peer = Peer::load(backend, exact, KvCacheType::F16)?;
    let mut equal = 0;
    for prompt in prompts() {
        let tokens = ours.tokenize(&prompt, SpecialTokens::Parse)?;
        let answer = answer(&ours, &prompt, ANSWER)?;
        let ids: Vec<u32> = answer.iter().filter_map(|token| token.id).collect();
        equal += usize::from(agrees(&ids, &peer.distributions(&tokens, &ids)?));
    }
    Ok(answers("weights in f32: equal, or within 0.05 nat", [equal, PROMPTS.len()], "all"))
}

fn load(path: &Path) -> Result<LocalEngine> {
    LocalEngine::load(&std::fs::read(path)?, &Settings::default()).context("loading the model")
}

fn prompts() -> impl Iterator<Item = String> {
    PROMPTS
        .iter()
        .map(|prompt| format!("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"))
}

fn answers(metric: &'static str, [ours, peer]: [usize; 2], peer_name: &'static str) -> Row {
    let (case, unit) = (format!("{} greedy answers", PROMPTS.len()), "answers");
    let (ours, peer) = (ours as f64, peer as f64);
    let (bench, ratio, goal) = ("engine", ours / peer, 1.0);
    Row { bench, case, metric, unit, ours, peer, peer_name, ratio, goal, met: ratio >= goal }
}

fn row(metric: &'static str, ours: f64, peer: f64) -> Row {
    let (case, ratio, goal) = ("log-probabilities".to_owned(), ours / peer, 1.0);
    let (bench, peer_name, unit, met) = ("engine", "llama.cpp", "nat", ratio <= goal);
    Row { bench, case, metric, unit, ours, peer, peer_name, ratio, goal, met }
}

#[derive(Default)]
pub(super) struct Errors {
    pub(super) greatest: f32,
    squares: f64,
    count: usize,
}

impl Errors {
    pub(super) fn add(&mut self, found: f32, exact: f32) {
        let error = (found - exact).abs();
        self.greatest = self.greatest.max(error);
        self.squares += f64::from(error).powi(2);
        self.count += 1;
    }

    fn root_mean_square(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}

/// True where llama.cpp would have said the same, or would have hardly minded where it first would not.
fn agrees(ids: &[u32], theirs: &[Vec<f32>]) -> bool {
    let first = ids.iter().zip(theirs).find_map(|(&id, theirs)| {
        let best = theirs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        (best > theirs[id as usize]).then_some(best - theirs[id as usize])
    });
    first.is_none_or(|margin| margin < MARGIN)
}

/// Writes the same model with every matrix in another kind, where its width allows.
pub(super) fn requantise(from: &Path, to: &Path, kind: GgmlDType) -> Result<()> {
    let mut file = BufReader::new(File::open(from)?);
    let content = gguf_file::Content::read(&mut file)?;
    let mut tensors = HashMap::new();
    for name in content.tensor_infos.keys() {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?.dequantize(&Device::Cpu)?;
        let fits = tensor.rank() == 2 && tensor.dim(1)?.is_multiple_of(kind.block_size());
        let kind = if fits { kind } else { GgmlDType::F32 };
        tensors.insert(name.clone(), QTensor::quantize(&tensor, kind)?);
    }
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let metadata: Vec<_> =
        content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
    gguf_file::write(&mut File::create(to)?, &metadata, &tensors)?;
    Ok(())
}

pub(super) struct Peer<'b> {
    backend: &'b LlamaBackend,
    model: LlamaModel,
    cache: KvCacheType,
    /// `llama_flash_attn_type`.
    attention: i32,
}

impl<'b> Peer<'b> {
    pub(super) fn load(backend: &'b LlamaBackend, path: &Path, cache: KvCacheType) -> Result<Self> {
        let model = LlamaModel::load_from_file(backend, path, &LlamaModelParams::default());
        Ok(Self {
            backend,
            model: model.context("loading the model in llama.cpp")?,
            cache,
            attention: AUTOMATIC,
        })
    }

    /// What it thinks of every token of an answer, each given all before it.
    pub(super) fn distributions(&self, prompt: &[u32], answer: &[u32]) -> Result<Distributions> {
        let mut context = self.context(false)?;
        let all: Vec<u32> = prompt.iter().chain(answer).copied().collect();
        let from = prompt.len() - 1;
        decode(&mut context, &all, 0, from)?;
        (from..from + answer.len())
            .map(|row| Ok(log_softmax(context.get_logits_ith(i32::try_from(row)?))))
            .collect()
    }

    /// Its own greedy answer, token by token.
    fn answer(&self, prompt: &[u32]) -> Result<Vec<u32>> {
        let mut context = self.context(false)?;
        decode(&mut context, prompt, 0, prompt.len() - 1)?;
        let mut answer = vec![likeliest(context.get_logits_ith(i32::try_from(prompt.len() - 1)?))];
        while answer.len() < ANSWER {
            let last = &answer[answer.len() - 1..];
            decode(&mut context, last, prompt.len() + answer.len() - 1, 0)?;
            answer.push(likeliest(context.get_logits_ith(0)));
        }
        Ok(answer)
    }

    /// The vector of a text, pooled as the file says.
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut context = self.context(true)?;
        decode(&mut context, tokens, 0, 0)?;
        Ok(context.embeddings_seq_ith(0).context("a vector in llama.cpp")?.to_vec())
    }

    fn context(&self, embeds: bool) -> Result<LlamaContext<'_>> {
        // One thread: its threads spin at barriers and starve where cores are shared.
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(512))
            .with_n_threads(1)
            .with_n_threads_batch(1)
            .with_embeddings(embeds)
            .with_flash_attention_policy(self.attention)
            .with_type_k(self.cache)
            .with_type_v(self.cache);
        Ok(self.model.new_context(self.backend, parameters)?)
    }
}

/// Computes tokens that begin at `position`, with logits from row `wanted` on.
fn decode(
    context: &mut LlamaContext<'_>,
    tokens: &[u32],
    position: usize,
    wanted: usize,
) -> Result<()> {
    let mut batch = LlamaBatch::new(tokens.len(), 1);
    for (row, &token) in tokens.iter().enumerate() {
        let token = LlamaToken(i32::try_from(token)?);
        batch.add(token, i32::try_from(position + row)?, &[0], row >= wanted)?;
    }
    context.decode(&mut batch).context("a pass in llama.cpp")
}
