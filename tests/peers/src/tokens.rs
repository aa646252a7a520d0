//! The default model's token ids and greedy answers beside llama.cpp's, from the same file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use sealroom_engine::{Engine, LocalEngine, Settings, SpecialTokens, default_model};
use serde::Serialize;

use crate::Row;
use crate::greedy::{answer, likeliest, log_softmax};

/// Arguments of the bench.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// The model file; default: $SEALROOM_MODEL, then the cache of models.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Write llama.cpp's token ids to this file, the golden file of the engine's tests.
    #[arg(long, value_name = "PATH")]
    write: Option<PathBuf>,
}

/// Lines that pre-tokenizers disagree about.
const LINES: [&str; 24] = [
    "Hello, world!",
    "    def fibonacci(n: int) -> int:\n        return n if n < 2 else fibonacci(n - 1)",
    "let x: Vec<u8> = (0..=255).map(|b| b ^ 0x5A).collect();",
    "I can't, you're, we've, they'll, he'd, it's, I'm; CAN'T YOU'RE",
    "3.14159 2024-02-29 1,000,000 0xDEADBEEF 42nd",
    "Ⅷ ½ ² ٣ ๓ 五 ４２",
    "a  b   c    d\t\te \t f",
    "line one\nline two\r\nline three\n\n\nline four\n",
    "   ",
    " ",
    "\n",
    "trailing spaces   ",
    "naïve café, Ærøskøbing, Müller-Lüdenscheidt, żółć",
    "e\u{301}te\u{301} decomposed, \u{a0}no-break\u{a0}space, zero\u{200b}width",
    "你好，世界！今天天气怎么样？ 日本語のテキスト 한국어",
    "مرحبا بالعالم שלום नमस्ते สวัสดี",
    "👍🏽 👩‍👩‍👧‍👦 🇩🇪 🦀🦀 \u{1F1E6}\u{10FFFF}",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "<|im_start |> <im_end> <|im_end|<|im_end|>> <file_sep><filename>",
    "https://example.org/a/b?c=%20d&e=f#g mail@example.org",
    "{\"key\": [1, 2.5e-3, null, true], \"s\": \"\\u00e9\\n\"}",
    "SELECT * FROM t WHERE a <> 'b' AND c >= 10; -- ''",
    "____snake_case____ camelCase PascalCase SCREAMING_CASE kebab-case",
    "\u{0}\u{1}\u{7f}\u{85}\u{2028} control \u{c}\u{b}",
];

/// Prompts for the greedy comparison.
const PROMPTS: [&str; 3] = [
    "<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time, in a small village",
    "def fibonacci(n):\n",
];
/// Tokens of each greedy answer.
const ANSWER: usize = 32;
/// llama.cpp rounds activations to eight bits before each product and keeps keys and values in half
/// precision; the engine does neither. Near-ties may therefore fall differently late in an answer.
const SAME_ANSWER_GOAL: f64 = 0.25;
/// Largest difference of a first token's log-probability that this rounding explains: with the same
/// weights stored as f32, which llama.cpp does not round, it is below 0.01.
const LOGPROB_GOAL: f64 = 0.25;

/// One line of the golden file.
#[derive(Serialize)]
struct Golden<'a> {
    text: &'a str,
    /// With names of control tokens parsed.
    ids: Vec<u32>,
    /// With names of control tokens as plain text.
    ids_as_text: Vec<u32>,
}

/// Runs the bench; a missed goal is an error after all rows were printed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let path = model_path(arguments.model.as_deref())?;
    let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let default = arguments.model.is_some() || bytes.len() as u64 == default_model::SIZE;
    ensure!(default, "{} is not the default model", path.display());
    let mut backend = LlamaBackend::init().context("starting llama.cpp")?;
    backend.void_logs();
    let parameters = LlamaModelParams::default();
    let peer = LlamaModel::load_from_file(&backend, &path, &parameters);
    let peer = peer.context("loading the model in llama.cpp")?;
    if let Some(golden) = &arguments.write {
        write(&peer, golden)?;
    }
    let ours = LocalEngine::load(&bytes, &Settings::default()).context("loading the model")?;
    let mut rows = token_rows(&ours, &peer)?;
    for (index, prompt) in PROMPTS.iter().enumerate() {
        rows.extend(answer_rows(&ours, &backend, &peer, index, prompt)?);
    }
    rows.iter().try_for_each(|row| row.print(arguments.json))?;
    ensure!(rows.iter().all(|row| row.met), "a goal was missed");
    Ok(())
}

