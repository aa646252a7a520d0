//! Statements by name: from memory, from disk, or from whoever publishes them. One flight for everybody who waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealroom_attestation::{
    UnixTime,
    checks::{self, Check},
    endorsements::{Anchors, Endorsements},
};
use tokio::time::Instant;

use super::{
    answer::{self, Unfit},
    cache::{Cache, Entry},
    disk::DiskError,
    http::{self, Ask, HttpError, Reply, Validators},
    ratchet::{Ratchet, RolledBack},
    resource::Resource,
    services::{Request, Services},
};

/// How old an entry may grow before it is asked for anew, seconds; half of its own life where that is less.
const FRESH: u64 = 6 * 3600;
/// How long a failure is remembered: twice as long each time, up to the most.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The most resources that are kept in memory.
const MOST_PLACES: usize = 8192;

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
            Self::Http(_) | Self::NotFound | Self::Disk(_) | Self::Offline => {
                &checks::ENDORSEMENTS_FETCH
            }
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

/// A store. Clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Whom to ask; `None` where nothing may be asked for.
    services: Option<Services>,
    anchors: Anchors,
    cache: Cache,
    ratchet: Ratchet,
    places: Mutex<HashMap<Resource, Arc<Place>>>,
}

/// What is known of one resource.
#[derive(Debug, Default)]
struct Place {
    /// Held while it is asked for: whoever comes later waits, and finds what came.
    flight: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entry: Option<Arc<Entry>>,
    pause: Option<Pause>,
}

#[derive(Clone, Debug)]
struct Pause {
    error: FetchError,
    until: Instant,
    length: Duration,
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
        let places = Mutex::default();
        Self { inner: Arc::new(Inner { services, anchors, cache, ratchet, places }) }
    }

    /// A statement that counts at `now`. What was kept and still counts is given at once; where it is no longer young, it
    /// is asked for anew in the background. `above` are certificates above it that do not come along.
    ///
    /// # Errors
    /// [`FetchError`] where there is none that counts. Nothing is ever given that does not.
    pub async fn get(
        &self,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
    ) -> Result<Asked, FetchError> {
        let place = self.inner.place(resource);
        if let Some(entry) = self.inner.kept(&place, resource, above, now)? {
            if is_young(&entry, now) || self.inner.services.is_none() {
                return Ok(Asked { entry, origin: Origin::Kept });
            }
            self.refresh_behind(resource, above, now, &place);
            return Ok(Asked { entry, origin: Origin::Ageing });
        }
        let _flight = place.flight.lock().await;
        // Whoever flew before may have brought it, or may have failed a moment ago.
        if let Some(entry) = place.counting(now) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let entry = self.inner.fly(&place, resource, above, now).await?;
        Ok(Asked { entry, origin: Origin::Fetched })
    }

    /// Asks anew although there is one that counts, as for a prefetch before it ends.
    ///
    /// # Errors
    /// As [`Store::get`]; what was kept stays.
    pub async fn refresh(
        &self,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
    ) -> Result<Arc<Entry>, FetchError> {
        let place = self.inner.place(resource);
        drop(self.inner.kept(&place, resource, above, now)?);
        let _flight = place.flight.lock().await;
        self.inner.fly(&place, resource, above, now).await
    }

    /// The cache underneath.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    /// One flight in the background; where one is under way already, it is that one.
    fn refresh_behind(
        &self,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
        place: &Arc<Place>,
    ) {
        if place.flight.try_lock().is_err() || place.pausing().is_some() {
            return;
        }
        let (store, resource, above) = (self.clone(), resource.clone(), above.clone());
        tokio::spawn(async move {
            // What failed is remembered with the resource; what was kept still counts.
            drop(store.refresh(&resource, &above, now).await);
        });
    }
}

