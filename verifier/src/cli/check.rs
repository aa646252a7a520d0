//! `check`: evidence from a file, judged.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{UnixTime, digests::Nonce};

use super::{
    files::{load_endorsements, load_policy, read, text},
    values::{anchors, digest, nonce, now, rfc3339},
};
use crate::{
    check::{Evidence, Input, Mode, check},
    judge::Trust,
    policy::Policy,
    report::{VerdictReport, table},
    verdict::{Crypto, Decision, Verdict},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An evidence bundle, an SEV-SNP report or a GPU's report as binary or hexadecimal text, or a TDX quote.
    file: PathBuf,
    /// Endorsements, recognised by content: certificates and revocation lists, PEM or DER; TCB info, QE identity and
    /// collateral, JSON; a GPU's certificate chain, RIMs, OCSP responses, tokens and key sets. Of a folder, every file.
    #[arg(long = "with", value_name = "PATH")]
    with: Vec<PathBuf>,
    /// The policy. Without one the built-in policy is used, which can refuse but never accept.
    #[arg(long, value_name = "FILE", conflicts_with = "crypto_only")]
    policy: Option<PathBuf>,
    /// A signed bulletin of a publisher whom the policy names: floors and deny lists; again for a second one.
    #[arg(long, value_name = "FILE", requires = "policy")]
    bulletin: Vec<PathBuf>,
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

/// Answers one question and prints the verdict.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
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

fn trust(arguments: &Arguments) -> Result<Trust> {
    let policy = match &arguments.policy {
        None => Policy::built_in(),
        Some(path) => load_policy(path)?,
    };
    let endorsements = load_endorsements(&arguments.with)?;
    let anchors = anchors(&arguments.danger_accept_simulated);
    let mut trust = Trust::new(policy, &endorsements, &anchors);
    for path in &arguments.bulletin {
        trust = trust
            .with_bulletin(&text(path)?)
            .with_context(|| format!("reading the bulletin {}", path.display()))?;
    }
    Ok(trust)
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
