//! `inspect`: a live node, judged on a connection of our own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use ring::rand::SystemRandom;
use sealroom_attestation::{endorsements::Endorsements, endpoints::Proof};

use super::{
    files::{load_policy, shown},
    grounds::Grounds,
    output::{Output, exit},
    values::now,
};
use crate::{
    check::Mode,
    contact::{Contact, ContactError, Shown, Target},
    inspect::inspect,
    policy::Policy,
};

const AFTER_HELP: &str = "\
Asks the node for evidence under a nonce of its own and judges it with the binder of this very connection. Nothing is sealed
and no prompt is sent. A node out of reach is undecided. Exit codes: 0 accepted, 1 refused, 2 could not decide, 3 usage.

Examples:
  sealroom-verifier inspect https://node.example:8443 --policy policy.toml --with endorsements/
  sealroom-verifier inspect https://node.example:8443 --policy policy.toml --fetch --json --save evidence.cbor
  sealroom-verifier inspect https://node.example:8443 --freshness key --html verdict.html";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The node, as https://HOST[:PORT].
    #[arg(value_parser = Target::from_url)]
    node: Target,
    /// The policy. Without one the built-in policy is used, which can refuse but never accept.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    grounds: Grounds,
    /// What the node is asked to prove with.
    #[arg(long, value_enum, default_value_t = Freshness::Hardware)]
    freshness: Freshness,
    /// Also keep the evidence, for `check` and `bundle make`: whoever was not on this connection sees no freshness in it. A
    /// file that is there is not replaced.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// A proof that a node can be asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Freshness {
    /// A signature of the attested identity.
    Key,
    /// A quote that is younger than our nonce.
    Hardware,
}

/// Asks, judges, prints.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let taken = arguments.output.to_stdout(false)?;
    let policy = arguments.policy.as_deref().map(load_policy).transpose()?;
    let policy = policy.unwrap_or_else(Policy::built_in);
    let mut trust = arguments.grounds.trust(policy)?;
    let proof = match arguments.freshness {
        Freshness::Key => Proof::Key,
        Freshness::Hardware => Proof::Hardware,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let shown = runtime.block_on(ask(&arguments.node, proof));
    if let (Some(path), Ok(shown)) = (&arguments.save, &shown) {
        save(path, shown)?;
    }
    let mut at = now()?;
    let grounds = &arguments.grounds;
    if grounds.fetch {
        let judged = |more: &Endorsements| {
            inspect(shown.as_ref(), &trust.with_endorsements(more), at).claims
        };
        let (_, gathered) = grounds.sources.gather(judged, grounds.vendors.anchors(), at)?;
        trust = trust.with_endorsements(&gathered.endorsements);
        // Some of it may be signed since.
        at = now()?;
    }
    let verdict = inspect(shown.as_ref(), &trust, at);
    arguments.output.write(&verdict, taken)?;
    Ok(exit(&verdict, Mode::Policy))
}

/// What a node shows on a connection of our own, under a fresh nonce.
pub(super) async fn ask(node: &Target, proof: Proof) -> Result<Shown, ContactError> {
    Contact::dial(node).await?.challenge(proof, &SystemRandom::new()).await
}

fn save(path: &Path, evidence: &Shown) -> Result<()> {
    let mut file =
        fs::File::create_new(path).with_context(|| format!("creating {}", shown(path)))?;
    file.write_all(&evidence.bundle).with_context(|| format!("writing {}", shown(path)))
}
