//! `explain`: evidence from a file, field by field.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    files::{read, shown},
    output::unless_closed,
};
use crate::{
    check::Evidence,
    explain::{Document, Kind, Line, NOTICE, SCHEMA, explain, text},
};

const AFTER_HELP: &str = "\
Proves nothing: it shows what bytes say, and 'check' says whether they are true. Exit 0 where every byte has a field, 3 where
the file is not exactly one piece of evidence.

Examples:
  sealroom-verifier explain report.bin
  sealroom-verifier explain bundle.cbor | grep -A4 MEASUREMENT
  sealroom-verifier explain quote.bin --json | jq -r '.fields[] | select(.name == \"MRTD\").value'";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// An evidence bundle, an SEV-SNP report or a GPU's report as binary or hexadecimal text, or a TDX quote.
    file: PathBuf,
    /// Print JSON, schema 1, with every value whole.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Explanation<'e> {
    schema: u32,
    notice: &'static str,
    fields: Vec<&'e Line>,
}

/// Shows every field.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let explaining = || format!("explaining {}", shown(&arguments.file));
    let file = read(&arguments.file)?;
    let evidence = Evidence::from_file(&file).with_context(explaining)?;
    let mut documents = explain(&evidence).with_context(explaining)?;
    documents.extend(padding(&file, &evidence));
    let written = if arguments.json {
        let fields = documents.iter().flat_map(|document| &document.lines).collect();
        let explanation = Explanation { schema: SCHEMA, notice: NOTICE, fields };
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&explanation)?)
    } else {
        write!(anstream::stdout(), "{}", text(&documents))
    };
    unless_closed(written)?;
    Ok(ExitCode::SUCCESS)
}

/// Zeros after the evidence: the buffer in which it was made. They are in the file, so they are shown.
fn padding(file: &[u8], evidence: &Evidence) -> Option<Document> {
    let (Evidence::Bundle(bytes)
    | Evidence::SnpReport(bytes)
    | Evidence::TdxQuote(bytes)
    | Evidence::GpuReport(bytes)) = evidence;
    let rest = file.strip_prefix(bytes.as_slice()).filter(|rest| !rest.is_empty())?;
    let (path, length) = ("padding".to_owned(), rest.len());
    let line = Line {
        offset: bytes.len(),
        length,
        name: "zeros".to_owned(),
        value: format!("{length} bytes"),
        meaning: "what is left of the buffer: no part of the evidence".to_owned(),
        clause: "none",
        path: "padding/zeros".to_owned(),
        kind: Kind::Field,
    };
    Some(Document { path, length, lines: vec![line] })
}
