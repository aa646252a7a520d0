//! A verification to be: evidence, roots, a nonce and a time, and what must come of it.

use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::gpu::{
    Anchors, Endorsements, GpuClaims, GpuError, GpuSet, SetError, verify, verify_set,
};
use sealroom_attestation::{Ledger, Refusal, UnixTime, Verified};
use sealroom_forge::{Fake, FakeGpu, FakeHgx, GpuClass as Kind, GpuEvidence};

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const KINDS: [Kind; 3] = [Kind::Hopper, Kind::Blackwell, Kind::Ls10];

pub(crate) type Verdict = Result<Verified<GpuClaims>, Box<Refusal<GpuError, GpuClaims>>>;
pub(crate) type SetVerdict = Result<Verified<GpuSet>, Box<Refusal<SetError, GpuSet>>>;

pub(crate) fn fake() -> FakeGpu {
    Fake::gpu([7; 32])
}

pub(crate) fn blackwell() -> FakeGpu {
    fake().class(Kind::Blackwell)
}

pub(crate) fn switch() -> FakeGpu {
    fake().class(Kind::Ls10)
}

pub(crate) fn hgx() -> FakeHgx {
    Fake::hgx([7; 32])
}

pub(crate) fn entry(evidence: GpuEvidence) -> GpuEntry {
    let class = match evidence.class {
        Kind::Hopper => GpuClass::Hopper,
        Kind::Blackwell => GpuClass::Blackwell,
        Kind::Ls10 => GpuClass::Ls10,
    };
    GpuEntry { class, report: evidence.report, chain: evidence.chain_pem }
}

/// Everything that a verification is given: one device, or all of a node.
#[derive(Clone)]
pub(crate) struct Scene<T> {
    pub(crate) evidence: T,
    pub(crate) endorsements: Endorsements,
    pub(crate) anchors: Anchors,
    pub(crate) nonce: Option<[u8; 32]>,
    pub(crate) now: u64,
}

/// One device.
pub(crate) type One = Scene<GpuEntry>;
/// A set of devices.
pub(crate) type Set = Scene<Vec<GpuEntry>>;

impl<T> Scene<T> {
    fn new(evidence: T, root_sha256: [u8; 32]) -> Self {
        let anchors = Anchors::production().danger_accept_simulated(root_sha256);
        let endorsements = Endorsements::default();
        Self { evidence, endorsements, anchors, nonce: None, now: NOW }
    }

    pub(crate) fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    pub(crate) fn asking(mut self, nonce: [u8; 32]) -> Self {
        self.nonce = Some(nonce);
        self
    }

    pub(crate) fn with(mut self, endorsements: Endorsements) -> Self {
        self.endorsements = endorsements;
        self
    }

    /// The evidence, changed after it was signed.
    pub(crate) fn edited(mut self, edit: impl FnOnce(&mut T)) -> Self {
        edit(&mut self.evidence);
        self
    }
}

impl From<FakeGpu> for One {
    fn from(fake: FakeGpu) -> Self {
        let evidence = fake.sign();
        let root = evidence.root_sha256;
        Self::new(entry(evidence), root)
    }
}

impl From<Vec<FakeGpu>> for Set {
    fn from(fakes: Vec<FakeGpu>) -> Self {
        let evidence: Vec<_> = fakes.iter().map(FakeGpu::sign).collect();
        let root = evidence.first().map(|one| one.root_sha256).unwrap_or_default();
        Self::new(evidence.into_iter().map(entry).collect(), root)
    }
}

impl From<FakeHgx> for Set {
    fn from(fake: FakeHgx) -> Self {
        Self::from(fake.devices)
    }
}

impl One {
    pub(crate) fn verify(&self) -> Verdict {
        let Self { evidence, endorsements, anchors, nonce, now } = self;
        verify(evidence, endorsements, anchors, nonce.as_ref(), UnixTime(*now))
    }
}

impl Set {
    pub(crate) fn verify(&self) -> SetVerdict {
        let Self { evidence, endorsements, anchors, nonce, now } = self;
        verify_set(evidence, endorsements, anchors, nonce.as_ref(), UnixTime(*now))
    }
}

/// What came of a verification: the checks that failed, in order; none when it was accepted.
pub(crate) struct Outcome {
    accepted: bool,
    failed: Vec<&'static str>,
}

fn ids(ledger: &Ledger) -> Vec<&'static str> {
    ledger.failed().map(|row| row.check.id).collect()
}

impl<C, E> From<Result<Verified<C>, Box<Refusal<E, C>>>> for Outcome {
    fn from(verdict: Result<Verified<C>, Box<Refusal<E, C>>>) -> Self {
        match verdict {
            Ok(_) => Self { accepted: true, failed: Vec::new() },
            Err(refusal) => Self { accepted: false, failed: ids(&refusal.ledger) },
        }
    }
}

impl From<One> for Outcome {
    fn from(scene: One) -> Self {
        scene.verify().into()
    }
}

impl From<FakeGpu> for Outcome {
    fn from(fake: FakeGpu) -> Self {
        One::from(fake).into()
    }
}

impl From<Set> for Outcome {
    fn from(scene: Set) -> Self {
        scene.verify().into()
    }
}

impl From<FakeHgx> for Outcome {
    fn from(fake: FakeHgx) -> Self {
        Set::from(fake).into()
    }
}

impl From<Vec<FakeGpu>> for Outcome {
    fn from(fakes: Vec<FakeGpu>) -> Self {
        Set::from(fakes).into()
    }
}

/// One refusal, and its accepting twin: the same but for the one change.
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
    /// Holds both against what they should be, and says which check refused.
    pub(crate) fn run(&self) -> &'static str {
        let Self { id, line, accepted, refused } = self;
        assert!(
            accepted.accepted,
            "{id}, line {line}: the twin was refused by {:?}",
            accepted.failed
        );
        assert_eq!((refused.accepted, &refused.failed[..]), (false, &[*id][..]), "line {line}");
        id
    }
}

#[track_caller]
pub(crate) fn refuses(scene: impl Into<One>, id: &str, error: impl Into<GpuError>) {
    let refusal = scene.into().verify().expect_err("a refusal");
    assert_eq!((&ids(&refusal.ledger)[..], &refusal.error), (&[id][..], &error.into()));
}

#[track_caller]
pub(crate) fn refuses_set(scene: impl Into<Set>, id: &str, error: impl Into<SetError>) {
    let refusal = scene.into().verify().expect_err("a refusal");
    assert_eq!((&ids(&refusal.ledger)[..], &refusal.error), (&[id][..], &error.into()));
}

#[track_caller]
pub(crate) fn accepts(scene: impl Into<One>) -> GpuClaims {
    match scene.into().verify() {
        Ok(verified) => verified.claims().clone(),
        Err(refusal) => panic!("{:?} {:?}", refusal.error, refusal.ledger),
    }
}