/// True while an entry need not be asked for anew.
fn is_young(entry: &Entry, now: UnixTime) -> bool {
    let window = entry.statement.validity;
    let half = window.until.0.saturating_sub(window.from.0) / 2;
    now.0.saturating_sub(entry.fetched_at.0) < FRESH.min(half)
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole values are put in place: there is no state in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counting(&self, now: UnixTime) -> Option<Arc<Entry>> {
        let counts = |entry: &&Arc<Entry>| entry.statement.validity.contains(now);
        self.state().entry.as_ref().filter(counts).cloned()
    }

    fn pausing(&self) -> Option<FetchError> {
        let pause = self.state().pause.clone()?;
        let left = pause.until.checked_duration_since(Instant::now())?;
        let seconds = left.as_secs().saturating_add(1);
        Some(FetchError::Pausing { error: Box::new(pause.error), seconds })
    }

    /// Remembers a failure, for twice as long as the one before it.
    fn failed(&self, error: &FetchError) {
        let mut state = self.state();
        let before = state.pause.as_ref().map(|pause| pause.length);
        let length = before.map_or(FIRST_PAUSE, |before| (before * 2).min(LONGEST_PAUSE));
        let asked_for = match error {
            FetchError::Http(HttpError::Busy { retry_after: Some(seconds), .. }) => {
                Duration::from_secs(*seconds).min(LONGEST_PAUSE)
            }
            _ => Duration::ZERO,
        };
        let length = length.max(asked_for);
        state.pause = Some(Pause { error: error.clone(), until: Instant::now() + length, length });
    }

    fn keep(&self, entry: &Arc<Entry>) {
        *self.state() = State { entry: Some(Arc::clone(entry)), pause: None };
    }
}

impl Inner {
    fn place(&self, resource: &Resource) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_PLACES && !places.contains_key(resource) {
            // Whoever asks about ever new chips pushes out what nobody uses now; on disk it is still there.
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(resource.clone()).or_default())
    }

    /// What is in memory, else what is on disk and still is what it was: verified again, and not older than the ratchet.
    fn kept(
        &self,
        place: &Place,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
    ) -> Result<Option<Arc<Entry>>, FetchError> {
        if let Some(entry) = place.counting(now) {
            return Ok(Some(entry));
        }
        let Some(entry) = self.cache.load(resource)? else { return Ok(None) };
        let verified = answer::verify(resource, &entry.files, above, &self.anchors, now);
        if !verified.is_ok_and(|statement| statement == entry.statement) {
            return Ok(None);
        }
        if self.ratchet.admit(resource, &entry.statement.edition)?.is_err() {
            return Ok(None);
        }
        let entry = Arc::new(entry);
        place.state().entry = Some(Arc::clone(&entry));
        Ok(Some(entry))
    }

    /// One flight, whose failure is remembered. The caller holds the place's flight.
    async fn fly(
        &self,
        place: &Place,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
    ) -> Result<Arc<Entry>, FetchError> {
        if let Some(pausing) = place.pausing() {
            return Err(pausing);
        }
        match self.fetch(place, resource, above, now).await {
            Ok(entry) => {
                place.keep(&entry);
                Ok(entry)
            }
            Err(error) => {
                if !matches!(error, FetchError::Offline) {
                    place.failed(&error);
                }
                Err(error)
            }
        }
    }

    async fn fetch(
        &self,
        place: &Place,
        resource: &Resource,
        above: &Endorsements,
        now: UnixTime,
    ) -> Result<Arc<Entry>, FetchError> {
        let Some(services) = &self.services else { return Err(FetchError::Offline) };
        let kept = place.counting(now);
        let unknown = Validators::default();
        let known = kept.as_ref().map_or(&unknown, |entry| &entry.validators);
        let request = Request::of(resource);
        let (base, path) = services.place(&request);
        let Request { body, chain_header, longest, .. } = request;
        let (path, body) = (&*path, body.as_ref());
        let reply = http::ask(&base, &Ask { path, body, known, chain_header, longest }).await?;
        let entry = match (reply, kept) {
            (Reply::NotFound, _) => return Err(FetchError::NotFound),
            (Reply::NotModified, Some(kept)) => Entry { fetched_at: now, ..(*kept).clone() },
            (Reply::NotModified, None) => {
                let status = http::NOT_MODIFIED;
                return Err(HttpError::Status { base: base.to_string(), status }.into());
            }
            (Reply::Found { body, chain, validators }, _) => {
                let files = answer::files(resource, &body, chain.as_deref());
                let verified = answer::verify(resource, &files, above, &self.anchors, now);
                let statement = verified.map_err(|unfit| FetchError::Unfit(Box::new(unfit)))?;
                let name = resource.to_string();
                Entry { name, fetched_at: now, validators, statement, files }
            }
        };
        self.ratchet.admit(resource, &entry.statement.edition)??;
        self.cache.store(resource, &entry)?;
        Ok(Arc::new(entry))
    }
}