pub(crate) fn model_path(argument: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = argument {
        return Ok(path.to_owned());
    }
    if let Some(path) = std::env::var_os("SEALROOM_MODEL") {
        return Ok(path.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let Some(cache) = cache.or_else(home) else { bail!("neither SEALROOM_MODEL nor HOME is set") };
    Ok(cache.join(format!("sealroom/models/{}.gguf", default_model::SHA256)))
}

fn peer_ids(peer: &LlamaModel, text: &str, parse: bool) -> Vec<u32> {
    let ids = peer.vocab().tokenize(text.as_bytes(), false, parse);
    ids.into_iter().filter_map(|LlamaToken(id)| u32::try_from(id).ok()).collect()
}

fn write(peer: &LlamaModel, path: &Path) -> anyhow::Result<()> {
    let mut json = String::from("[\n");
    for (index, text) in LINES.into_iter().enumerate() {
        let [ids, ids_as_text] = [true, false].map(|parse| peer_ids(peer, text, parse));
        json += &serde_json::to_string(&Golden { text, ids, ids_as_text })?;
        json += if index + 1 < LINES.len() { ",\n" } else { "\n]\n" };
    }
    std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))
}

fn token_rows(ours: &LocalEngine, peer: &LlamaModel) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (index, text) in LINES.into_iter().enumerate() {
        for (how, special) in [("parsed", SpecialTokens::Parse), ("as text", SpecialTokens::AsText)]
        {
            let expected = peer_ids(peer, text, special == SpecialTokens::Parse);
            let found = ours.tokenize(text, special)?;
            let same = leading(&found, &expected);
            let met = found == expected;
            rows.push(Row {
                bench: "tokens",
                case: format!("line {index}, {how}"),
                metric: "equal-ids",
                unit: "ids",
                ours: same as f64,
                peer: expected.len() as f64,
                peer_name: "llama.cpp",
                ratio: if met { 1.0 } else { same as f64 / expected.len().max(found.len()) as f64 },
                goal: 1.0,
                met,
            });
        }
    }
    Ok(rows)
}

fn answer_rows(
    ours: &LocalEngine,
    backend: &LlamaBackend,
    peer: &LlamaModel,
    index: usize,
    prompt: &str,
) -> anyhow::Result<[Row; 2]> {
    let said = answer(ours, prompt, ANSWER)?;
    let found: Vec<u32> = said.iter().filter_map(|token| token.id).collect();
    let logprob = f64::from(said.first().context("the engine gave no token")?.logprob);
    let (expected, peer_logprob) = peer_answer(backend, peer, prompt)?;
    let same = leading(&found, &expected) as f64;
    let ratio = same / ANSWER as f64;
    let row = |metric, unit, ours, peer, ratio, goal, met| Row {
        bench: "tokens",
        case: format!("prompt {index}, greedy"),
        metric,
        unit,
        ours,
        peer,
        peer_name: "llama.cpp",
        ratio,
        goal,
        met,
    };
    let difference = (logprob - peer_logprob).abs();
    let close = difference <= LOGPROB_GOAL;
    Ok([
        row(
            "equal-answer",
            "ids",
            same,
            ANSWER as f64,
            ratio,
            SAME_ANSWER_GOAL,
            ratio >= SAME_ANSWER_GOAL,
        ),
        row(
            "first-logprob",
            "nat",
            logprob,
            peer_logprob,
            logprob / peer_logprob,
            LOGPROB_GOAL,
            close,
        ),
    ])
}

fn leading(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn peer_answer(
    backend: &LlamaBackend,
    model: &LlamaModel,
    prompt: &str,
) -> anyhow::Result<(Vec<u32>, f64)> {
    // One thread: its threads spin at barriers and starve where cores are shared.
    let parameters = LlamaContextParams::default().with_n_threads(1).with_n_threads_batch(1);
    let mut context = model.new_context(backend, parameters).context("a context in llama.cpp")?;
    let mut batch = LlamaBatch::new(512, 1);
    let prompt = model.vocab().tokenize(prompt.as_bytes(), false, true);
    for (position, &token) in prompt.iter().enumerate() {
        batch.add(token, i32::try_from(position)?, &[0], position + 1 == prompt.len())?;
    }
    let (mut answer, mut first) = (Vec::new(), 0.0);
    for position in prompt.len()..prompt.len() + ANSWER {
        context.decode(&mut batch).context("a step in llama.cpp")?;
        let logits = context.get_logits_ith(batch.n_tokens() - 1);
        let best = likeliest(logits);
        if answer.is_empty() {
            first = log_softmax(logits)[best as usize].into();
        }
        answer.push(best);
        batch.clear();
        batch.add(LlamaToken(i32::try_from(best)?), i32::try_from(position)?, &[0], true)?;
    }
    Ok((answer, first))
}
