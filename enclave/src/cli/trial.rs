//! `sealroom-enclave try`: a model on this machine, before anybody is offered it.

use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use sealroom_enclave::{Trial, try_model};
use sealroom_engine::{Device, Settings};
use serde::Serialize;

use super::{advice, fail};

/// The version of the JSON form. It changes when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// Loads a model as a node would, and says what it is and what a policy pins.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    sealroom-enclave try --model qwen3-8b-q4_k_m.gguf --name qwen3-8b\n  \
    sealroom-enclave try --model m.gguf --name m --context 4096 --json")]
pub(super) struct Arguments {
    /// The file, GGUF.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The name that clients will ask for: it is part of the manifest.
    #[arg(long)]
    name: String,
    /// Most tokens of prompt and answer together; the model's own if nothing is said. It is part of the manifest.
    #[arg(long, value_name = "TOKENS")]
    context: Option<usize>,
    /// What it computes on. It is part of the manifest.
    #[arg(long, value_enum, default_value = "cpu")]
    device: Compute,
    /// Threads for arithmetic; all processors if nothing is said.
    #[arg(long)]
    threads: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// As a configuration names it.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Compute {
    /// This machine's processor.
    Cpu,
    /// Its first GPU, in a build for GPUs.
    Cuda,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    file: &'a str,
    bytes: u64,
    sha256: String,
    model: &'a str,
    architecture: &'a str,
    weights: Option<&'a String>,
    context: usize,
    vocabulary: usize,
    chat_template: bool,
    embeddings: bool,
    manifest: &'a str,
    read_ms: u128,
    load_ms: u128,
    self_test_ms: u128,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut settings = Settings { context: arguments.context, ..Settings::default() };
    settings.threads = arguments.threads.unwrap_or(settings.threads);
    settings.device = match arguments.device {
        Compute::Cpu => Device::Cpu,
        Compute::Cuda => Device::Cuda { ordinal: 0 },
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&format!("starting threads: {error}"), "raise the limit on threads");
        }
    };
    let bar = bar();
    let shown = bar.clone();
    let progress = move |read, all| {
        shown.set_length(all);
        shown.set_position(read);
    };
    let tried = runtime.block_on(try_model(&arguments.model, &arguments.name, &settings, progress));
    bar.finish_and_clear();
    match tried {
        Ok(trial) if arguments.json => json(&trial),
        Ok(trial) => people(&trial, &arguments.name),
        Err(error) => fail(&error.to_string(), advice(&error)),
    }
}

/// Only people look at it.
fn bar() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("reading {bytes} of {total_bytes} [{bar:32}] {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn report(trial: &Trial) -> Report<'_> {
    let card = &trial.card;
    Report {
        schema: SCHEMA,
        file: &trial.file.name,
        bytes: trial.file.size,
        sha256: trial.sha256(),
        model: &card.name,
        architecture: &card.architecture,
        weights: card.parameters.get("weights"),
        context: card.context_length,
        vocabulary: card.vocab_size,
        chat_template: card.chat_template_digest.is_some(),
        embeddings: card.embeds,
        manifest: &trial.manifest,
        read_ms: trial.times.read.as_millis(),
        load_ms: trial.times.load.as_millis(),
        self_test_ms: trial.times.self_test.as_millis(),
    }
}

fn json(trial: &Trial) -> ExitCode {
    match serde_json::to_string(&report(trial)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("writing JSON: {error}"), "report this with the line above"),
    }
}

fn people(trial: &Trial, name: &str) -> ExitCode {
    let report = report(trial);
    let can = |can| if can { "yes" } else { "no" };
    println!("file        {} ({} bytes)", report.file, report.bytes);
    println!("sha256      {}", report.sha256);
    println!("model       {} ({})", report.model, report.architecture);
    println!("weights     {}", report.weights.map_or("", String::as_str));
    println!("context     {} tokens", report.context);
    println!("chats       {}", can(report.chat_template));
    println!("embeddings  {}", can(report.embeddings));
    println!(
        "cold start  {} ms: {} to read and hash, {} to repack, {} to the first token",
        trial.times.total().as_millis(),
        report.read_ms,
        report.load_ms,
        report.self_test_ms
    );
    println!("\nA policy accepts it with:\n\n[models]\n\"{name}\" = [\"{}\"]", report.manifest);
    ExitCode::SUCCESS
}
