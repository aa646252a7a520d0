//! `peer-sev FOLDER REPORT`: a program around `sev` that verifies a report from files: `ark.der`, `ask.der` and `vcek.der`
//! in a folder, as `snpguest` takes them.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use sev::{
    certs::snp::{Chain, Verifiable as _},
    firmware::guest::AttestationReport,
    parser::ByteParser as _,
};

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().context("FOLDER REPORT");
    let (folder, report) = (next()?, next()?);
    let file = |name: &str| fs::read(folder.join(name)).with_context(|| format!("reading {name}"));
    let chain = Chain::from_der(&file("ark.der")?, &file("ask.der")?, &file("vcek.der")?)?;
    let report = AttestationReport::from_bytes(&fs::read(report).context("reading the report")?)?;
    (&chain, &report).verify().context("verifying the report")?;
    println!("{report}");
    Ok(())
}
