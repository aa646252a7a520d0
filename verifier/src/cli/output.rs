//! How a verdict leaves the program.

use std::{
    io::{self, ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use anyhow::{Result, bail};

use super::files::{is_stdout, write_output};
use crate::{
    bundle::json,
    check::Mode,
    report::{self, table},
    verdict::{Crypto, Decision, Verdict},
};

/// Text on standard output, unless something else is asked for.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Output {
    /// Print JSON, schema 1.
    #[arg(long)]
    json: bool,
    /// Also write a page for people that loads nothing; `-` is standard output, instead of the text.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Output {
    /// Looks at where outputs go, before there is one. True where standard output is taken; `other` says that a further
    /// output takes it.
    pub(super) fn to_stdout(&self, other: bool) -> Result<bool> {
        let taken = [self.json, self.html.as_deref().is_some_and(is_stdout), other];
        if taken.into_iter().filter(|output| *output).count() > 1 {
            bail!("two outputs cannot both be written to standard output: give one of them a file");
        }
        Ok(taken.contains(&true))
    }

    /// Writes a verdict to wherever it goes; the text only where standard output is not taken.
    pub(super) fn write(&self, verdict: &Verdict, taken: bool) -> Result<()> {
        if let Some(path) = &self.html {
            write_output(path, report::html(verdict).as_bytes())?;
        }
        if self.json || !taken {
            print(verdict, self.json)?;
        }
        Ok(())
    }
}

/// Prints a verdict as text or JSON.
pub(super) fn print(verdict: &Verdict, as_json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = if as_json {
        out.write_all(&json(verdict))
    } else {
        let text = table(verdict);
        // As a whole: a stream that strips styles writes every line by itself.
        match AutoStream::choice(&out) {
            ColorChoice::Never => out.write_all(strip_str(&text).to_string().as_bytes()),
            _ => AutoStream::auto(out).write_all(text.as_bytes()),
        }
    };
    Ok(unless_closed(written)?)
}

/// Whoever reads the beginning of a long text and closes the pipe has what they wanted.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// How a verdict ends the program.
pub(super) fn exit(verdict: &Verdict, mode: Mode) -> ExitCode {
    let code = match (mode, verdict.crypto, verdict.decision) {
        (Mode::CryptoOnly, Crypto::Genuine, _) | (Mode::Policy, _, Decision::Accepted) => 0,
        (Mode::CryptoOnly, Crypto::Forged, _) | (Mode::Policy, _, Decision::Refused) => 1,
        (Mode::CryptoOnly, Crypto::Undecided, _) | (Mode::Policy, _, Decision::Undecided) => 2,
    };
    ExitCode::from(code)
}
