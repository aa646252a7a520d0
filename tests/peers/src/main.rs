//! Sealroom beside its peers: one subcommand for each bench, each printing one row per measurement.

#[cfg(feature = "api")]
mod api;
#[cfg(feature = "channel")]
mod channel;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "quotes")]
mod fleet;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "tokens")]
mod greedy;
#[cfg(any(feature = "gpu", feature = "quotes", feature = "verifier"))]
mod measure;
#[cfg(feature = "quotes")]
mod quotes;
#[cfg(feature = "tokens")]
mod tokens;
#[cfg(feature = "verifier")]
mod verifier;

use clap::{Parser, Subcommand};
use serde::Serialize;

#[cfg(feature = "wiping")]
#[global_allocator]
static ALLOCATOR: sealroom_enclave::memory::WipingAllocator =
    sealroom_enclave::memory::WipingAllocator::system();

/// Compares parts of Sealroom with other implementations of the same thing.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Whole answers through the sealed path, beside llama-cpp-python's server in the clear.
    #[cfg(feature = "api")]
    Api(api::Arguments),
    /// The sealed path on an engine that answers at once, beside plain HTTP.
    #[cfg(feature = "channel")]
    Channel(channel::Arguments),
    /// Speed, memory and accuracy of inference, beside llama.cpp on the same file.
    #[cfg(feature = "engine")]
    Engine(engine::Arguments),
    /// Verification of GPU evidence, beside `ring`'s own time for as many signatures.
    #[cfg(feature = "gpu")]
    Gpu(gpu::Arguments),
    /// Verification of real quotes, beside `dcap-qvl` and `sev`.
    #[cfg(feature = "quotes")]
    Quotes(quotes::Arguments),
    /// Token ids and greedy answers of the default model, beside llama.cpp.
    #[cfg(feature = "tokens")]
    Tokens(tokens::Arguments),
    /// The auditor's program from its start to its verdict, beside other programs that do the same job.
    #[cfg(feature = "verifier")]
    Verifier(verifier::Arguments),
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    bench: &'static str,
    case: String,
    metric: &'static str,
    unit: &'static str,
    ours: f64,
    peer: f64,
    peer_name: &'static str,
    ratio: f64,
    goal: f64,
    met: bool,
}

impl Row {
    /// Prints the row: one JSON object a line, or columns for people.
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            let Self { case, metric, unit, ours, peer, peer_name, ratio, .. } = self;
            let met = if self.met { "met" } else { "MISSED" };
            println!(
                "{case:<28} {metric:<24} {ours:>8.3} {unit}, {peer_name} {peer:.3}, ratio {ratio:.3}: {met}"
            );
        }
        Ok(())
    }
}

/// What else the machine does, for whoever reads the figures.
#[cfg(any(
    feature = "api",
    feature = "engine",
    feature = "gpu",
    feature = "quotes",
    feature = "verifier"
))]
fn say_load() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    eprintln!("load average before: {}", load.trim());
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().bench {
        #[cfg(feature = "api")]
        Bench::Api(arguments) => api::run(&arguments),
        #[cfg(feature = "channel")]
        Bench::Channel(arguments) => channel::run(&arguments),
        #[cfg(feature = "engine")]
        Bench::Engine(arguments) => engine::run(&arguments),
        #[cfg(feature = "gpu")]
        Bench::Gpu(arguments) => gpu::run(&arguments),
        #[cfg(feature = "quotes")]
        Bench::Quotes(arguments) => quotes::run(&arguments),
        #[cfg(feature = "tokens")]
        Bench::Tokens(arguments) => tokens::run(&arguments),
        #[cfg(feature = "verifier")]
        Bench::Verifier(arguments) => verifier::run(&arguments),
    }
}
