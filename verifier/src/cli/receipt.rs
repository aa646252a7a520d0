//! `receipt`: what a node signed about one answer, held against the node's evidence.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use sealroom_attestation::receipt::Opening;
use zeroize::Zeroizing;

use super::{
    check::Asked,
    files::{read, read_up_to, shown},
    late::Late,
    output::{Output, exit},
};
use crate::receipt::{Exchange, audit_receipt, from_file, opening_from_file};

/// The largest sealed request, and the largest content in one: the wire specification, section 1.
const LARGEST_CONTENT: u64 = 8 * 1024 * 1024;

/// What to do with a receipt.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check who signed a receipt and that its node can be believed. Exits as `check` does.
    #[command(after_help = "Exit codes: 0 accepted, 1 refused, 2 could not decide, 3 usage.

Examples:
  sealroom-verifier receipt verify receipt.txt bundle.cbor --policy policy.toml --at 2026-06-01T00:00:00Z
  sealroom-verifier receipt verify receipt.cbor bundle.cbor --policy policy.toml --sealed-request request.bin --json
  sealroom-verifier receipt verify receipt.cbor bundle.cbor --opening opening.cbor --request request.json --answer answer.txt")]
    Verify(Late<Box<Verify>>),
}

/// A receipt, the evidence of its node, and what was kept of the exchange.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The receipt: signed bytes, or base64url as the header `sealroom-receipt` has them.
    receipt: PathBuf,
    #[command(flatten)]
    asked: Asked,
    /// The encapsulated request as it was sent.
    #[arg(long, value_name = "FILE")]
    sealed_request: Option<PathBuf>,
    /// The opening from inside the seal, as it is or in base64url: only the exchange's owner has it.
    #[arg(long, value_name = "FILE")]
    opening: Option<PathBuf>,
    /// The content of the request inside the seal.
    #[arg(long, value_name = "FILE", requires = "opening")]
    request: Option<PathBuf>,
    /// The content of the answer inside the seal, padding included.
    #[arg(long, value_name = "FILE", requires = "opening")]
    answer: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Verify(Late(arguments)) => verify(arguments),
    }
}

fn verify(arguments: &Verify) -> Result<ExitCode> {
    let taken = arguments.output.to_stdout(false)?;
    let (question, verdict) = arguments.asked.answer()?;
    let signed = from_file(&read(&arguments.receipt)?);
    let exchange = exchange(arguments)?;
    let verdict = audit_receipt(&signed, &exchange, verdict)?;
    arguments.output.write(&verdict, taken)?;
    Ok(exit(&verdict, question.mode))
}

fn exchange(arguments: &Verify) -> Result<Exchange> {
    Ok(Exchange {
        sealed_request: content(arguments.sealed_request.as_deref())?.map(|bytes| bytes.to_vec()),
        opening: arguments.opening.as_deref().map(opening).transpose()?,
        request: content(arguments.request.as_deref())?,
        answer: content(arguments.answer.as_deref())?,
    })
}

fn content(path: Option<&Path>) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let read = |path: &Path| read_up_to(path, LARGEST_CONTENT).map(Zeroizing::new);
    path.map(read).transpose()
}

fn opening(path: &Path) -> Result<Opening> {
    let file = Zeroizing::new(read(path)?);
    opening_from_file(&file).with_context(|| format!("reading {}", shown(path)))
}
