//! What a relying party brings of its own: trust, clocks, randomness, and the memory of whom it met.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ring::rand::SystemRandom;
use sealroom_attestation::{
    digests::BootId,
    endorsements::Endorsements,
    endpoints::{Proof, deadline},
    node::{Context, Freshness},
    seal::{Allowed, Random},
};
use sealroom_verifier::{Accepted, Trust, Verdict, contact::Shown, judge};

use super::sources::Sources;
use crate::clock::{Clock, Moment, SystemClock};

/// The most boots that are remembered. A node that reboots often fills it with boots that are gone.
const CONTACTS: usize = 256;

/// A relying party. Clones share everything.
#[derive(Clone)]
pub struct RelyingParty {
    shared: Arc<Shared>,
}

struct Shared {
    trust: Trust,
    /// The same for a further connection to a boot that was hardware-fresh a short while ago.
    trust_for_further: Trust,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random + Send + Sync>,
    allowed: Allowed,
    sources: Option<Sources>,
    /// The trusts with what was gathered last, made once for each set.
    endorsed: Mutex<Option<Endorsed>>,
    /// When the last hardware-fresh nonce was sent to each boot.
    contacts: Mutex<HashMap<BootId, Moment>>,
}

/// Both trusts, and what they were made with.
#[derive(Clone)]
struct Endorsed {
    with: Arc<Endorsements>,
    trust: Arc<Trust>,
    for_further: Arc<Trust>,
}

