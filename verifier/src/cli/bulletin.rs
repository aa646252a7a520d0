//! `bulletin`: sign floors and deny lists, and read what others signed.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::files::{load_policy, shown, signing_key, text};
use crate::policy::Bulletin;

/// What to do with a bulletin.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sign a bulletin and print it; the public key, for policies, goes to standard error.
    #[command(after_help = "Examples:
  openssl genpkey -algorithm ed25519 -outform DER -out publisher.key
  sealroom-verifier bulletin sign bulletin.toml --key publisher.key > bulletin.signed.toml")]
    Sign {
        /// The bulletin, in TOML.
        file: PathBuf,
        /// The publisher's key: Ed25519, PKCS #8, DER or PEM.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Check a signed bulletin against the keys of a policy.
    #[command(after_help = "Examples:
  sealroom-verifier bulletin check bulletin.signed.toml --policy policy.toml")]
    Check {
        /// The signed bulletin.
        file: PathBuf,
        /// The policy that names its publisher.
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    let mut out = anstream::stdout();
    match command {
        Command::Sign { file, key } => {
            let pair = signing_key(key)?;
            let public = public(&pair)?;
            let sign = |message: &[u8]| {
                pair.sign(message).as_ref().try_into().expect("Ed25519 signs with 64 bytes")
            };
            let signed = Bulletin::sign(&text(file)?, &public, sign)
                .with_context(|| format!("signing {}", shown(file)))?;
            write!(out, "{signed}")?;
            anstream::eprintln!("signed by {}", hex::encode(public));
        }
        Command::Check { file, policy } => {
            let rules = load_policy(policy)?.bulletins;
            let bulletin = Bulletin::open(&text(file)?, &rules)
                .with_context(|| format!("reading the bulletin {}", shown(file)))?;
            let Bulletin { publisher, sequence, window, .. } = bulletin;
            writeln!(out, "{publisher} {sequence}: {} to {}", window.from, window.until)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn public(pair: &Ed25519KeyPair) -> Result<[u8; 32]> {
    let public = pair.public_key().as_ref().try_into();
    public.context("the public key is not 32 bytes")
}
