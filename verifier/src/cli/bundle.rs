//! `bundle`: keep a question with everything that answers it, and ask again elsewhere.

use std::{fs, io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use sealroom_attestation::cbor::Item as _;

use super::{
    check::Asked,
    files::{read_up_to, shown},
    late::Late,
    output::{exit, print},
    values::digest,
};
use crate::bundle::{AuditBundle, BundleError, json};

/// What to do with an audit bundle.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check evidence, and write the question, everything that answers it, and the verdict to one file. Exits as `check`.
    #[command(after_help = "Examples:
  sealroom-verifier bundle make report.bin --with vcek.der --with genoa_chain.pem --policy policy.toml --out case.cbor")]
    Make(Late<Box<Make>>),
    /// Ask again, offline: the verdict must be the same to the byte. Exits as `check` did; 1 where the verdict differs.
    #[command(after_help = "Examples:
  sealroom-verifier bundle verify case.cbor
  sealroom-verifier bundle verify case.cbor --json")]
    Verify(Late<Verify>),
}

/// A question, and where the answer goes.
#[derive(Debug, clap::Args)]
pub(super) struct Make {
    #[command(flatten)]
    asked: Asked,
    /// Where the bundle is written. A file that is there is not replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON, schema 1.
    #[arg(long)]
    json: bool,
}

/// A bundle.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The bundle.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Trust one simulated root, by the SHA-256 of its certificate: those that the bundle was made with.
    #[arg(long, value_name = "SHA256_OF_ROOT", value_parser = digest)]
    danger_accept_simulated: Vec<[u8; 32]>,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Make(Late(arguments)) => make(arguments),
        Command::Verify(Late(arguments)) => verify(arguments),
    }
}

fn make(arguments: &Make) -> Result<ExitCode> {
    let (question, verdict) = arguments.asked.answer()?;
    let mode = question.mode;
    let bytes = AuditBundle { question, verdict: json(&verdict) }.encode();
    let (found, limit) = (bytes.len(), AuditBundle::LIMIT);
    if found > limit {
        bail!("a bundle of {found} bytes would be longer than the {limit} that are read");
    }
    let path = &arguments.out;
    let mut file =
        fs::File::create_new(path).with_context(|| format!("creating {}", shown(path)))?;
    file.write_all(&bytes).with_context(|| format!("writing {}", shown(path)))?;
    print(&verdict, arguments.json)?;
    Ok(exit(&verdict, mode))
}

fn verify(arguments: &Verify) -> Result<ExitCode> {
    let path = &arguments.file;
    let bytes = read_up_to(path, AuditBundle::LIMIT as u64)?;
    let bundle = AuditBundle::decode(&bytes).with_context(|| format!("reading {}", shown(path)))?;
    let verdict = match bundle.replay(&arguments.danger_accept_simulated) {
        Err(error @ BundleError::Differs { .. }) => {
            anstream::eprintln!(
                "error: {error}\n  the bundle was changed, or made by another version"
            );
            return Ok(ExitCode::from(1));
        }
        Err(error @ BundleError::Simulated { .. }) => {
            return Err(error).context("accept it with --danger-accept-simulated if you know it");
        }
        replayed => replayed?,
    };
    print(&verdict, arguments.json)?;
    Ok(exit(&verdict, bundle.question.mode))
}
