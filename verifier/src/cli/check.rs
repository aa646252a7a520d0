//! `check`: evidence from a file, judged.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{UnixTime, digests::Nonce};

use super::{
    files::{endorsement_files, load_policy, read, text},
    values::{digest, nonce, now, rfc3339},
};
use crate::{
    bundle::{AuditBundle, Question, json},
    check::{Evidence, Mode},
    report::table,
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
    let question = arguments.question()?;
    let verdict = question.answer()?;
    arguments.print(&verdict)?;
    Ok(exit(&verdict, question.mode))
}

impl Arguments {
    /// The question, with every file that it needs.
    pub(super) fn question(&self) -> Result<Question> {
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
        if let Some(path) = &self.policy {
            load_policy(path)?;
        }
        let bulletins = self.bulletin.iter().map(|path| text(path));
        Ok(Question {
            evidence,
            endorsements: endorsement_files(&self.with)?.into_iter().collect(),
            policy,
            bulletins: bulletins.collect::<Result<_>>()?,
            nonce: self.nonce,
            mode: if self.crypto_only { Mode::CryptoOnly } else { Mode::Policy },
            at: self.at.map_or_else(now, Ok)?,
            simulated_roots: self.danger_accept_simulated.iter().copied().collect(),
        })
    }

    /// Prints a verdict as it is asked for.
    pub(super) fn print(&self, verdict: &Verdict) -> Result<()> {
        if self.json {
            std::io::stdout().lock().write_all(&json(verdict))?;
        } else {
            write!(anstream::stdout(), "{}", table(verdict))?;
        }
        Ok(())
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
