//! `policy`: write one, check it, compare two, and try a bulletin on a fleet.

use std::{
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use sealroom_attestation::{UnixTime, endorsements::Endorsements};
use serde::Serialize;

use super::{
    files::{files, load_policy, read, shown, text},
    late::Late,
    values::{now, rfc3339},
    vendors::Vendors,
};
use crate::{
    check::{Evidence, Input, Mode, check},
    judge::Trust,
    policy::{Bulletin, BulletinError, Policy, PolicyRule, reference},
    report::visible,
    verdict::{Decision, Verdict},
};

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a policy from evidence of a machine that you know is good.
    #[command(after_help = "Examples:
  sealroom-verifier policy init --from bundle.cbor --with endorsements/ > policy.toml
  sealroom-verifier policy init --from report.bin --with vcek.der --with genoa_chain.pem")]
    Init(Late<Init>),
    /// Check a policy file. Exit 0: it can accept something; 2: a pin is open, and it never can; 3: it is no policy.
    #[command(after_help = "Examples:
  sealroom-verifier policy check policy.toml")]
    Check {
        /// The policy.
        file: PathBuf,
    },
    /// Show which rules differ, defaults included. Exit 0: none; 1: some.
    #[command(after_help = "Examples:
  sealroom-verifier policy diff policy.toml new.toml")]
    Diff {
        /// The one policy.
        old: PathBuf,
        /// The other.
        new: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a bulletin would break in a fleet. Exit 0: nothing; 1: something.
    #[command(after_help = "Examples:
  sealroom-verifier policy dry-run bulletin.toml fleet/ --policy policy.toml --with endorsements/")]
    DryRun(Late<DryRun>),
    /// Print the policy page: every key, in Markdown.
    #[command(after_help = "Examples:
  sealroom-verifier policy reference | less")]
    Reference,
}

/// Where a policy comes from.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The evidence: whatever `check` reads.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    vendors: Vendors,
    /// The time at which to judge. The present when it is not given.
    #[arg(long, value_name = "RFC3339", value_parser = rfc3339)]
    at: Option<UnixTime>,
}

/// A bulletin and a fleet.
#[derive(Debug, clap::Args)]
pub(super) struct DryRun {
    /// The bulletin, signed or not yet.
    bulletin: PathBuf,
    /// Evidence, and endorsements beside it; of a folder, every file.
    #[arg(required = true)]
    fleet: Vec<PathBuf>,
    /// The policy that the fleet is under.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    vendors: Vendors,
    /// The time at which to judge. The present when it is not given.
    #[arg(long, value_name = "RFC3339", value_parser = rfc3339)]
    at: Option<UnixTime>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Init(Late(arguments)) => init(arguments),
        Command::Check { file } => check_file(file),
        Command::Diff { old, new, json } => diff(old, new, *json),
        Command::DryRun(Late(arguments)) => dry_run(arguments),
        Command::Reference => {
            write!(anstream::stdout(), "{}", reference())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn init(arguments: &Init) -> Result<ExitCode> {
    let path = &arguments.from;
    let evidence = Evidence::from_file(&read(path)?)
        .with_context(|| format!("recognising {}", shown(path)))?;
    let at = arguments.at.map_or_else(now, Ok)?;
    let trust = arguments.vendors.trust(Policy::built_in(), &[])?;
    let verdict = check(&Input { evidence, nonce: None, mode: Mode::CryptoOnly, at }, &trust);
    let Some(claims) = &verdict.claims else {
        bail!("{} says nothing that a policy could name", shown(path));
    };
    let about = about(&verdict, &shown(path));
    write!(anstream::stdout(), "{}", Policy::observed(claims).to_toml(&about))?;
    Ok(ExitCode::SUCCESS)
}

/// What the reader of a written policy must know first.
fn about(verdict: &Verdict, file: &str) -> String {
    let standing = match verdict.crypto.name() {
        "genuine" => "genuine".to_owned(),
        other => format!("NOT PROVEN ({other}): check it before you use this"),
    };
    let simulated = if verdict.simulated() { "SIMULATED: a test key signed this.\n" } else { "" };
    format!(
        "{simulated}A policy from {file}, observed at {}; the evidence is {standing}.\nWhoever uses it says that this \
         machine was good. Lines that begin with a sign are what counts anyway.",
        verdict.at
    )
}

fn check_file(file: &Path) -> Result<ExitCode> {
    let policy = load_policy(file)?;
    let mut out = anstream::stdout();
    let mut open = Vec::new();
    if !policy.pins_a_measurement() {
        open.push("snp.measurements and tdx.images pin no image: every verdict is undecided");
    }
    if policy.models.is_empty() {
        open.push("models pins no model: no node is ever accepted");
    }
    for exception in &policy.exceptions {
        let (id, until, reason) = (exception.check.id, exception.until, &exception.reason);
        writeln!(out, "danger: {id} may break until {until}: {reason}")?;
    }
    for line in &open {
        writeln!(out, "open: {line}")?;
    }
    let rules = policy.rules().len();
    writeln!(out, "{}: {rules} rules, defaults included", shown(file))?;
    Ok(ExitCode::from(if policy.pins_a_measurement() { 0 } else { 2 }))
}

/// One rule in two policies.
#[derive(Debug, Serialize)]
struct Difference {
    key: String,
    old: Option<String>,
    new: Option<String>,
}

fn differences(old: &Policy, new: &Policy) -> Vec<Difference> {
    let (old, new) = (old.rules(), new.rules());
    let value = |rules: &[PolicyRule], key: &str| {
        rules.iter().find(|rule| rule.key == key).map(|rule| rule.value.clone())
    };
    let added = new.iter().filter(|rule| value(&old, &rule.key).is_none());
    let keys = old.iter().chain(added).map(|rule| rule.key.clone());
    let pairs = keys.map(|key| {
        let (old, new) = (value(&old, &key), value(&new, &key));
        Difference { key, old, new }
    });
    pairs.filter(|one| one.old != one.new).collect()
}

fn diff(old: &Path, new: &Path, json: bool) -> Result<ExitCode> {
    let differences = differences(&load_policy(old)?, &load_policy(new)?);
    let mut out = anstream::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&differences)?)?;
    } else {
        for Difference { key, old, new } in &differences {
            for (sign, value) in [('-', old), ('+', new)] {
                if let Some(value) = value {
                    writeln!(out, "{sign} {key} = {value}")?;
                }
            }
        }
    }
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

