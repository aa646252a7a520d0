//! Endorsements for the node that is met: fetched when its evidence first asks for them, and kept young from then on.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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
    /// What sessions begin with.
    last: Arc<Last>,
    /// Held by the one renewal that goes on.
    renewing: Arc<tokio::sync::Mutex<()>>,
}

/// What sessions begin with, and how new it is.
#[derive(Debug, Default)]
struct Last {
    set: Mutex<Set>,
    tickets: AtomicU64,
}

/// What was gathered for one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) endorsements: Arc<Endorsements>,
    /// Drawn before anything was asked for: a later one is of what is newer. Nothing was gathered for 0.
    ticket: u64,
    wholeness: Wholeness,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wholeness {
    /// Something did not come.
    #[default]
    Parts,
    /// Everything came.
    Whole,
}

impl Sources {
    /// From a store, by Intel's track; `generation` is for reports that do not name their processor.
    #[must_use]
    pub fn new(store: Store, update: Update, generation: Option<Generation>) -> Self {
        let (last, renewing) = (Arc::default(), Arc::default());
        Self { store, update, generation, last, renewing }
    }

    /// What was gathered last.
    pub(super) fn last(&self) -> Arc<Endorsements> {
        Arc::clone(&self.last.set().endorsements)
    }

    /// Gathers what evidence stands on, for a session that waits; `read` says what it claims with what was gathered so far.
    pub(super) async fn gather(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) -> Set {
        self.gather_from(&self.store.patient(PATIENCE), read, now).await
    }

    /// Asks anew for what ages, for the sessions to come, and makes it what they begin with. Where somebody does already,
    /// that is for all.
    pub(super) async fn renew(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) {
        let Ok(_turn) = self.renewing.try_lock() else { return };
        let gathered = self.gather_from(&self.store.eager(), read, now).await;
        self.keep(gathered);
    }

    async fn gather_from(
        &self,
        store: &Store,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        now: UnixTime,
    ) -> Set {
        let ticket = self.last.ticket();
        let name = |claims: &Claims| needs(claims, self.update, self.generation);
        let (_, gathered) = gather(store, read, name, now, &|_, _| {}).await;
        for Problem { resource, error } in &gathered.problems {
            tracing::warn!(%resource, check = error.check().id, "no endorsement");
        }
        let wholeness = match gathered.problems.is_empty() {
            true => Wholeness::Whole,
            false => Wholeness::Parts,
        };
        Set { endorsements: Arc::new(gathered.endorsements), ticket, wholeness }
    }

    /// For a node that was accepted under it.
    pub(super) fn keep(&self, gathered: Set) {
        self.last.keep(gathered);
    }
}

impl Last {
    fn set(&self) -> MutexGuard<'_, Set> {
        // A set is put in place at once.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Makes a set what sessions begin with, where it is newer than the one before and whole; the first may be of parts. The
    /// same one again changes nothing: what was verified is remembered with it.
    fn keep(&self, gathered: Set) {
        let mut last = self.set();
        let is_first = last.ticket == 0;
        if gathered.ticket <= last.ticket || !(is_first || gathered.wholeness == Wholeness::Whole) {
            return;
        }
        let same = *last.endorsements == *gathered.endorsements;
        let endorsements =
            if same { Arc::clone(&last.endorsements) } else { gathered.endorsements };
        *last = Set { endorsements, ..gathered };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set that is told from another by one certificate.
    fn set(ticket: u64, wholeness: Wholeness) -> Set {
        let mut endorsements = Endorsements::default();
        endorsements.snp.certificates.push(ticket.to_be_bytes().to_vec());
        Set { endorsements: Arc::new(endorsements), ticket, wholeness }
    }

    /// True where sessions begin with this very set.
    fn begins_with(last: &Last, set: &Set) -> bool {
        Arc::ptr_eq(&last.set().endorsements, &set.endorsements)
    }

    #[test]
    fn a_set_that_was_asked_for_before_the_one_that_is_kept_never_replaces_it() {
        let last = Last::default();
        let (slow, fast) = (last.ticket(), last.ticket());
        let newest = set(fast, Wholeness::Whole);
        last.keep(newest.clone());
        last.keep(set(slow, Wholeness::Whole));
        assert!(begins_with(&last, &newest));
        let newer = set(last.ticket(), Wholeness::Whole);
        last.keep(newer.clone());
        assert!(begins_with(&last, &newer));
    }

    #[test]
    fn a_set_of_parts_is_kept_only_where_it_is_the_first() {
        let last = Last::default();
        let first = set(1, Wholeness::Parts);
        last.keep(first.clone());
        assert!(begins_with(&last, &first));
        let whole = set(2, Wholeness::Whole);
        last.keep(whole.clone());
        last.keep(set(3, Wholeness::Parts));
        assert!(begins_with(&last, &whole));
    }

    #[test]
    fn the_same_set_again_keeps_what_was_verified_with_it_and_is_as_new_as_it_is() {
        let last = Last::default();
        let first = set(1, Wholeness::Whole);
        last.keep(first.clone());
        let endorsements = Arc::new((*first.endorsements).clone());
        last.keep(Set { endorsements, ticket: 3, wholeness: Wholeness::Whole });
        last.keep(set(2, Wholeness::Whole));
        assert!(begins_with(&last, &first));
    }
}
