//! A verification to be: evidence, endorsements, roots and a time, and what must come of it.

use sealroom_attestation::tdx::{Anchors, Endorsements, Known, TdxClaims, TdxError, verify};
use sealroom_attestation::{Refusal, UnixTime, Verified};
use sealroom_forge::{Fake, FakeTdx, TdxEvidence};

pub(crate) const NOW: u64 = 1_790_000_000;

pub(crate) type Verdict = Result<Verified<TdxClaims>, Box<Refusal<TdxError, TdxClaims>>>;

pub(crate) fn fake() -> FakeTdx {
    Fake::tdx([7; 32])
}

/// Everything that a verification is given.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) quote: Vec<u8>,
    pub(crate) endorsements: Endorsements,
    pub(crate) anchors: Anchors,
    pub(crate) now: u64,
    /// The trusted root, and the endorsements as one file, where another verifier can be given the same.
    pub(crate) same: Option<(Vec<u8>, String)>,
}

impl From<FakeTdx> for Scene {
    fn from(fake: FakeTdx) -> Self {
        Self::from(fake.sign())
    }
}

impl From<TdxEvidence> for Scene {
    fn from(evidence: TdxEvidence) -> Self {
        let file = evidence.collateral_json();
        let endorsements = Endorsements::from_json(&file);
        Self {
            quote: evidence.quote,
            endorsements: endorsements.expect("a collateral file"),
            anchors: Anchors::production().danger_accept_simulated(evidence.root_sha256),
            now: NOW,
            same: Some((evidence.root, file)),
        }
    }
}

impl Scene {
    /// The evidence of a machine, changed after it was signed.
    pub(crate) fn edited(fake: FakeTdx, edit: impl FnOnce(&mut TdxEvidence)) -> Self {
        let mut evidence = fake.sign();
        edit(&mut evidence);
        Self::from(evidence)
    }

    pub(crate) fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Endorsements)) -> Self {
        change(&mut self.endorsements);
        self.same = None;
        self
    }

    pub(crate) fn verify(&self) -> Verdict {
        verify(&self.quote, &self.endorsements, &self.anchors, UnixTime(self.now))
    }

    /// A verdict with its whole ledger is the same whatever was verified before: at this time, and when everything has
    /// ended.
    fn is_the_same_from_memory(&self) {
        let known = Known::new(&self.endorsements, self.anchors.clone());
        let now = UnixTime(self.now);
        let first = known.verify(&self.quote, now);
        assert_eq!(known.verify(&self.quote, now), first);
        let end = UnixTime(u64::MAX);
        let cold = verify(&self.quote, &self.endorsements, &self.anchors, end);
        assert_eq!(known.verify(&self.quote, end), cold);
    }
}

/// One refusal, and its accepting twin: the same but for the one change.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    line: u32,
    pub(crate) accepted: Scene,
    pub(crate) refused: Scene,
}

/// What is refused by exactly this check, beside what is accepted.
#[track_caller]
pub(crate) fn row(id: &'static str, accepted: impl Into<Scene>, refused: impl Into<Scene>) -> Row {
    let line = std::panic::Location::caller().line();
    Row { id, line, accepted: accepted.into(), refused: refused.into() }
}

impl Row {
    /// Runs both, and says which check refused.
    pub(crate) fn run(&self) -> &'static str {
        accepts(self.accepted.clone());
        assert_eq!(failed(&self.refused), [self.id], "the row in line {}", self.line);
        self.accepted.is_the_same_from_memory();
        self.refused.is_the_same_from_memory();
        self.id
    }
}

/// The checks that failed, in order; none when it was accepted.
pub(crate) fn failed(scene: &Scene) -> Vec<&'static str> {
    match scene.verify() {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.ledger.failed().map(|row| row.check.id).collect(),
    }
}

#[track_caller]
pub(crate) fn refuses(scene: impl Into<Scene>, id: &str, error: impl Into<TdxError>) {
    let refusal = scene.into().verify().expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!((failed.as_slice(), &refusal.error), (&[id][..], &error.into()));
}

#[track_caller]
pub(crate) fn accepts(scene: impl Into<Scene>) -> TdxClaims {
    match scene.into().verify() {
        Ok(verified) => verified.claims().clone(),
        Err(refusal) => panic!("{:?} {:?}", refusal.error, refusal.ledger),
    }
}

/// Nothing failed, and this check could not run.
#[track_caller]
pub(crate) fn undecided(scene: impl Into<Scene>, missing: &'static str) {
    let refusal = scene.into().verify().expect_err("undecided");
    assert!(!refusal.ledger.has_failed(), "{:?}", refusal.ledger);
    assert_eq!(refusal.error, TdxError::Undecided { missing });
}