/// One machine of a fleet, before and after.
#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    before: &'static str,
    after: &'static str,
    because: Option<String>,
}

fn dry_run(arguments: &DryRun) -> Result<ExitCode> {
    let policy = load_policy(&arguments.policy)?;
    let draft = draft(&arguments.bulletin, &policy)?;
    let (fleet, endorsements) = fleet(arguments)?;
    let at = arguments.at.map_or_else(now, Ok)?;
    let anchors = arguments.vendors.anchors();
    let trust = |policy: Policy| Trust::new(policy, &endorsements, &anchors);
    let (before, after) = (trust(policy.clone()), trust(policy.tightened(&draft)));
    let judge = |evidence: &Evidence, trust: &Trust| {
        let evidence = evidence.clone();
        check(&Input { evidence, nonce: None, mode: Mode::Policy, at }, trust)
    };
    let outcomes: Vec<_> = fleet
        .iter()
        .map(|(path, evidence)| outcome(path, &judge(evidence, &before), &judge(evidence, &after)))
        .collect();
    let broken = outcomes.iter().filter(|one| one.before != one.after).count();
    let mut out = anstream::stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&outcomes)?)?;
    } else {
        write!(out, "{}", lines(&outcomes, broken))?;
    }
    Ok(ExitCode::from(u8::from(broken > 0)))
}

fn lines(outcomes: &[Outcome], broken: usize) -> String {
    let mut text = String::new();
    for Outcome { file, before, after, because } in outcomes {
        let change =
            if before == after { before.to_string() } else { format!("{before} -> {after}") };
        let because = because.as_ref().map_or(String::new(), |row| format!(": {row}"));
        let line: String = format!("{file}: {change}{because}").chars().map(visible).collect();
        writeln!(text, "{line}").expect("writing to a string");
    }
    writeln!(text, "{broken} of {} would change", outcomes.len()).expect("writing to a string");
    text
}

fn outcome(path: &Path, before: &Verdict, after: &Verdict) -> Outcome {
    let decisive = after.decisive().filter(|_| after.decision != Decision::Accepted);
    Outcome {
        file: path.display().to_string(),
        before: before.decision.name(),
        after: after.decision.name(),
        because: decisive.map(|row| format!("{} {}", row.check.id, row.found)),
    }
}

/// Signed by somebody whom the policy names, or not signed yet.
fn draft(path: &Path, policy: &Policy) -> Result<Bulletin> {
    let bulletin = text(path)?;
    let opened = match Bulletin::open(&bulletin, &policy.bulletins) {
        Err(BulletinError::Unsigned) => Bulletin::draft(&bulletin),
        opened => opened,
    };
    opened.with_context(|| format!("reading the bulletin {}", shown(path)))
}

type Fleet = Vec<(PathBuf, Evidence)>;

/// Every file of a fleet is evidence or an endorsement.
fn fleet(arguments: &DryRun) -> Result<(Fleet, Endorsements)> {
    let mut endorsements = arguments.vendors.endorsements()?;
    let mut fleet = Fleet::new();
    for path in &arguments.fleet {
        for file in files(path)? {
            let bytes = read(&file)?;
            match Evidence::from_file(&bytes) {
                Ok(evidence) => fleet.push((file, evidence)),
                Err(_) => {
                    let added = endorsements.add_file(&bytes);
                    added.with_context(|| format!("recognising {}", shown(&file)))?;
                }
            }
        }
    }
    if fleet.is_empty() {
        bail!("the fleet holds no evidence: give files or folders of reports, quotes or bundles");
    }
    Ok((fleet, endorsements))
}
