//! Judging a live node: the one way to the type that a prompt may be sealed to.

use std::sync::Arc;

use sealroom_attestation::{
    Ledger, UnixTime,
    digests::Nonce,
    endorsements::{Anchors, Endorsements, Known},
    evidence::GpuEntry,
    node::{self, Context, Freshness, HardwareClaims, NodeClaims},
    snp,
};

use crate::{
    appraise::{Appraiser, Standing},
    policy::{Bulletin, BulletinError, Policy},
    verdict::{Claims, Crypto, Decision, Verdict},
};

/// Everything a relying party brings of its own.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What it accepts.
    pub policy: Policy,
    bulletins: Vec<Bulletin>,
    given: Arc<(Endorsements, Anchors)>,
    pub(crate) known: Arc<Known>,
}

impl Trust {
    /// Brings a policy, the roots that are trusted, and endorsements beside those that the evidence brings. Endorsements
    /// are never trusted for where they came from. What is verified under this trust and its clones is remembered.
    #[must_use]
    pub fn new(policy: Policy, endorsements: &Endorsements, anchors: &Anchors) -> Self {
        let known = Arc::new(Known::new(endorsements, anchors));
        let given = Arc::new((endorsements.clone(), anchors.clone()));
        Self { policy, bulletins: Vec::new(), given, known }
    }

    /// The same policy with more endorsements, which were verified one by one, beside those that this trust was made with.
    /// What is superseded among those is left out: an old list in a folder would refuse what was fetched since.
    #[must_use]
    pub fn with_endorsements(&self, more: &Endorsements) -> Self {
        let (endorsements, anchors) = &*self.given;
        let mut all = endorsements.without_superseded(more);
        all.extend(more.clone());
        Self { known: Arc::new(Known::new(&all, anchors)), ..self.clone() }
    }

    /// The roots.
    #[must_use]
    pub fn anchors(&self) -> &Anchors {
        &self.given.1
    }

    /// Adds a signed bulletin of a publisher whom the policy names.
    ///
    /// # Errors
    /// [`BulletinError`] where it is not one.
    pub fn with_bulletin(mut self, signed: &str) -> Result<Self, BulletinError> {
        self.bulletins.push(Bulletin::open(signed, &self.policy.bulletins)?);
        Ok(self)
    }

    /// The rules of this trust, at a time.
    pub(crate) fn appraiser(&self, at: UnixTime) -> Appraiser<'_> {
        Appraiser { policy: &self.policy, bulletins: &self.bulletins, at }
    }
}

/// A node that was verified and accepted. Only [`judge`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    claims: NodeClaims,
    verdict: Verdict,
}

impl Accepted {
    /// What was proven.
    #[must_use]
    pub const fn claims(&self) -> &NodeClaims {
        &self.claims
    }

    /// How.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Only how.
    #[must_use]
    pub fn into_verdict(self) -> Verdict {
        self.verdict
    }

    /// The last second in which this holds.
    #[must_use]
    pub fn valid_until(&self) -> UnixTime {
        self.verdict.valid_until()
    }
}

/// Verifies a node's bundle and appraises what was proven. Cached evidence is never accepted, whatever the policy
/// says: WIRE section 5.
///
/// # Errors
/// The verdict, refused or undecided: the two are equal for sealing.
pub fn judge(
    bundle: &[u8],
    context: Context<'_>,
    trust: &Trust,
    now: UnixTime,
) -> Result<Accepted, Box<Verdict>> {
    // A policy that asks for no freshness is an auditor's: nothing is ever sealed on cached evidence.
    let mut policy = trust.policy.clone();
    policy.freshness = policy.freshness.max(Freshness::Key);
    let appraiser = Appraiser { policy: &policy, ..trust.appraiser(now) };
    let verdict = Examined::bundle(bundle, context, trust, now).conclude(now, Some(appraiser));
    match (verdict.decision, &verdict.claims) {
        (Decision::Accepted, Some(Claims::Node(claims))) => {
            Ok(Accepted { claims: (**claims).clone(), verdict })
        }
        _ => Err(Box::new(verdict)),
    }
}

