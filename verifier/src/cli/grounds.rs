//! What a judgement stands on beside its policy, as every command takes it that judges and may fetch.

use std::path::PathBuf;

use anyhow::Result;

use super::{sources::Sources, vendors::Vendors};
use crate::{endorsements::Store, judge::Trust, policy::Policy};

/// Bulletins, endorsements and roots, and where more endorsements come from.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Grounds {
    /// A signed bulletin of a publisher whom the policy names: floors and deny lists; again for a second one.
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub bulletin: Vec<PathBuf>,
    /// Endorsements and roots.
    #[command(flatten)]
    pub vendors: Vendors,
    /// Fetch what evidence stands on, and use it beside what is given.
    #[arg(long)]
    pub fetch: bool,
    /// Where from, and where it is kept.
    #[command(flatten)]
    pub sources: Sources,
}

impl Grounds {
    /// A policy with all that was given.
    ///
    /// # Errors
    /// Where a file cannot be read, or is not what it should be, with its name.
    pub fn trust(&self, policy: Policy) -> Result<Trust> {
        self.vendors.trust(policy, &self.bulletin)
    }

    /// Where the rest comes from; `None` where nothing may be fetched.
    ///
    /// # Errors
    /// Where the cache or the ratchet cannot be opened.
    pub fn store(&self) -> Result<Option<Store>> {
        self.fetch.then(|| self.sources.store(self.vendors.anchors())).transpose()
    }
}
