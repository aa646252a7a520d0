//! `doctor`: whether this machine can judge: its clock, the services, what is kept.

use std::{io::Write, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result};
use sealroom_attestation::UnixTime;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{sources::Sources, values::now};
use crate::endorsements::{Base, Entry, Service, probe};

const AFTER_HELP: &str = "\
Knocks at every service, compares this machine's clock with theirs, and looks at cache and ratchet. Nothing is fetched, and
with --offline nobody is asked.
Exit codes: 0 all is well, 1 something is not, 3 usage.

Examples:
  sealroom-verifier doctor
  sealroom-verifier doctor --json --mirror intel=https://pccs.example:8081";

/// How far clocks may differ, seconds: evidence is held against this machine's own.
const SKEW: u64 = 60;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    sources: Sources,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    about: String,
    well: bool,
    found: String,
    /// What to do, where it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

/// Looks at everything.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let mut findings = vec![kept(arguments), writable(arguments)];
    findings.extend(unremembered(arguments));
    let services = arguments.sources.services();
    for service in Service::ALL.into_iter().filter(|_| !arguments.sources.is_offline()) {
        let base = services.asked(service);
        findings.extend(runtime.block_on(reach(service, &base))?);
    }
    let mut out = anstream::stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?;
    } else {
        findings.iter().try_for_each(|finding| print(finding, &mut out))?;
    }
    Ok(ExitCode::from(u8::from(findings.iter().any(|finding| !finding.well))))
}

fn print(finding: &Finding, out: &mut impl Write) -> std::io::Result<()> {
    let Finding { about, well, found, fix } = finding;
    let state = if *well { "ok  " } else { "FAIL" };
    writeln!(out, "{state}  {about}: {found}")?;
    match fix {
        Some(fix) => writeln!(out, "      do: {fix}"),
        None => Ok(()),
    }
}

/// Cache and ratchet can be read, and how much of the cache still counts.
fn kept(arguments: &Arguments) -> Finding {
    let about = "what is kept".to_owned();
    let read = || -> Result<String> {
        arguments.sources.store(sealroom_attestation::endorsements::Anchors::production())?;
        let (at, entries) = (now()?, arguments.sources.cache()?.list()?);
        let counts = |entry: &Entry| entry.statement.validity.contains(at);
        let counting = entries.iter().filter(|(_, entry)| entry.as_ref().is_ok_and(counts)).count();
        let broken = entries.iter().filter(|(_, entry)| entry.is_err()).count();
        let oldest = entries.iter().filter_map(|(_, entry)| entry.as_ref().ok());
        let oldest = oldest.map(|entry| at.0.saturating_sub(entry.fetched_at.0)).max();
        anyhow::ensure!(broken == 0, "{broken} of {} entries cannot be read", entries.len());
        let age = oldest.map_or(String::new(), |age| format!(", the oldest of {} h", age / 3600));
        Ok(format!("{counting} of {} entries count{age}", entries.len()))
    };
    match read() {
        Ok(found) => Finding { about, well: true, found, fix: None },
        Err(error) => {
            let fix = Some(
                "`cache prune` removes entries that cannot be read; a broken ratchet is the owner's to look at",
            );
            Finding { about, well: false, found: format!("{error:#}"), fix }
        }
    }
}

/// Cache and ratchet can be written to: what cannot be kept is not used.
fn writable(arguments: &Arguments) -> Finding {
    let about = "the folders".to_owned();
    let write = || -> Result<()> {
        arguments.sources.cache()?.try_write()?;
        Ok(arguments.sources.ratchet()?.try_write()?)
    };
    match write() {
        Ok(()) => Finding { about, well: true, found: "can be written to".to_owned(), fix: None },
        Err(error) => {
            let fix = Some("give this user the folders, or name others with --cache and --state");
            Finding { about, well: false, found: format!("{error:#}"), fix }
        }
    }
}

/// Entries without a ratchet: somebody removed it, or it is another folder, and what is older than they are would pass.
fn unremembered(arguments: &Arguments) -> Option<Finding> {
    let entries = arguments.sources.cache().ok()?.list().ok()?;
    let rows = arguments.sources.ratchet().ok()?.rows().ok()?;
    let has_edition = |entry: &Entry| entry.statement.edition.is_some();
    let editions = entries.iter().filter(|(_, entry)| entry.as_ref().is_ok_and(has_edition));
    let (count, about) = (editions.count(), "the ratchet".to_owned());
    let found = format!(
        "{count} entries are kept and no newest edition is remembered: OLDER ONES WOULD PASS"
    );
    let fix = Some(
        "name the folder of the ratchet with --state; where it is lost, fetch from the vendors once",
    );
    (count > 0 && rows.is_empty()).then_some(Finding { about, well: false, found, fix })
}

/// Whether a service answers, and what time it has.
async fn reach(service: Service, base: &Base) -> Result<Vec<Finding>> {
    let (begin, about) = (Instant::now(), format!("{} at {base}", service.name()));
    let found = match probe(base).await {
        Ok(found) => found,
        Err(error) => {
            let fix = Some("let this machine reach it, or name a mirror with --mirror");
            return Ok(vec![Finding { about, well: false, found: error.to_string(), fix }]);
        }
    };
    let took = begin.elapsed().as_millis();
    let answers = format!("answers with {} after {took} ms", found.status);
    let mut findings = vec![Finding { about, well: true, found: answers, fix: None }];
    let date = found.date.and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
    let date = date.and_then(|date| u64::try_from(date.unix_timestamp()).ok()).map(UnixTime);
    if let Some(theirs) = date {
        findings.push(clock(service, now()?, theirs));
    }
    Ok(findings)
}

fn clock(service: Service, ours: UnixTime, theirs: UnixTime) -> Finding {
    let about = format!("the clock, beside that of {}", service.name());
    let apart = ours.0.abs_diff(theirs.0);
    let well = apart <= SKEW;
    let fix = (!well).then_some("set this machine's clock: every date is held against it");
    Finding { about, well, found: format!("{apart} s apart"), fix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_more_than_a_minute_off_is_not_well() {
        for (apart, well) in [(0, true), (60, true), (61, false)] {
            for (ours, theirs) in [(1000, 1000 + apart), (1000 + apart, 1000)] {
                let finding = clock(Service::Amd, UnixTime(ours), UnixTime(theirs));
                assert_eq!((finding.well, finding.fix.is_none()), (well, well), "{apart}");
            }
        }
    }
}
