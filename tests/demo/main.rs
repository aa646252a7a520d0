//! `cargo demo`: a confidential node on simulated hardware answers a sealed prompt, and false nodes are refused.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use sealroom_enclave::memory::WipingAllocator;
use sealroom_tests::hardware::Platform;

mod run;
mod show;
mod stage;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

/// Starts a simulated node, verifies it, seals a prompt to it, checks the receipt, and attacks it.
#[derive(Debug, Parser)]
#[command(name = "demo", version, about, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The prompt.
    #[arg(long, default_value = "Explain in one sentence why a sealed letter is private.")]
    prompt: String,
    /// The most tokens of the answer.
    #[arg(long, default_value_t = 48)]
    max_tokens: u32,
    /// A copy of the default model, instead of the cache or a download.
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// Which confidential hardware is simulated.
    #[arg(long, value_enum, default_value_t = Platform::Snp)]
    platform: Platform,
    /// Simulated GPUs: 0 to 32. Eight share an HGX board with its four switches.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=32))]
    gpus: u8,
    /// Print one JSON document and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// Leave node and gateway running, and print how to point an OpenAI SDK at them.
    #[arg(long)]
    keep: bool,
}

const AFTER_HELP: &str = "Exit codes: 0 the answer came, every control was answered and every attack was refused; 1 not so.

Examples:
  cargo demo
  cargo demo --prompt 'What is a Merkle tree?' --max-tokens 100
  cargo demo --platform tdx
  cargo demo --gpus 8
  cargo demo --json
  cargo demo --keep";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run::run(arguments))
}
