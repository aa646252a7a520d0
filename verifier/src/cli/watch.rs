//! `watch`: a fleet, appraised again before anything ends.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, stream};
use sealroom_attestation::{UnixTime, endorsements::Endorsements, endpoints::Proof};
use serde::Serialize;

use super::{
    files::{load_policy, read, shown, text},
    grounds::Grounds,
    inspect::ask,
    values::now,
};
use crate::{
    check::{Evidence, Input, Mode, check},
    contact::Target,
    endorsements::{Base, Store, gather, needs, notify},
    inspect::inspect,
    judge::Trust,
    report::visible,
    verdict::{Claims, Decision, Verdict},
};

const AFTER_HELP: &str = "\
A fleet is a file with a line for each member: a node's address, or the path of a file of evidence. Empty lines and lines that
begin with # are passed over. Each member is judged at once, then every --every seconds and before its verdict ends. A line is
printed where a verdict changes. Exit codes: 0 all accepted, 1 some refused, 2 some undecided, 3 usage; without --once they tell
of the last pass before an interrupt.

Examples:
  sealroom-verifier watch fleet.txt --policy policy.toml --fetch
  sealroom-verifier watch fleet.txt --policy policy.toml --once --json
  sealroom-verifier watch fleet.txt --policy policy.toml --fetch --webhook https://alerts.example/sealroom";

/// The least pause between two passes, seconds.
const LEAST: u64 = 5;
/// Exit code before the first pass is over.
const UNDECIDED: u8 = 2;
/// How many are asked at once: one that does not answer holds up no others.
const AT_ONCE: usize = 16;
/// How long before its end a verdict is made again, seconds.
const MARGIN: u64 = 60;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The fleet.
    fleet: PathBuf,
    /// The policy that all of it is under.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    grounds: Grounds,
    /// How often everything is judged, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    every: u64,
    /// Judge once, and end.
    #[arg(long)]
    once: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Also post each change, as JSON, to this address.
    #[arg(long, value_name = "URL", value_parser = Base::from_url)]
    webhook: Option<Base>,
}

/// One of a fleet.
#[derive(Clone, Debug)]
enum Member {
    Node(Target),
    File(PathBuf),
}

/// What became of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Change {
    at: String,
    member: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'static str>,
    verdict: &'static str,
    simulated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// Watches until it is interrupted.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let fleet = members(&arguments.fleet)?;
    let trust = arguments.grounds.trust(load_policy(&arguments.policy)?)?;
    let store = arguments.grounds.store()?;
    let watch = Watch { arguments, trust, store, last: HashMap::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("starting the runtime")?.block_on(watch.run(&fleet))
}

fn members(path: &Path) -> Result<Vec<Member>> {
    let text = text(path)?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let folder = path.parent().unwrap_or(Path::new("."));
    let member = |line: &str| match line.contains("://") {
        true => Ok(Member::Node(Target::from_url(line)?)),
        false => Ok(Member::File(folder.join(line))),
    };
    let members: Vec<_> = lines.map(member).collect::<Result<_>>()?;
    if members.is_empty() {
        bail!("{} names no member: one address or path a line expected", shown(path));
    }
    Ok(members)
}

struct Watch<'a> {
    arguments: &'a Arguments,
    trust: Trust,
    store: Option<Store>,
    /// The last verdict of each member, and the check that decided.
    last: HashMap<String, (Decision, Option<&'static str>)>,
}

