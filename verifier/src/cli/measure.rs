//! `measure`: what a guest will measure to, computed before it runs.

mod snp;

use std::process::ExitCode;

use anyhow::Result;

use super::late::Late;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    guest: Guest,
}

#[derive(Debug, clap::Subcommand)]
enum Guest {
    /// The SEV-SNP launch digests of a guest, one for each number of vCPUs.
    Snp(Late<snp::Arguments>),
}

/// Prints the values that a policy pins.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.guest {
        Guest::Snp(Late(arguments)) => snp::run(arguments),
    }
}

/// Something on the command line that is missing, or that does not fit the rest of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {found}, expected {expected}\n  do: {remedy}")]
struct Misuse {
    field: &'static str,
    found: String,
    expected: &'static str,
    remedy: &'static str,
}

fn misuse(
    field: &'static str,
    found: impl Into<String>,
    expected: &'static str,
    remedy: &'static str,
) -> Misuse {
    Misuse { field, found: found.into(), expected, remedy }
}
