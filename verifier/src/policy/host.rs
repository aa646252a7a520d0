//! Machines whose site somebody knows: no report says who can touch the machine that it came from.

use std::collections::BTreeSet;

/// What is known about who can touch a machine, from the least to the most. Only the policy's owner can know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Physical {
    /// Nothing: anybody may have an interposer on its memory bus.
    Unknown,
    /// It stands in a provider's data centre, by contract.
    Hosted,
    /// Access to it is controlled, and audited by somebody else.
    Audited,
    /// It stands in the owner's own cage.
    Own,
}

/// One machine, or several of one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Who can touch it.
    pub physical: Physical,
    /// SEV-SNP: hardware ids of chips.
    pub chips: BTreeSet<Vec<u8>>,
    /// TDX: PPIDs or platform instance ids.
    pub platforms: BTreeSet<[u8; 16]>,
}
