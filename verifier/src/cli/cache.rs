//! `cache`: what was fetched and is kept.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use sealroom_attestation::UnixTime;
use serde::Serialize;

use super::{
    files::shown,
    sources::{open_cache, open_ratchet},
    values::{now, rfc3339},
};
use crate::{
    endorsements::{DiskError, Edition, Entry},
    report::visible,
};

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List every entry: what it is, since when it is kept, until when it counts.
    #[command(after_help = "Examples:
  sealroom-verifier cache list
  sealroom-verifier cache list --json --cache endorsements-cache/")]
    List {
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check that every entry is as it was written, and still counts. Exit 0: all; 1: some not.
    #[command(after_help = "Examples:
  sealroom-verifier cache verify")]
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Remove what has ended, and what is no entry any more.
    #[command(after_help = "Examples:
  sealroom-verifier cache prune")]
    Prune {
        #[command(flatten)]
        place: Place,
    },
    /// List the newest edition that was ever seen of each statement: no older one passes.
    #[command(after_help = "Examples:
  sealroom-verifier cache ratchet
  sealroom-verifier cache ratchet --json --state state/")]
    Ratchet {
        #[command(flatten)]
        state: State,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget one statement, its entry and its newest edition: whatever counts passes again, older or not. Exit 0: done; 1:
    /// there was nothing.
    #[command(after_help = "Examples:
  sealroom-verifier cache forget intel/tcb/tdx/00806f050000/standard")]
    Forget {
        /// Its name, as `cache ratchet` lists it; without what follows a # all of its tracks.
        name: String,
        /// The cache. The folder `sealroom` in your cache folder when it is not given.
        #[arg(long, value_name = "FOLDER")]
        cache: Option<PathBuf>,
        #[command(flatten)]
        state: State,
    },
}

/// Where the newest editions are remembered.
#[derive(Debug, clap::Args)]
pub(super) struct State {
    /// The folder of the ratchet. The folder `sealroom` in your state folder when it is not given.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// One row of the ratchet, for programs.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// In hexadecimal; empty where the statement has no number.
    number: String,
    issued: String,
}

/// A cache, and a time.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The cache. The folder `sealroom` in your cache folder when it is not given.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// The time at which entries must count. The present when it is not given.
    #[arg(long, value_name = "RFC3339", value_parser = rfc3339)]
    at: Option<UnixTime>,
}

/// One entry, for programs.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    name: Option<String>,
    fetched_at: Option<String>,
    from: Option<String>,
    until: Option<String>,
    /// `counts`, `ended`, `not yet`, `broken`, or `unread` where it could not be opened.
    state: &'static str,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List { place, json } => list(place, *json),
        Command::Verify { place } => verify(place),
        Command::Prune { place } => prune(place),
        Command::Ratchet { state, json } => ratchet(state, *json),
        Command::Forget { name, cache, state } => forget(name, cache.as_deref(), state),
    }
}

impl Place {
    fn lines(&self) -> Result<Vec<(PathBuf, Line)>> {
        let at = self.at.map_or_else(now, Ok)?;
        let entries = open_cache(self.cache.as_deref())?.list().context("reading the cache")?;
        Ok(entries
            .into_iter()
            .map(|(path, entry)| {
                let line = line(shown(&path), &entry, at);
                (path, line)
            })
            .collect())
    }
}

fn line(file: String, entry: &Result<Entry, DiskError>, at: UnixTime) -> Line {
    let without = |state| Line {
        file: file.clone(),
        name: None,
        fetched_at: None,
        from: None,
        until: None,
        state,
    };
    let entry = match entry {
        Ok(entry) => entry,
        Err(DiskError::Broken { .. }) => return without("broken"),
        // What this user may not read, another may.
        Err(_) => return without("unread"),
    };
    let window = entry.statement.validity;
    let state = match window {
        _ if window.contains(at) => "counts",
        _ if at < window.from => "not yet",
        _ => "ended",
    };
    Line {
        file,
        name: Some(entry.name.clone()),
        fetched_at: Some(entry.fetched_at.to_string()),
        from: Some(window.from.to_string()),
        until: Some(window.until.to_string()),
        state,
    }
}

fn print(line: &Line, out: &mut impl Write) -> std::io::Result<()> {
    let Line { file, name, until, state, .. } = line;
    let name: String = name.as_deref().unwrap_or(file).chars().map(visible).collect();
    let until = until.as_deref().unwrap_or("-");
    writeln!(out, "{state:8} {until:20}  {name}")
}

fn list(place: &Place, json: bool) -> Result<ExitCode> {
    let lines: Vec<_> = place.lines()?.into_iter().map(|(_, line)| line).collect();
    let mut out = anstream::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&lines)?)?;
    } else {
        lines.iter().try_for_each(|line| print(line, &mut out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(place: &Place) -> Result<ExitCode> {
    let lines = place.lines()?;
    let mut out = anstream::stdout();
    let wrong: Vec<_> = lines.iter().filter(|(_, line)| line.state != "counts").collect();
    wrong.iter().try_for_each(|(_, line)| print(line, &mut out))?;
    writeln!(out, "{} of {} count", lines.len().saturating_sub(wrong.len()), lines.len())?;
    Ok(ExitCode::from(u8::from(!wrong.is_empty())))
}

fn prune(place: &Place) -> Result<ExitCode> {
    let mut out = anstream::stdout();
    for (path, line) in place.lines()? {
        if matches!(line.state, "ended" | "broken") {
            match fs::remove_file(&path) {
                // Another one was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.with_context(|| format!("removing {}", shown(&path)))?,
            }
            print(&line, &mut out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row((name, edition): (String, Edition)) -> Row {
    let Edition { number, issued } = edition;
    Row { name, number: hex::encode(number), issued: issued.to_string() }
}

fn print_row(row: &Row, out: &mut impl Write) -> std::io::Result<()> {
    let Row { name, number, issued } = row;
    let (name, number): (String, _) =
        (name.chars().map(visible).collect(), if number.is_empty() { "-" } else { number });
    writeln!(out, "{number:8} {issued:20}  {name}")
}

fn ratchet(state: &State, json: bool) -> Result<ExitCode> {
    let rows = open_ratchet(state.state.as_deref())?.rows().context("reading the ratchet")?;
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    let mut out = anstream::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        rows.iter().try_for_each(|row| print_row(row, &mut out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn forget(name: &str, cache: Option<&Path>, state: &State) -> Result<ExitCode> {
    let (cache, ratchet) = (open_cache(cache)?, open_ratchet(state.state.as_deref())?);
    // The entry first: one that was left would be asked for under its own name.
    let entry = name.split_once('#').map_or(name, |(entry, _)| entry);
    let is_removed = cache.remove(entry).context("removing the entry")?;
    let gone = ratchet.forget(name).context("forgetting the newest edition")?;
    let mut out = anstream::stdout();
    if is_removed {
        writeln!(out, "removed the entry {}", entry.chars().map(visible).collect::<String>())?;
    }
    for row in gone.iter().map(|(name, edition)| row((name.clone(), edition.clone()))) {
        write!(out, "forgot ")?;
        print_row(&row, &mut out)?;
    }
    if !is_removed && gone.is_empty() {
        writeln!(out, "nothing is known of {}", name.chars().map(visible).collect::<String>())?;
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}
