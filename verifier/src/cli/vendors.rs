//! What the vendors bring to every judgement: endorsements and roots.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sealroom_attestation::endorsements::{Anchors, Endorsements};

use super::{
    files::{load_endorsements, shown, text},
    values::digest,
};
use crate::{judge::Trust, policy::Policy};

/// Endorsements and roots, as every command that judges takes them.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Vendors {
    /// Endorsements, recognised by content: certificates and revocation lists, PEM or DER; TCB info, QE identity and
    /// collateral, JSON; a GPU's certificate chain, RIMs, OCSP responses, tokens and key sets. Of a folder, every file.
    #[arg(long = "with", value_name = "PATH")]
    pub with: Vec<PathBuf>,
    /// Trust one simulated root, by the SHA-256 of its certificate; again for a second one, as of a CPU and a GPU. Every
    /// output says SIMULATED.
    #[arg(long, value_name = "SHA256_OF_ROOT", value_parser = digest)]
    pub danger_accept_simulated: Vec<[u8; 32]>,
}

impl Vendors {
    /// The endorsements of every file.
    ///
    /// # Errors
    /// Where a file cannot be read or holds no endorsements, with its name.
    pub fn endorsements(&self) -> Result<Endorsements> {
        load_endorsements(&self.with)
    }

    /// The vendors' roots, and the simulated ones that the command line names.
    #[must_use]
    pub fn anchors(&self) -> Anchors {
        let add = |anchors: Anchors, root: &[u8; 32]| anchors.danger_accept_simulated(*root);
        self.danger_accept_simulated.iter().fold(Anchors::production(), add)
    }

    /// A policy with all of it, and with bulletins from files.
    ///
    /// # Errors
    /// Where a file cannot be read, or is not what it should be, with its name.
    pub fn trust(&self, policy: Policy, bulletins: &[PathBuf]) -> Result<Trust> {
        let trust = Trust::new(policy, &self.endorsements()?, &self.anchors());
        bulletins.iter().try_fold(trust, |trust, path| {
            let trust = trust.with_bulletin(&text(path)?);
            trust.with_context(|| format!("reading the bulletin {}", shown(path)))
        })
    }
}
