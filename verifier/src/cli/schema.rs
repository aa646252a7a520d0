//! `schema`: the shape of what `check --json` writes.

use std::{io::Write, process::ExitCode};

use anyhow::{Context as _, Result};

/// Prints the JSON Schema of verdicts.
pub(super) fn run() -> Result<ExitCode> {
    let schema = crate::report::JSON_SCHEMA.as_bytes();
    std::io::stdout().lock().write_all(schema).context("writing to standard output")?;
    Ok(ExitCode::SUCCESS)
}
