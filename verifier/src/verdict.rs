//! A verdict: the policy over the claims, with every check and its reason.

use sealroom_attestation::{
    Ledger, UnixTime, Window,
    claims::{Finding, Outcome},
    digests::EvidenceId,
    gpu::GpuClaims,
    node::{HardwareClaims, NodeClaims},
    receipt::Receipt,
};

use crate::policy::DangerException;

/// What was judged, as far as it could be decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Claims {
    /// A node's bundle.
    Node(Box<NodeClaims>),
    /// A bare report or quote of a CPU.
    Bare(HardwareClaims),
    /// A bare report of a GPU or a switch.
    Gpu(Box<GpuClaims>),
}

impl Claims {
    /// The CPU's part, where there is one.
    #[must_use]
    pub const fn hardware(&self) -> Option<&HardwareClaims> {
        match self {
            Self::Node(node) => Some(&node.hardware),
            Self::Bare(hardware) => Some(hardware),
            Self::Gpu(_) => None,
        }
    }

    /// When all of it counts.
    #[must_use]
    pub const fn validity(&self) -> Window {
        match self {
            Self::Node(node) => node.validity,
            Self::Bare(hardware) => hardware.validity(),
            Self::Gpu(gpu) => gpu.validity,
        }
    }

    /// The node's part, where a node was judged.
    #[must_use]
    pub const fn node(&self) -> Option<&NodeClaims> {
        match self {
            Self::Node(node) => Some(node),
            Self::Bare(_) | Self::Gpu(_) => None,
        }
    }
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything that the policy asks was checked and holds. Exit code 0.
    Accepted,
    /// Something was checked and does not hold. Exit code 1.
    Refused,
    /// Nothing failed, and something needed could not be checked. Exit code 2.
    Undecided,
}

impl Decision {
    /// As JSON and tables spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
        }
    }
}

/// Whether the evidence is genuinely the vendor's, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// Signatures, chains, windows and bindings hold. Exit code 0 with `--crypto-only`.
    Genuine,
    /// One of them does not. Exit code 1.
    Forged,
    /// An input was missing. Exit code 2.
    Undecided,
}

impl Crypto {
    /// As JSON and tables spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Forged => "forged",
            Self::Undecided => "undecided",
        }
    }
}

/// What came out, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Whether the evidence is genuine.
    pub crypto: Crypto,
    /// The time of the judgement.
    pub at: UnixTime,
    /// What was judged, where it could be decoded. Proven only where `crypto` is genuine.
    pub claims: Option<Claims>,
    /// The policy's exceptions, used or not. Every output names them first.
    pub exceptions: Vec<DangerException>,
    /// What a receipt of the node says, where one was given and its signature holds.
    pub receipt: Option<Receipt>,
    /// The last second in which the policy's own dates let an accepted verdict stand; of others no second is named.
    pub until: UnixTime,
    /// Every check.
    pub ledger: Ledger,
}

impl Verdict {
    /// True when any root under the evidence is a simulated one. Every output says so first.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.claims.as_ref().is_some_and(|claims| match claims {
            Claims::Node(node) => node.simulated(),
            Claims::Bare(hardware) => hardware.simulated(),
            Claims::Gpu(gpu) => gpu.simulated,
        })
    }

    /// The name of the evidence that no malleable byte changes.
    #[must_use]
    pub fn evidence_id(&self) -> Option<EvidenceId> {
        match self.claims.as_ref()? {
            Claims::Gpu(gpu) => gpu.evidence_id().map(EvidenceId),
            other => other.hardware()?.evidence_id(),
        }
    }

    /// The last second in which this holds: of statement, certificates, revocation lists, documents and the policy's own
    /// dates, whichever ends first.
    #[must_use]
    pub fn valid_until(&self) -> UnixTime {
        let evidence =
            self.claims.as_ref().map_or(UnixTime(u64::MAX), |claims| claims.validity().until);
        evidence.min(self.until)
    }

    /// True where the policy's owner let something pass that its rules refuse.
    #[must_use]
    pub fn excepted(&self) -> bool {
        self.ledger.findings().iter().any(|row| row.outcome == Outcome::Excepted)
    }

    /// `used` where some row is let pass by this exception, `ended` after its date, else `unused`.
    #[must_use]
    pub fn state(&self, exception: &DangerException) -> &'static str {
        let excepted = |row: &&Finding| row.outcome == Outcome::Excepted;
        let mut rows = self.ledger.findings().iter().filter(excepted);
        match rows.any(|row| row.check.id == exception.check.id) {
            true => "used",
            false if exception.counts(self.at) => "unused",
            false => "ended",
        }
    }

    /// The row that decided: the first failed one, else the first that is missing.
    #[must_use]
    pub fn decisive(&self) -> Option<&Finding> {
        let rows = self.ledger.findings();
        let with = |outcome| rows.iter().find(|row| row.outcome == outcome);
        with(Outcome::Fail).or_else(|| with(Outcome::Missing))
    }
}
