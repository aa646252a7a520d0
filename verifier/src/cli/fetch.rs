//! `fetch`: what evidence stands on, from whoever publishes it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{UnixTime, endorsements::Endorsements};

use super::{
    files::{read, shown},
    sources::Sources,
    values::{now, rfc3339},
    vendors::Vendors,
};
use crate::{
    check::{Evidence, Input, Mode, check},
    endorsements::Gathered,
    policy::Policy,
};

const AFTER_HELP: &str = "\
Asks AMD, Intel and NVIDIA, or mirrors in their place, at the addresses of this program: nothing that evidence says is ever an
address. Each answer is verified by itself and kept until it ends; one that is older than what was seen before is refused.
Exit codes: 0 everything came, 2 something did not, 3 usage.

Examples:
  sealroom-verifier fetch report.bin --to endorsements/
  sealroom-verifier fetch quote.bin --to endorsements/ --mirror intel=https://pccs.example:8081
  sealroom-verifier fetch report.bin --to endorsements/ --generation genoa";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The evidence: whatever `check` reads.
    evidence: PathBuf,
    /// The folder for the files, which `--with` takes.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    vendors: Vendors,
    #[command(flatten)]
    sources: Sources,
    /// The time at which the answers must count. The present when it is not given.
    #[arg(long, value_name = "RFC3339", value_parser = rfc3339)]
    at: Option<UnixTime>,
}

/// Fetches and writes the files.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = &arguments.evidence;
    let evidence = Evidence::from_file(&read(path)?)
        .with_context(|| format!("recognising {}", shown(path)))?;
    let at = arguments.at.map_or_else(now, Ok)?;
    let trust = arguments.vendors.trust(Policy::built_in(), &[])?;
    let input = Input { evidence, nonce: None, mode: Mode::CryptoOnly, at };
    let read = |more: &Endorsements| check(&input, &trust.with_endorsements(more)).claims;
    if read(&Endorsements::default()).is_none() {
        bail!("{} says nothing that endorsements could be about", shown(path));
    }
    let folder = &arguments.to;
    fs::create_dir_all(folder).with_context(|| format!("making {}", shown(folder)))?;
    let anchors = arguments.vendors.anchors();
    let (needs, gathered) = arguments.sources.gather(read, anchors, at)?;
    write(folder, &gathered)?;
    let whole = gathered.problems.is_empty() && needs.unknown.is_empty();
    Ok(ExitCode::from(if whole { 0 } else { 2 }))
}

/// Each statement's files, under its name.
fn write(folder: &Path, gathered: &Gathered) -> Result<()> {
    for (resource, asked) in &gathered.found {
        let name = resource.to_string().replace('/', "_");
        for (number, file) in asked.entry.files.iter().enumerate() {
            let path = folder.join(format!("{name}.{number}"));
            fs::write(&path, file).with_context(|| format!("writing {}", shown(&path)))?;
        }
    }
    Ok(())
}
