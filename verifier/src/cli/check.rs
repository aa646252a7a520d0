//! `check`: evidence from a file, judged.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{UnixTime, digests::Nonce, transcript::sha256};

use super::{
    ear,
    files::{self, endorsement_files, is_stdout, read, text, write_output},
    values::{digest, nonce, now, rfc3339},
};
use crate::{
    bundle::{AuditBundle, Question, json},
    check::{Evidence, Mode},
    report::{self, table},
    verdict::{Crypto, Decision, Verdict},
};

pub(super) const AFTER_HELP: &str =
    "Exit codes: 0 accepted, 1 refused, 2 could not decide, 3 usage.

Examples:
  sealroom-verifier check report.bin --with vcek.der --with genoa_chain.pem
  sealroom-verifier check quote.bin --with collateral.json --policy policy.toml --html verdict.html
  sealroom-verifier check gpu.hex --with chain.pem --with driver_rim.xml --with vbios_rim.xml --nonce 00112233...
  sealroom-verifier check bundle.cbor --policy policy.toml --at 2026-06-01T00:00:00Z --json
  sealroom-verifier check bundle.cbor --policy policy.toml --nonce 00112233... --ear result.jwt --ear-key key.pem";

/// A question, and what the answer is written to.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Print JSON, schema 1.
    #[arg(long)]
    json: bool,
    /// Also write a page for people that loads nothing; `-` is standard output, instead of the text.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    ear: ear::Arguments,
}

/// Evidence, and what it is held against.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Asked {
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
    /// Trust one simulated root, by the SHA-256 of its certificate; again for a second one, as of a CPU and a GPU. Every
    /// output says SIMULATED.
    #[arg(long, value_name = "SHA256_OF_ROOT", value_parser = digest)]
    danger_accept_simulated: Vec<[u8; 32]>,
}

/// Answers one question and prints the verdict.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let html = arguments.html.as_deref();
    let taken = [arguments.json, html.is_some_and(is_stdout), arguments.ear.to_stdout()];
    if taken.into_iter().filter(|output| *output).count() > 1 {
        bail!("two outputs cannot both be written to standard output: give one of them a file");
    }
    let signer = arguments.ear.signer(arguments.asked.nonce)?;
    let (question, verdict) = arguments.asked.answer()?;
    if let Some(signer) = &signer {
        let policy = question.policy.as_ref().map(|text| sha256(text.as_bytes()));
        signer.write(&verdict, policy)?;
    }
    if let Some(path) = html {
        write_output(path, report::html(&verdict).as_bytes())?;
    }
    if !taken.contains(&true) || arguments.json {
        print(&verdict, arguments.json)?;
    }
    Ok(exit(&verdict, question.mode))
}

/// Prints a verdict as text or JSON.
pub(super) fn print(verdict: &Verdict, as_json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        return Ok(out.write_all(&json(verdict))?);
    }
    let text = table(verdict);
    // As a whole: a stream that strips styles writes every line by itself.
    match AutoStream::choice(&out) {
        ColorChoice::Never => out.write_all(strip_str(&text).to_string().as_bytes())?,
        _ => AutoStream::auto(out).write_all(text.as_bytes())?,
    }
    Ok(())
}

impl Asked {
    /// The question with every file that it needs, and its answer.
    pub(super) fn answer(&self) -> Result<(Question, Verdict)> {
        let evidence = read(&self.file)?;
        if AuditBundle::looks_like(&evidence) {
            bail!("{} is an audit bundle: see `bundle verify`", self.file.display());
        }
        let kind = Evidence::from_file(&evidence)
            .with_context(|| format!("recognising {}", self.file.display()))?;
        if self.nonce.is_some() && !matches!(kind, Evidence::Bundle(_) | Evidence::GpuReport(_)) {
            bail!("only a bundle and a GPU's report name a nonce: a CPU's bare report has none");
        }
        let policy = self.policy.as_deref().map(text).transpose()?;
        let read = self.policy.as_deref().zip(policy.as_deref());
        let rules = read.map(|(path, text)| files::policy(path, text)).transpose()?;
        let bulletins = self.bulletin.iter().map(|path| text(path));
        let (files, endorsements) = endorsement_files(&self.with)?;
        let question = Question {
            evidence,
            endorsements: files,
            policy,
            bulletins: bulletins.collect::<Result<_>>()?,
            nonce: self.nonce,
            mode: if self.crypto_only { Mode::CryptoOnly } else { Mode::Policy },
            at: self.at.map_or_else(now, Ok)?,
            simulated_roots: self.danger_accept_simulated.iter().copied().collect(),
        };
        let verdict = question.answer_from(kind, rules, &endorsements)?;
        Ok((question, verdict))
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
