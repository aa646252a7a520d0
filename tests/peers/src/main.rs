//! Sealroom beside its peers: one subcommand for each bench, each printing one row per measurement.

mod channel;
mod tokens;

use clap::{Parser, Subcommand};
use serde::Serialize;

/// Compares parts of Sealroom with other implementations of the same thing.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// The sealed path on an engine that answers at once, beside plain HTTP.
    Channel(channel::Arguments),
    /// Token ids and greedy answers of the default model, beside llama.cpp.
    Tokens(tokens::Arguments),
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

fn main() -> anyhow::Result<()> {
    match Arguments::parse().bench {
        Bench::Channel(arguments) => channel::run(&arguments),
        Bench::Tokens(arguments) => tokens::run(&arguments),
    }
}
