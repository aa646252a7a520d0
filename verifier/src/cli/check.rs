//! `check`: evidence from a file, judged.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{
    UnixTime, digests::Nonce, endorsements::Endorsements, transcript::sha256,
};

use super::{
    ear,
    files::{self, endorsement_files, read, shown, text},
    grounds::Grounds,
    output::{Output, exit},
    values::{nonce, now, rfc3339},
};
use crate::{
    bundle::{AuditBundle, Question},
    check::{Evidence, Input, Mode, check},
    judge::Trust,
    policy::Policy,
    verdict::Verdict,
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
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    ear: ear::Arguments,
}

/// Evidence, and what it is held against.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Asked {
    /// An evidence bundle, an SEV-SNP report or a GPU's report as binary or hexadecimal text, or a TDX quote.
    file: PathBuf,
    #[command(flatten)]
    grounds: Grounds,
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
}

/// Answers one question and prints the verdict.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let taken = arguments.output.to_stdout(arguments.ear.to_stdout())?;
    let signer = arguments.ear.signer(arguments.asked.nonce)?;
    let (question, verdict) = arguments.asked.answer()?;
    if let Some(signer) = &signer {
        let policy = question.policy.as_ref().map(|text| sha256(text.as_bytes()));
        signer.write(&verdict, policy)?;
    }
    arguments.output.write(&verdict, taken)?;
    Ok(exit(&verdict, question.mode))
}

impl Asked {
    /// The question with every file that it needs, and its answer.
    pub(super) fn answer(&self) -> Result<(Question, Verdict)> {
        let evidence = read(&self.file)?;
        if AuditBundle::looks_like(&evidence) {
            bail!("{} is an audit bundle: see `bundle verify`", shown(&self.file));
        }
        let kind = Evidence::from_file(&evidence)
            .with_context(|| format!("recognising {}", shown(&self.file)))?;
        if self.nonce.is_some() && !matches!(kind, Evidence::Bundle(_) | Evidence::GpuReport(_)) {
            bail!("only a bundle and a GPU's report name a nonce: a CPU's bare report has none");
        }
        let policy = self.policy.as_deref().map(text).transpose()?;
        let read = self.policy.as_deref().zip(policy.as_deref());
        let rules = read.map(|(path, text)| files::policy(path, text)).transpose()?;
        let bulletins = self.grounds.bulletin.iter().map(|path| text(path));
        let (files, mut endorsements) = endorsement_files(&self.grounds.vendors.with)?;
        let mut question = Question {
            evidence,
            endorsements: files,
            policy,
            bulletins: bulletins.collect::<Result<_>>()?,
            nonce: self.nonce,
            mode: if self.crypto_only { Mode::CryptoOnly } else { Mode::Policy },
            at: self.at.map_or_else(now, Ok)?,
            simulated_roots: self.grounds.vendors.danger_accept_simulated.iter().copied().collect(),
        };
        if self.grounds.fetch {
            self.fetch(&mut question, &mut endorsements)?;
        }
        let verdict = question.answer_from(kind, rules, &endorsements)?;
        Ok((question, verdict))
    }

    /// Adds what can be had to a question. What cannot is said, and missing in its answer.
    fn fetch(&self, question: &mut Question, endorsements: &mut Endorsements) -> Result<()> {
        let (at, anchors) = (question.at, self.grounds.vendors.anchors());
        let trust = Trust::new(Policy::built_in(), endorsements, &anchors);
        let evidence = Evidence::from_file(&question.evidence)?;
        let input = Input { evidence, nonce: question.nonce, mode: Mode::CryptoOnly, at };
        let read = |more: &Endorsements| check(&input, &trust.with_endorsements(more)).claims;
        let (_, gathered) = self.grounds.sources.gather(read, anchors, at)?;
        if self.at.is_none() {
            // Some of it may be signed since.
            question.at = now()?;
        }
        // An old list in a folder would refuse what was fetched since.
        question.endorsements.retain(|file| !is_superseded(file, &gathered.endorsements));
        let entries = gathered.found.into_iter().map(|(_, asked)| asked.entry);
        question.endorsements.extend(entries.flat_map(|entry| entry.files.clone()));
        // As whoever asks again reads them: the same files in the same order.
        *endorsements = Endorsements::default();
        for file in &question.endorsements {
            endorsements.add_file(file).context("reading what was fetched")?;
        }
        Ok(())
    }
}

/// True where everything in a file is older than what was fetched.
fn is_superseded(file: &[u8], by: &Endorsements) -> bool {
    let mut own = Endorsements::default();
    let is_read = own.add_file(file).is_ok() && own != Endorsements::default();
    is_read && own.without_superseded(by) == Endorsements::default()
}
