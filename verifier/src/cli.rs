//! The auditor's command line.

mod bulletin;
mod bundle;
mod cache;
mod check;
mod doctor;
mod ear;
mod explain;
mod fetch;
mod files;
mod grounds;
mod inspect;
mod late;
mod man;
mod measure;
mod output;
mod policy;
mod receipt;
mod schema;
mod sources;
mod values;
mod vendors;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub use files::load_policy;
pub use grounds::Grounds;

use crate::report::visible;
use late::Late;

/// Exit code for a question that could not be asked.
const USAGE: u8 = 3;

/// Checks evidence of confidential nodes, offline.
#[derive(Debug, Parser)]
#[command(name = "sealroom-verifier", version, about, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 accepted, 1 refused, 2 could not decide, 3 usage.

Examples:
  sealroom-verifier check report.bin --with vcek.der --with genoa_chain.pem
  sealroom-verifier check report.bin --with vcek.der --with genoa_chain.pem --crypto-only --json
  sealroom-verifier check quote.bin --with collateral.json --crypto-only
  sealroom-verifier check gpu.hex --with chain.pem --with driver_rim.xml --with vbios_rim.xml --nonce 00112233...
  sealroom-verifier check bundle.cbor --policy policy.toml --nonce 00112233... --at 2026-06-01T00:00:00Z";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check evidence from a file.
    #[command(after_help = check::AFTER_HELP)]
    Check(Late<Box<check::Arguments>>),
    /// Ask a live node for evidence, and check it.
    Inspect(Late<Box<inspect::Arguments>>),
    /// Fetch what evidence stands on from the vendors who publish it.
    Fetch(Late<Box<fetch::Arguments>>),
    /// List, check and clear what was fetched.
    #[command(subcommand)]
    Cache(cache::Command),
    /// Look whether this machine can judge: clock, services, cache.
    Doctor(Late<Box<doctor::Arguments>>),
    /// Judge a fleet again and again, and tell what changes.
    Watch(Late<Box<watch::Arguments>>),
    /// Write, check, compare and try policies.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Keep evidence with its verdict in one file, and check that again elsewhere.
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// Hold a receipt against its node's evidence.
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Sign and check bulletins: floors and deny lists for many policies.
    #[command(subcommand)]
    Bulletin(bulletin::Command),
    /// Show every field of evidence: what it says, not whether it is true.
    Explain(Late<explain::Arguments>),
    /// Compute what a guest measures to, for a policy.
    Measure(measure::Arguments),
    /// Print the JSON Schema (2020-12) of what `check --json` writes.
    #[command(after_help = "Examples:
  sealroom-verifier schema > verdict-1.json")]
    Schema,
    /// Write the manual pages to a folder.
    #[command(hide = true)]
    Man(Late<man::Arguments>),
    /// Print completions for a shell.
    #[command(after_help = "Examples:
  sealroom-verifier completions bash > /etc/bash_completion.d/sealroom-verifier
  sealroom-verifier completions zsh > ~/.zfunc/_sealroom-verifier")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Runs the command line and says how to exit.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            // Reasons quote what they refuse; lines of their own they have too.
            let kept = |one| if one == '\n' { one } else { visible(one) };
            let shown: String = format!("{error:#}").chars().map(kept).collect();
            anstream::eprintln!("error: {shown}");
            ExitCode::from(USAGE)
        }
    }
}

/// Help and version are no errors; everything else clap would exit 2 for, which means "undecided" here.
fn usage(error: &clap::Error) -> ExitCode {
    // Where the stream is gone there is nobody to tell.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Check(Late(arguments)) => check::run(&arguments),
        Command::Inspect(Late(arguments)) => inspect::run(&arguments),
        Command::Fetch(Late(arguments)) => fetch::run(&arguments),
        Command::Cache(command) => cache::run(&command),
        Command::Doctor(Late(arguments)) => doctor::run(&arguments),
        Command::Watch(Late(arguments)) => watch::run(&arguments),
        Command::Policy(command) => policy::run(&command),
        Command::Bundle(command) => bundle::run(&command),
        Command::Receipt(command) => receipt::run(&command),
        Command::Bulletin(command) => bulletin::run(&command),
        Command::Explain(Late(arguments)) => explain::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Man(Late(arguments)) => man::run(&arguments, Arguments::command()),
        Command::Schema => schema::run(),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(
                shell,
                &mut command,
                "sealroom-verifier",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}