impl RelyingParty {
    /// With the system's clocks and randomness, sealing to post-quantum keys only.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self::from_parts(trust, Arc::new(SystemClock::new()), Arc::new(SystemRandom::new()), None)
    }

    /// The same with other clocks. It has met nobody yet.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let Shared { trust, random, sources, .. } = &*self.shared;
        Self::from_parts(trust.clone(), clock, random.clone(), sources.clone())
    }

    /// The same with another source of randomness. It has met nobody yet.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random + Send + Sync>) -> Self {
        let Shared { trust, clock, sources, .. } = &*self.shared;
        Self::from_parts(trust.clone(), clock.clone(), random, sources.clone())
    }

    /// The same with sources of endorsements. It has met nobody yet.
    #[must_use]
    pub fn with_sources(self, sources: Sources) -> Self {
        let Shared { trust, clock, random, .. } = &*self.shared;
        Self::from_parts(trust.clone(), clock.clone(), random.clone(), Some(sources))
    }

    fn from_parts(
        mut trust: Trust,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random + Send + Sync>,
        sources: Option<Sources>,
    ) -> Self {
        // Nothing is ever sealed on cached evidence, whatever an auditor's policy accepts.
        trust.policy.freshness = trust.policy.freshness.max(Freshness::Key);
        let mut trust_for_further = trust.clone();
        trust_for_further.policy.freshness = Freshness::Key;
        let allowed = Allowed::PostQuantum;
        let contacts = Mutex::default();
        let endorsed = Mutex::default();
        let shared = Shared {
            trust,
            trust_for_further,
            clock,
            random,
            allowed,
            sources,
            endorsed,
            contacts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The policy, the roots and the endorsements.
    #[must_use]
    pub fn own_trust(&self) -> &Trust {
        &self.shared.trust
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(super) fn random(&self) -> &(dyn Random + Send + Sync) {
        &*self.shared.random
    }

    pub(super) fn allowed(&self) -> Allowed {
        self.shared.allowed
    }

    /// A name for one request, the same on every retry.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn request_id(&self) -> Result<super::RequestId, sealroom_attestation::seal::RandomFailed> {
        let mut id = super::RequestId([0; 16]);
        self.random().fill(&mut id.0)?;
        Ok(id)
    }

    /// The proof that needs no earlier contact.
    pub(super) fn strongest_proof(&self) -> Proof {
        match self.shared.trust.policy.freshness {
            Freshness::Hardware => Proof::Hardware,
            Freshness::Cached | Freshness::Key => Proof::Key,
        }
    }

    /// Judges what a node showed. Where endorsements are missing or have ended, they are fetched, and it is judged once
    /// more; where they are there, they are kept young in the background, so that no later session waits for them.
    pub(super) async fn judge(
        &self,
        shown: &Shown,
        proof: Proof,
    ) -> Result<Accepted, Box<Verdict>> {
        let Some(sources) = &self.shared.sources else {
            return self.judge_with(None, shown, proof);
        };
        let judged = self.judge_with(Some(sources.last()), shown, proof);
        let now = self.clock().wall();
        let (party, seen) = (self.clone(), shown.clone());
        let read = move |more: &Endorsements| {
            let trust = party.shared.trust.with_endorsements(more);
            match judge(&seen.bundle, Context::Session(&seen.session), &trust, now) {
                Ok(accepted) => accepted.into_verdict().claims,
                Err(verdict) => verdict.claims,
            }
        };
        if judged.is_ok() {
            let sources = sources.clone();
            tokio::spawn(async move { sources.renew(read, now).await });
            return judged;
        }
        // Judged under exactly this set, whatever other sessions gather meanwhile; only a good node's set is kept.
        let gathered = sources.gather(read, now).await;
        let judged = self.judge_with(Some(Arc::clone(&gathered.endorsements)), shown, proof);
        if judged.is_ok() {
            sources.keep(gathered);
        }
        judged
    }

    fn judge_with(
        &self,
        endorsements: Option<Arc<Endorsements>>,
        shown: &Shown,
        proof: Proof,
    ) -> Result<Accepted, Box<Verdict>> {
        let (context, now) = (Context::Session(&shown.session), self.clock().wall());
        let Some(endorsements) = endorsements else {
            let trust = match proof {
                Proof::Hardware => &self.shared.trust,
                Proof::Key => &self.shared.trust_for_further,
            };
            return judge(&shown.bundle, context, trust, now);
        };
        let endorsed = self.endorsed(endorsements);
        let trust = match proof {
            Proof::Hardware => endorsed.trust,
            Proof::Key => endorsed.for_further,
        };
        judge(&shown.bundle, context, &trust, now)
    }

    /// Both trusts with these endorsements. What was verified under them is remembered as long as the set is the same.
    fn endorsed(&self, with: Arc<Endorsements>) -> Endorsed {
        let mut last = self.shared.endorsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = last.as_ref().filter(|made| Arc::ptr_eq(&made.with, &with)) {
            return made.clone();
        }
        let trust = self.shared.trust.with_endorsements(&with);
        let mut further = trust.clone();
        further.policy = self.shared.trust_for_further.policy.clone();
        let made = Endorsed { with, trust: Arc::new(trust), for_further: Arc::new(further) };
        *last = Some(made.clone());
        made
    }

    /// Whether some boot was hardware-fresh so lately that most of its 600 seconds are left.
    pub(super) fn may_know_the_node(&self) -> bool {
        let now = Moment::now(self.clock());
        let half = deadline::EPOCH / 2;
        self.contacts().values().any(|sent| now.since(*sent) < half)
    }

    /// Remembers a hardware-fresh contact, on which its own session stands.
    pub(super) fn remember(&self, boot_id: BootId, sent: Moment) -> Moment {
        let mut contacts = self.contacts();
        if contacts.len() >= CONTACTS {
            contacts.retain(|_, then| sent.since(*then) < deadline::EPOCH);
        }
        if contacts.len() < CONTACTS {
            contacts.insert(boot_id, sent);
        }
        sent
    }

    /// The contact on which a session with this boot stands, if there is one that still counts.
    pub(super) fn stands_on(&self, boot_id: BootId, sent: Moment) -> Option<Moment> {
        if self.strongest_proof() == Proof::Key {
            return Some(sent);
        }
        let contact = *self.contacts().get(&boot_id)?;
        (sent.since(contact) < deadline::EPOCH).then_some(contact)
    }

    fn contacts(&self) -> MutexGuard<'_, HashMap<BootId, Moment>> {
        // A map of times has no state in between: what a panic left behind is whole.
        self.shared.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("trust", &self.shared.trust).finish_non_exhaustive()
    }
}