/// What verification left: claims as far as they could be decoded, and whether they were proven.
pub(crate) struct Examined {
    claims: Option<Claims>,
    ledger: Ledger,
    standing: Standing,
}

impl Examined {
    pub(crate) fn bundle(
        bundle: &[u8],
        context: Context<'_>,
        trust: &Trust,
        now: UnixTime,
    ) -> Self {
        match node::verify(bundle, context, &trust.known, now) {
            Ok(proven) => {
                Self::proven(Claims::Node(Box::new(proven.claims().clone())), proven.ledger())
            }
            Err(refusal) => Self::claimed(refusal.claimed.map(Claims::Node), refusal.ledger),
        }
    }

    pub(crate) fn snp_report(report: &[u8], trust: &Trust, now: UnixTime) -> Self {
        match trust.known.snp.verify(report, &snp::Endorsements::default(), now) {
            Ok(proven) => Self::proven(
                Claims::Bare(HardwareClaims::Snp(Box::new(proven.claims().clone()))),
                proven.ledger(),
            ),
            Err(refusal) => Self::claimed(
                refusal.claimed.map(HardwareClaims::Snp).map(Claims::Bare),
                refusal.ledger,
            ),
        }
    }

    pub(crate) fn tdx_quote(quote: &[u8], trust: &Trust, now: UnixTime) -> Self {
        match trust.known.tdx.verify(quote, now) {
            Ok(proven) => Self::proven(
                Claims::Bare(HardwareClaims::Tdx(Box::new(proven.claims().clone()))),
                proven.ledger(),
            ),
            Err(refusal) => Self::claimed(
                refusal.claimed.map(HardwareClaims::Tdx).map(Claims::Bare),
                refusal.ledger,
            ),
        }
    }

    pub(crate) fn gpu_report(
        entry: &GpuEntry,
        nonce: Option<Nonce>,
        trust: &Trust,
        now: UnixTime,
    ) -> Self {
        match trust.known.gpu.verify(entry, nonce.as_ref().map(|nonce| &nonce.0), now) {
            Ok(proven) => {
                Self::proven(Claims::Gpu(Box::new(proven.claims().clone())), proven.ledger())
            }
            Err(refusal) => Self::claimed(refusal.claimed.map(Claims::Gpu), refusal.ledger),
        }
    }

    fn proven(claims: Claims, ledger: &Ledger) -> Self {
        Self { claims: Some(claims), ledger: ledger.clone(), standing: Standing::Proven }
    }

    pub(crate) const fn claimed(claims: Option<Claims>, ledger: Ledger) -> Self {
        Self { claims, ledger, standing: Standing::Claimed }
    }

    /// Applies the policy, if one is asked for, and decides. Without a policy nothing is decided.
    pub(crate) fn conclude(mut self, at: UnixTime, rules: Option<Appraiser<'_>>) -> Verdict {
        let crypto = match (self.standing, self.ledger.has_failed()) {
            (Standing::Proven, _) => Crypto::Genuine,
            (Standing::Claimed, true) => Crypto::Forged,
            (Standing::Claimed, false) => Crypto::Undecided,
        };
        if let (Some(rules), Some(claims)) = (&rules, &self.claims) {
            self.ledger.append(rules.appraise(claims, self.standing));
        }
        let decision = match (&rules, crypto) {
            (None, _) => Decision::Undecided,
            _ if self.ledger.has_failed() => Decision::Refused,
            (_, Crypto::Genuine) if !self.ledger.has_missing() => Decision::Accepted,
            _ => Decision::Undecided,
        };
        let until = match (&rules, &self.claims) {
            (Some(rules), Some(claims)) if decision == Decision::Accepted => rules.until(claims),
            _ => UnixTime(u64::MAX),
        };
        let exceptions = rules.map_or(Vec::new(), |rules| rules.policy.exceptions.clone());
        let Self { claims, ledger, .. } = self;
        Verdict { decision, crypto, at, claims, exceptions, receipt: None, until, ledger }
    }
}
