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
use tokio::time::timeout;

/// How long a session may wait for the vendors. What has not come by then is missing in its verdict.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Gathers what evidence stands on; `read` says what it claims with what was gathered so far. True where it is another
    /// set than before.
    pub(super) async fn gather(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) -> bool {
        let name = |claims: &Claims| needs(claims, self.update, self.generation);
        let gathering = gather(&self.store, read, name, now, &|_, _| {});
        let Ok((_, gathered)) = timeout(PATIENCE, gathering).await else {
            tracing::warn!(seconds = PATIENCE.as_secs(), "no endorsements in time");
            return false;
        };
        for Problem { resource, error } in &gathered.problems {
            tracing::warn!(%resource, check = error.check().id, "no endorsement");
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = **last != gathered.endorsements;
        if is_new {
            *last = Arc::new(gathered.endorsements);
        }
        is_new
    }
}
