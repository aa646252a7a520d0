//! The auditor's command line.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use sealroom_attestation::{
    UnixTime,
    digests::Nonce,
    endorsements::{Anchors, Endorsements},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    check::{Evidence, Input, Mode, check},
    judge::Trust,
    policy::Policy,
    report::{VerdictReport, table},
    verdict::{Crypto, Decision, Verdict},
};

/// Exit code for a question that could not be asked.
const USAGE: u8 = 3;

/// Checks evidence of confidential nodes, offline.
#[derive(Debug, Parser)]
#[command(name = "sealroom-verifier", version, about, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 accepted, 1 refused, 2 could not decide, 3 usage.

Examples:
  sealroom-verifier check report.bin --with vcek.der --with genoa_chain.pem
  sealroom-verifier check report.bin --with vcek.der --with genoa_chain.pem --crypto-only --json
  sealroom-verifier check quote.bin --with collateral.json --crypto-only
  sealroom-verifier check gpu.hex --with chain.pem --with driver_rim.xml --with vbios_rim.xml --nonce 00112233...
  sealroom-verifier check bundle.cbor --policy policy.toml --nonce 00112233... --at 2026-06-01T00:00:00Z";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check evidence from a file.
    Check(CheckArguments),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
struct CheckArguments {
    /// An evidence bundle, an SEV-SNP report or a GPU's report as binary or hexadecimal text, or a TDX quote.
    file: PathBuf,
    /// Endorsements, recognised by content: certificates and revocation lists, PEM or DER; TCB info, QE identity and
    /// collateral, JSON; a GPU's certificate chain, RIMs, OCSP responses, tokens and key sets. Of a folder, every file.
    #[arg(long = "with", value_name = "PATH")]
    with: Vec<PathBuf>,
    /// The policy. Without one the built-in policy is used, which can refuse but never accept.
    #[arg(long, value_name = "FILE", conflicts_with = "crypto_only")]
    policy: Option<PathBuf>,
    /// The time at which to judge. The present when it is not given.
    #[arg(long, value_name = "RFC3339", value_parser = rfc3339)]
    at: Option<UnixTime>,
    /// The nonce for which a bundle or a GPU's report was made: 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<Nonce>,
    /// Answer one question: is this genuinely the vendor's? Exit 0 genuine, 1 not, 2 undecided.
    #[arg(long)]
    crypto_only: bool,
    /// Print JSON, schema 1.
    #[arg(long)]
    json: bool,
    /// Trust one simulated root, by the SHA-256 of its certificate; again for a second one, as of a CPU and a GPU. Every
    /// output says SIMULATED.
    #[arg(long, value_name = "SHA256_OF_ROOT", value_parser = digest)]
    danger_accept_simulated: Vec<[u8; 32]>,
}

fn rfc3339(text: &str) -> Result<UnixTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())?;
    let seconds =
        u64::try_from(time.unix_timestamp()).map_err(|_| "a time before 1970".to_owned())?;
    Ok(UnixTime(seconds))
}

/// Parses a SHA-256 digest from the command line.
///
/// # Errors
/// A sentence for people when it is not 64 hexadecimal digits.
pub fn digest(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    let found = text.len();
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| format!("{found} characters, 64 hexadecimal digits expected"))?;
    Ok(bytes)
}

fn nonce(text: &str) -> Result<Nonce, String> {
    digest(text).map(Nonce)
}

/// Runs the command line and says how to exit.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// Help and version are no errors; everything else clap would exit 2 for, which means "undecided" here.
fn usage(error: &clap::Error) -> ExitCode {
    // Where the stream is gone there is nobody to tell.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Check(arguments) => run_check(&arguments),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(
                shell,
                &mut command,
                "sealroom-verifier",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_check(arguments: &CheckArguments) -> Result<ExitCode> {
    let trust = trust(arguments)?;
    let file = read(&arguments.file)?;
    let evidence = Evidence::from_file(&file)
        .with_context(|| format!("recognising {}", arguments.file.display()))?;
    if arguments.nonce.is_some()
        && !matches!(evidence, Evidence::Bundle(_) | Evidence::GpuReport(_))
    {
        bail!("only a bundle and a GPU's report name a nonce: a CPU's bare report has none");
    }
    let mode = if arguments.crypto_only { Mode::CryptoOnly } else { Mode::Policy };
    let at = arguments.at.map_or_else(now, Ok)?;
    let verdict = check(&Input { evidence, nonce: arguments.nonce, mode, at }, &trust);
    print(&verdict, arguments.json)?;
    Ok(exit(&verdict, mode))
}

fn trust(arguments: &CheckArguments) -> Result<Trust> {
    let policy = match &arguments.policy {
        None => Policy::built_in(),
        Some(path) => load_policy(path)?,
    };
    let endorsements = load_endorsements(&arguments.with)?;
    let mut anchors = Anchors::production();
    for root in &arguments.danger_accept_simulated {
        anchors = anchors.danger_accept_simulated(*root);
    }
    Ok(Trust::new(policy, &endorsements, &anchors))
}

/// Loads a policy file.
///
/// # Errors
/// Where it cannot be read or is no policy, with the file's name.
pub fn load_policy(path: &std::path::Path) -> Result<Policy> {
    let text = String::from_utf8(read(path)?)
        .with_context(|| format!("reading {}: it is not text", path.display()))?;
    Policy::from_toml(&text).with_context(|| format!("checking the policy {}", path.display()))
}

/// Loads endorsements, each file recognised by its content; of a folder every file, in the order of their names.
///
/// # Errors
/// Where a file cannot be read or holds no endorsements, with its name.
pub fn load_endorsements(paths: &[PathBuf]) -> Result<Endorsements> {
    let mut endorsements = Endorsements::default();
    for path in paths {
        for file in files(path)? {
            let added = endorsements.add_file(&read(&file)?);
            added.with_context(|| format!("recognising {}", file.display()))?;
        }
    }
    Ok(endorsements)
}

/// The files in a folder, without those in folders below it; of a file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listing = || format!("listing {}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(listing)? {
        let file = entry.with_context(listing)?.path();
        if !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The largest file that is read, bytes: the limit of a bundle, and far above any endorsement.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Pipes and devices have no length to ask for: what is read is counted.
fn read(path: &Path) -> Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let file = fs::File::open(path).with_context(reading)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(reading)?;
    if bytes.len() as u64 > LARGEST {
        bail!("{} has more than the {LARGEST} bytes that are read", path.display());
    }
    Ok(bytes)
}

fn now() -> Result<UnixTime> {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let elapsed = elapsed.context("reading the clock: it says a time before 1970; give --at")?;
    Ok(UnixTime(elapsed.as_secs()))
}

fn print(verdict: &Verdict, json: bool) -> Result<()> {
    if json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &VerdictReport::from(verdict))?;
        writeln!(out)?;
    } else {
        write!(anstream::stdout(), "{}", table(verdict))?;
    }
    Ok(())
}

fn exit(verdict: &Verdict, mode: Mode) -> ExitCode {
    let code = match (mode, verdict.crypto, verdict.decision) {
        (Mode::CryptoOnly, Crypto::Genuine, _) | (Mode::Policy, _, Decision::Accepted) => 0,
        (Mode::CryptoOnly, Crypto::Forged, _) | (Mode::Policy, _, Decision::Refused) => 1,
        (Mode::CryptoOnly, Crypto::Undecided, _) | (Mode::Policy, _, Decision::Undecided) => 2,
    };
    ExitCode::from(code)
}
