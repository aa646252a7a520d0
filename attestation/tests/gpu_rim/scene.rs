//! Forged evidence and endorsements, and what comes of them.

use std::sync::Arc;

use sealroom_attestation::gpu::rim::{self, Rim};
use sealroom_attestation::gpu::{Anchors, Endorsements, GpuError};
use sealroom_attestation::{Refusal, UnixTime, Verified};
use sealroom_forge::{Fake, FakeRim, RimEvidence, RimKind};

use crate::Verdict;

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const SEED: [u8; 32] = [7; 32];

pub(crate) fn fake() -> FakeRim {
    Fake::rim(SEED, RimKind::Vbios)
}

pub(crate) fn driver() -> FakeRim {
    Fake::rim(SEED, RimKind::Driver)
}

pub(crate) fn switch() -> FakeRim {
    Fake::rim(SEED, RimKind::SwitchBios)
}

pub(crate) fn anchors(evidence: &RimEvidence) -> Anchors {
    Anchors::production().danger_accept_simulated(evidence.root_sha256)
}

/// The verdict on RIMs under the root of the first.
pub(crate) fn verdict(rims: &[FakeRim]) -> Verdict {
    verdict_at(rims, NOW)
}

pub(crate) fn verdict_at(rims: &[FakeRim], now: u64) -> Verdict {
    let signed: Vec<_> = rims.iter().map(FakeRim::sign).collect();
    let given = Endorsements {
        rims: signed.iter().map(|one| one.xml.clone()).collect(),
        ..Endorsements::default()
    };
    rim::verify(&given, &anchors(&signed[0]), UnixTime(now))
}

/// RIMs that were verified.
#[track_caller]
pub(crate) fn verified(rims: &[FakeRim]) -> Verified<Vec<Arc<Rim>>> {
    verdict(rims).unwrap_or_else(|refusal| panic!("{:?} {:?}", refusal.error, refusal.ledger))
}

/// How a verification ended: the checks that failed, and whether it was verified.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    failed: Vec<&'static str>,
    verified: bool,
}

impl<T> From<Result<Verified<T>, Box<Refusal<GpuError, T>>>> for Outcome {
    fn from(verdict: Result<Verified<T>, Box<Refusal<GpuError, T>>>) -> Self {
        let failed = crate::failed(&verdict);
        Self { failed, verified: verdict.is_ok() }
    }
}

impl From<FakeRim> for Outcome {
    fn from(rim: FakeRim) -> Self {
        verdict(&[rim]).into()
    }
}

/// One refusal, and its accepting twin: the same but for the one change.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    line: u32,
    accepted: Outcome,
    refused: Outcome,
}

/// What is refused by exactly this check, beside what is accepted.
#[track_caller]
pub(crate) fn row(
    id: &'static str,
    accepted: impl Into<Outcome>,
    refused: impl Into<Outcome>,
) -> Row {
    let line = std::panic::Location::caller().line();
    Row { id, line, accepted: accepted.into(), refused: refused.into() }
}

impl Row {
    /// Says which check refused.
    pub(crate) fn run(&self) -> &'static str {
        let Self { id, line, accepted, refused } = self;
        assert!(accepted.verified, "{id}, the twin of the row in line {line}: {accepted:?}");
        assert_eq!((refused.failed.as_slice(), refused.verified), (&[*id][..], false), "{line}");
        id
    }
}