impl Watch<'_> {
    async fn run(mut self, fleet: &[Member]) -> Result<ExitCode> {
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let mut worst = ExitCode::from(UNDECIDED);
        loop {
            let next = tokio::select! {
                passed = self.pass(fleet) => {
                    let next;
                    (worst, next) = passed?;
                    next
                }
                ended = &mut interrupted => return ended.context("watching for an interrupt").map(|()| worst),
            };
            if self.arguments.once {
                return Ok(worst);
            }
            let pause =
                next.0.saturating_sub(now()?.0).clamp(LEAST, self.arguments.every.max(LEAST));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(pause)) => {}
                ended = &mut interrupted => return ended.context("watching for an interrupt").map(|()| worst),
            }
        }
    }

    /// Judges everybody. The exit code of the worst, and when the first verdict is due again.
    async fn pass(&mut self, fleet: &[Member]) -> Result<(ExitCode, UnixTime)> {
        let (mut worst, mut next) = (0, UnixTime(u64::MAX));
        let judged = stream::iter(fleet).map(|member| self.judge(member)).buffered(AT_ONCE);
        let judged: Vec<_> = judged.collect().await;
        for (member, judged) in fleet.iter().zip(judged) {
            let verdict = match judged {
                Ok(verdict) => verdict,
                Err(error) => {
                    // A file that is not there now may be there later: the others are watched on.
                    anstream::eprintln!("error: {error:#}");
                    worst = if worst == 1 { 1 } else { 2 };
                    continue;
                }
            };
            worst = match (worst, verdict.decision) {
                (1, _) | (_, Decision::Refused) => 1,
                (2, _) | (_, Decision::Undecided) => 2,
                (_, Decision::Accepted) => 0,
            };
            if verdict.decision == Decision::Accepted {
                next = next.min(UnixTime(verdict.valid_until().0.saturating_sub(MARGIN)));
            }
            self.tell(member, &verdict).await?;
        }
        Ok((ExitCode::from(worst), next))
    }

    async fn judge(&self, member: &Member) -> Result<Verdict> {
        match member {
            Member::Node(target) => {
                let shown = ask(target, Proof::Hardware).await;
                let read = |trust: &Trust| Ok(inspect(shown.as_ref(), trust, now()?));
                self.judge_with(read).await
            }
            Member::File(path) => {
                let evidence = Evidence::from_file(&read(path)?);
                let evidence = evidence.with_context(|| format!("recognising {}", shown(path)))?;
                self.judge_with(|trust| {
                    let (evidence, mode, at) = (evidence.clone(), Mode::Policy, now()?);
                    Ok(check(&Input { evidence, nonce: None, mode, at }, trust))
                })
                .await
            }
        }
    }

    /// Judges under this trust, with whatever can be fetched.
    async fn judge_with(&self, judge: impl Fn(&Trust) -> Result<Verdict>) -> Result<Verdict> {
        let Some(store) = &self.store else { return judge(&self.trust) };
        let read = |more: &Endorsements| judge(&self.trust.with_endorsements(more)).ok()?.claims;
        let sources = &self.arguments.grounds.sources;
        let name = |claims: &Claims| needs(claims, sources.update(), sources.generation());
        let (_, gathered) = gather(store, read, name, now()?, &|_, _| {}).await;
        judge(&self.trust.with_endorsements(&gathered.endorsements))
    }

    /// Says what changed, to whoever reads and to whoever asked to be told.
    async fn tell(&mut self, member: &Member, verdict: &Verdict) -> Result<()> {
        let name = match member {
            Member::Node(target) => target.to_string(),
            Member::File(path) => shown(path),
        };
        let decisive = verdict.decisive();
        let state = (verdict.decision, decisive.map(|row| row.check.id));
        let before = self.last.insert(name.clone(), state);
        if before == Some(state) {
            return Ok(());
        }
        let is_accepted = verdict.decision == Decision::Accepted;
        let change = Change {
            at: verdict.at.to_string(),
            member: name,
            before: before.map(|(decision, _)| decision.name()),
            verdict: verdict.decision.name(),
            simulated: verdict.simulated(),
            check: decisive.map(|row| row.check.id),
            found: decisive.map(|row| row.found.chars().map(visible).collect()),
            fix: decisive.map(|row| row.check.fix),
            until: is_accepted.then(|| verdict.valid_until().to_string()),
        };
        print(&change, self.arguments.json)?;
        if let Some(webhook) = &self.arguments.webhook {
            let json = serde_json::to_vec(&change)?;
            if let Err(error) = notify(webhook, json).await {
                anstream::eprintln!("error: telling {webhook}: {error}");
                // It is told again with the next pass.
                self.last.remove(&change.member);
            }
        }
        Ok(())
    }
}

fn print(change: &Change, as_json: bool) -> Result<()> {
    let mut out = anstream::stdout();
    if as_json {
        writeln!(out, "{}", serde_json::to_string(change)?)?;
        return Ok(());
    }
    let Change { at, member, verdict, simulated, check, found, fix, until, .. } = change;
    let simulated = if *simulated { " SIMULATED" } else { "" };
    let until = until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
    writeln!(out, "{at}  {verdict:9}{simulated}  {member}{until}")?;
    if let (Some(check), Some(found), Some(fix)) = (check, found, fix) {
        writeln!(out, "    {check}: {found}\n    do: {fix}")?;
    }
    Ok(())
}
