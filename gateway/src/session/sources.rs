//! Endorsements for the node that is met: fetched when its evidence first asks for them, and kept young from then on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sealroom_attestation::{UnixTime, endorsements::Endorsements, snp::Generation};
use sealroom_verifier::{
    Claims,
    endorsements::{Problem, Store, Update, gather, needs},
};

/// How long a session waits for one statement. What has not come by then is missing in its verdict, and there for the next.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a relying party has endorsements from. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sources {
    store: Store,
    update: Update,
    generation: Option<Generation>,
    /// What was gathered last.
    last: Arc<Mutex<Arc<Endorsements>>>,
}

impl Sources {
    /// From a store, by Intel's track; `generation` is for reports that do not name their processor.
    #[must_use]
    pub fn new(store: Store, update: Update, generation: Option<Generation>) -> Self {
        Self { store, update, generation, last: Arc::default() }
    }

    /// What was gathered last.
    pub(super) fn last(&self) -> Arc<Endorsements> {
        // A whole set is put in place at once.
        Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gathers what evidence stands on, for a session that waits; `read` says what it claims with what was gathered so far.
    pub(super) async fn gather(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) -> Arc<Endorsements> {
        self.gather_from(&self.store.patient(PATIENCE), read, now).await
    }

    /// Asks anew for what ages, for the sessions to come, and makes it what they begin with.
    pub(super) async fn renew(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) {
        let gathered = self.gather_from(&self.store.eager(), read, now).await;
        self.keep(gathered);
    }

    async fn gather_from(
        &self,
        store: &Store,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) -> Arc<Endorsements> {
        let name = |claims: &Claims| needs(claims, self.update, self.generation);
        let (_, gathered) = gather(store, read, name, now, &|_, _| {}).await;
        for Problem { resource, error } in &gathered.problems {
            tracing::warn!(%resource, check = error.check().id, "no endorsement");
        }
        Arc::new(gathered.endorsements)
    }

    /// Makes a set what sessions begin with. The same one again changes nothing: what was verified is remembered with it.
    pub(super) fn keep(&self, gathered: Arc<Endorsements>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if **last != *gathered {
            *last = gathered;
        }
    }
}
