//! Statements by name: from memory, from disk, or from whoever publishes them. One flight for everybody who waits.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sealroom_attestation::{
    UnixTime,
    checks::{self, Check},
    endorsements::{Anchors, Endorsements},
    transcript::sha256,
};
use tokio::{
    task::JoinError,
    time::{Instant, timeout},
};

use super::{
    answer::Unfit,
    cache::{Cache, Entry},
    disk::DiskError,
    flight::{Flight, Inner},
    http::HttpError,
    ratchet::{Ratchet, RolledBack},
    resource::Resource,
    services::Services,
};

/// Where an entry came from this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kept from before, and young.
    Kept,
    /// Kept from before and no longer young; it is asked for anew in the background.
    Ageing,
    /// The service, now.
    Fetched,
}

/// An entry that was verified, with its origin.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Where it came from.
    pub origin: Origin,
}

/// Why a statement is not to be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The exchange with the service failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The service has no such thing.
    #[error("the service has no such thing")]
    NotFound,
    /// What came is not what was asked for, or proves nothing.
    #[error("{}: {}", .0.check.id, .0.found)]
    Unfit(Box<Unfit>),
    /// What came is older than what was verified before.
    #[error(transparent)]
    RolledBack(#[from] RolledBack),
    /// It did not come in the time that whoever asked has. It may still come, for the next one.
    #[error("it did not come within {seconds} s")]
    Late {
        /// The patience.
        seconds: u64,
    },
    /// The task that looked for it ended: with the program, or by a bug of ours.
    #[error("whoever looked for it ended before it came")]
    Ended,
    /// What came could not be kept, so that it cannot be used: after a restart an older one would pass.
    #[error("{0}")]
    Disk(Arc<DiskError>),
    /// Nothing may be asked for, and nothing that counts was kept.
    #[error("none that counts was kept, and nobody may be asked")]
    Offline,
    /// It failed a moment ago, and is not tried again yet.
    #[error("{error}; tried again in {seconds} s")]
    Pausing {
        /// Why it failed.
        error: Box<FetchError>,
        /// Until it is tried again.
        seconds: u64,
    },
}

impl FetchError {
    /// The check that failed.
    #[must_use]
    pub const fn check(&self) -> &'static Check {
        match self {
            Self::Http(_)
            | Self::NotFound
            | Self::Late { .. }
            | Self::Ended
            | Self::Disk(_)
            | Self::Offline => &checks::ENDORSEMENTS_FETCH,
            Self::Unfit(unfit) => unfit.check,
            Self::RolledBack(_) => &checks::ENDORSEMENTS_ROLLBACK,
            Self::Pausing { error, .. } => error.check(),
        }
    }
}

impl From<DiskError> for FetchError {
    fn from(error: DiskError) -> Self {
        Self::Disk(Arc::new(error))
    }
}

/// A store. Clones share everything but how they ask.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    /// True where what ages is asked for anew before it is given.
    eager: bool,
    /// How long one statement is waited for.
    patience: Duration,
}

impl Store {
    /// A store over a cache and a ratchet. Without services nothing is ever asked for.
    #[must_use]
    pub fn new(
        services: Option<Services>,
        anchors: Anchors,
        cache: Cache,
        ratchet: Ratchet,
    ) -> Self {
        let (places, world) = (Mutex::default(), world(&anchors));
        let lines = Mutex::default();
        let inner = Arc::new(Inner { services, anchors, world, cache, ratchet, places, lines });
        Self { inner, eager: false, patience: Duration::from_secs(60) }
    }

    /// The same store for whoever would rather wait than be given what ages.
    #[must_use]
    pub fn eager(&self) -> Self {
        Self { eager: true, ..self.clone() }
    }

    /// The same store for whoever waits no longer than this for one statement. What is late still comes, for the next.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// A statement that counts at `now`. What was kept and still counts is given at once; where it is no longer young, it
    /// is asked for anew, in the background unless the store is eager. `above` are certificates above it that do not come
    /// along.
    ///
    /// # Errors
    /// [`FetchError`] where there is none that counts. Nothing is ever given that does not.
    pub async fn get(
        &self,
        resource: &Resource,
        above: &Arc<Endorsements>,
        now: UnixTime,
    ) -> Result<Asked, FetchError> {
        let place = self.inner.place(resource);
        let flight = Flight {
            inner: Arc::clone(&self.inner),
            place: Arc::clone(&place),
            resource: resource.clone(),
            above: Arc::clone(above),
            now,
            begun: Instant::now(),
        };
        if let Some(kept) = place.counting(now) {
            return self.kept(kept, flight).await;
        }
        match self.wait(&flight, flight.clone().look()).await? {
            fetched @ Asked { origin: Origin::Fetched, .. } => Ok(fetched),
            Asked { entry, origin: Origin::Kept | Origin::Ageing } => {
                self.kept(entry, flight).await
            }
        }
    }

    async fn kept(&self, entry: Arc<Entry>, flight: Flight) -> Result<Asked, FetchError> {
        if entry.is_young(flight.now) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let ageing = |entry| Asked { entry, origin: Origin::Ageing };
        if self.inner.services.is_none() || flight.place.pausing().is_some() {
            return Ok(ageing(entry));
        }
        if self.eager {
            // What was kept still counts where nothing newer is to be had, but for what another process saw replaced.
            let renewed = self.wait(&flight, flight.clone().renew()).await;
            let kept = || flight.place.counting(flight.now).map(ageing);
            return renewed.or_else(|error| kept().ok_or(error));
        }
        // Where somebody looks for it already, that flight serves everybody.
        if let Ok(turn) = Arc::clone(&flight.place.flight).try_lock_owned() {
            tokio::spawn(async move { drop(flight.renew_in(turn).await) });
        }
        Ok(ageing(entry))
    }

    /// The flight goes on where nobody waits for it any more; what counts by then is given.
    async fn wait(
        &self,
        asked: &Flight,
        flight: impl Future<Output = Result<Asked, FetchError>> + Send + 'static,
    ) -> Result<Asked, FetchError> {
        match timeout(self.patience, tokio::spawn(flight)).await {
            Ok(landed) => landed?,
            Err(_) => {
                let ageing = |entry| Asked { entry, origin: Origin::Ageing };
                let late = FetchError::Late { seconds: self.patience.as_secs() };
                asked.place.counting(asked.now).map(ageing).ok_or(late)
            }
        }
    }

    /// Under which roots.
    #[must_use]
    pub fn anchors(&self) -> &Anchors {
        &self.inner.anchors
    }

    /// The cache underneath.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }
}

impl From<JoinError> for FetchError {
    fn from(_: JoinError) -> Self {
        Self::Ended
    }
}

/// The vendors' own roots are one world, and each set of simulated ones is another: none moves what another has seen.
fn world(anchors: &Anchors) -> String {
    let mut roots = anchors.simulated().to_vec();
    roots.sort_unstable();
    roots.dedup();
    match roots.is_empty() {
        true => String::new(),
        false => format!("simulated/{}/", hex::encode(sha256(&roots.concat()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_roots_are_a_world_of_their_own() {
        let production = Anchors::production();
        let accept = |root: u8| Anchors::production().danger_accept_simulated([root; 32]);
        assert_eq!(world(&production), "");
        assert_ne!(world(&accept(1)), world(&accept(2)));
        let (both, other) = (
            accept(1).danger_accept_simulated([2; 32]),
            accept(2).danger_accept_simulated([1; 32]),
        );
        assert_eq!(world(&both), world(&other));
    }
}
