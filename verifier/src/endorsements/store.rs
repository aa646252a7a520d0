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
    transcript::sha256,
};
use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    task::{JoinError, spawn_blocking},
    time::{Instant, timeout},
};

use super::{
    answer::{self, Statement, Unfit},
    cache::{Cache, Entry},
    disk::DiskError,
    http::{self, Ask, HttpError, Reply, Validators},
    ratchet::{Ratchet, RolledBack},
    resource::Resource,
    services::{Request, Service, Services},
};

/// How old an entry may grow before it is asked for anew, seconds; half of its own life where that is less.
const FRESH: u64 = 6 * 3600;
/// How long a failure is remembered: twice as long each time, up to the most.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How many ask one service at once.
const SLOTS: usize = 8;
/// Too Many Requests (RFC 6585 §4).
const TOO_MANY: u16 = 429;
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

#[derive(Debug)]
struct Inner {
    /// Whom to ask; `None` where nothing may be asked for.
    services: Option<Services>,
    anchors: Anchors,
    /// Before every name: statements under simulated roots are of a world of their own.
    world: String,
    cache: Cache,
    ratchet: Ratchet,
    places: Mutex<HashMap<Resource, Arc<Place>>>,
    lines: Mutex<HashMap<Service, Arc<Line>>>,
}

/// How one service is asked: by a few at once, and by nobody while it says that it is busy.
#[derive(Debug)]
struct Line {
    slots: Semaphore,
    busy: Mutex<Option<(FetchError, Instant)>>,
}

impl Default for Line {
    fn default() -> Self {
        Self { slots: Semaphore::new(SLOTS), busy: Mutex::default() }
    }
}

impl Line {
    fn busy(&self) -> MutexGuard<'_, Option<(FetchError, Instant)>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody asks now.
    fn pausing(&self) -> Option<FetchError> {
        let (error, until) = self.busy().clone()?;
        until_again(error, until)
    }

    /// What one says to all: too many requests.
    fn learn(&self, error: &FetchError) {
        if let FetchError::Http(HttpError::Busy { status: TOO_MANY, retry_after, .. }) = error {
            let asked_for = Duration::from_secs(retry_after.unwrap_or_default());
            let pause = asked_for.clamp(FIRST_PAUSE, LONGEST_PAUSE);
            *self.busy() = Some((error.clone(), Instant::now() + pause));
        }
    }
}

/// A failure that is not over yet.
fn until_again(error: FetchError, until: Instant) -> Option<FetchError> {
    let left = until.checked_duration_since(Instant::now())?;
    Some(FetchError::Pausing { error: Box::new(error), seconds: left.as_secs().saturating_add(1) })
}

/// What is known of one resource.
#[derive(Debug, Default)]
struct Place {
    /// Held while it is looked for: whoever comes later waits, and finds what came.
    flight: Arc<tokio::sync::Mutex<()>>,
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

/// One statement to be looked for.
#[derive(Clone, Debug)]
struct Flight {
    inner: Arc<Inner>,
    place: Arc<Place>,
    resource: Resource,
    above: Arc<Endorsements>,
    now: UnixTime,
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
        };
        let Some(kept) = place.counting(now) else { return self.wait(flight.look()).await };
        self.kept(kept, flight).await
    }

    async fn kept(&self, entry: Arc<Entry>, flight: Flight) -> Result<Asked, FetchError> {
        if is_young(&entry, flight.now) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let ageing = Asked { entry, origin: Origin::Ageing };
        if self.inner.services.is_none() || flight.place.pausing().is_some() {
            return Ok(ageing);
        }
        if self.eager {
            // What was kept still counts where nothing newer is to be had.
            return Ok(self.wait(flight.renew()).await.unwrap_or(ageing));
        }
        // Where somebody looks for it already, that flight serves everybody.
        if let Ok(turn) = Arc::clone(&flight.place.flight).try_lock_owned() {
            tokio::spawn(async move { drop(flight.renew_in(turn).await) });
        }
        Ok(ageing)
    }

    /// The flight goes on where nobody waits for it any more.
    async fn wait(
        &self,
        flight: impl Future<Output = Result<Asked, FetchError>> + Send + 'static,
    ) -> Result<Asked, FetchError> {
        match timeout(self.patience, tokio::spawn(flight)).await {
            Ok(landed) => landed?,
            Err(_) => Err(FetchError::Late { seconds: self.patience.as_secs() }),
        }
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

/// True while an entry need not be asked for anew. One from the future has a date that nobody can believe.
fn is_young(entry: &Entry, now: UnixTime) -> bool {
    let window = entry.statement.validity;
    let half = window.until.0.saturating_sub(window.from.0) / 2;
    now.0.checked_sub(entry.fetched_at.0).is_some_and(|age| age < FRESH.min(half))
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
        let Pause { error, until, .. } = self.state().pause.clone()?;
        until_again(error, until)
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

    fn line(&self, service: Service) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(service).or_default())
    }

    /// Moves the ratchet first: what it cannot remember is not used.
    fn admit(&self, name: &str, statement: &Statement) -> Result<(), FetchError> {
        let Some(edition) = &statement.edition else { return Ok(()) };
        let track = match statement.track.as_str() {
            "" => name.to_owned(),
            track => format!("{name}#{track}"),
        };
        Ok(self.ratchet.admit(&track, edition)??)
    }

    fn keep(&self, entry: &Entry) -> Result<(), FetchError> {
        self.admit(&entry.name, &entry.statement)?;
        Ok(self.cache.store(entry)?)
    }
}

impl Flight {
    /// From disk, else from the service; whoever flew before may have brought it.
    async fn look(self) -> Result<Asked, FetchError> {
        let _flight = Arc::clone(&self.place.flight).lock_owned().await;
        if let Some(entry) = self.place.counting(self.now) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let on_disk = self.clone();
        if let Some(entry) = spawn_blocking(move || on_disk.on_disk()).await??
            && (is_young(&entry, self.now) || self.inner.services.is_none())
        {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let kept = self.place.counting(self.now);
        match (self.fly().await, kept) {
            (Ok(entry), _) => Ok(Asked { entry, origin: Origin::Fetched }),
            (Err(_), Some(entry)) => Ok(Asked { entry, origin: Origin::Ageing }),
            (Err(error), None) => Err(error),
        }
    }

    /// From the service, although there is one that counts.
    async fn renew(self) -> Result<Asked, FetchError> {
        let turn = Arc::clone(&self.place.flight).lock_owned().await;
        self.renew_in(turn).await
    }

    /// The same for whoever holds the place's flight already.
    async fn renew_in(self, _turn: OwnedMutexGuard<()>) -> Result<Asked, FetchError> {
        if let Some(entry) = self.place.counting(self.now).filter(|one| is_young(one, self.now)) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        Ok(Asked { entry: self.fly().await?, origin: Origin::Fetched })
    }

    fn name(&self) -> String {
        format!("{}{}", self.inner.world, self.resource)
    }

    /// What is on disk, where it still is what it was: verified again, and not older than the ratchet. What cannot be read
    /// is asked for anew, and replaced.
    fn on_disk(&self) -> Result<Option<Arc<Entry>>, FetchError> {
        let (inner, name) = (&self.inner, self.name());
        let Ok(Some(entry)) = inner.cache.load(&name) else { return Ok(None) };
        let verified =
            answer::verify(&self.resource, &entry.files, &self.above, &inner.anchors, self.now);
        if !verified.is_ok_and(|statement| statement == entry.statement) {
            return Ok(None);
        }
        match inner.admit(&name, &entry.statement) {
            Ok(()) => {}
            Err(FetchError::RolledBack(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        let entry = Arc::new(entry);
        self.place.state().entry = Some(Arc::clone(&entry));
        Ok(Some(entry))
    }

    /// One exchange, whose failure is remembered. The caller holds the place's flight.
    async fn fly(&self) -> Result<Arc<Entry>, FetchError> {
        if let Some(pausing) = self.place.pausing() {
            return Err(pausing);
        }
        match self.fetch().await {
            Ok(entry) => {
                self.place.keep(&entry);
                Ok(entry)
            }
            Err(error) => {
                if !self.is_the_askers(&error) {
                    self.place.failed(&error);
                }
                Err(error)
            }
        }
    }

    /// True where the failure says nothing about the service: the next asker may bring what this one lacks.
    fn is_the_askers(&self, error: &FetchError) -> bool {
        match error {
            FetchError::Offline | FetchError::Pausing { .. } => true,
            FetchError::Unfit(_) => match self.resource {
                // Their root comes with the chain, which may be late.
                Resource::AmdKey { .. } | Resource::AmdList { .. } => {
                    self.above.snp.certificates.is_empty()
                }
                Resource::Standing(_) => true,
                _ => false,
            },
            _ => false,
        }
    }

    async fn fetch(&self) -> Result<Arc<Entry>, FetchError> {
        let Some(services) = &self.inner.services else { return Err(FetchError::Offline) };
        let kept = self.place.counting(self.now);
        let unknown = Validators::default();
        let known = kept.as_ref().map_or(&unknown, |entry| &entry.validators);
        let request = Request::of(&self.resource);
        let (base, path) = services.place(&request);
        let Request { service, body, chain_header, longest, .. } = request;
        let (path, body) = (&*path, body.as_ref());
        let line = self.inner.line(service);
        // Never closed: without a slot there would be nothing to wait for.
        let _slot = line.slots.acquire().await;
        if let Some(busy) = line.pausing() {
            return Err(busy);
        }
        let asked = http::ask(&base, &Ask { path, body, known, chain_header, longest }).await;
        let reply = asked.map_err(FetchError::from).inspect_err(|error| line.learn(error))?;
        let (flight, base) = (self.clone(), base.to_string());
        spawn_blocking(move || flight.take(reply, kept, base)).await?
    }

    /// Verifies what came, and keeps it.
    fn take(
        &self,
        reply: Reply,
        kept: Option<Arc<Entry>>,
        base: String,
    ) -> Result<Arc<Entry>, FetchError> {
        let Self { inner, resource, above, now, .. } = self;
        let entry = match (reply, kept) {
            (Reply::NotFound, _) => return Err(FetchError::NotFound),
            (Reply::NotModified, Some(kept)) => Entry { fetched_at: *now, ..(*kept).clone() },
            (Reply::NotModified, None) => {
                return Err(HttpError::Status { base, status: http::NOT_MODIFIED }.into());
            }
            (Reply::Found { body, chain, validators }, _) => {
                let files = answer::files(resource, &body, chain.as_deref());
                let verified = answer::verify(resource, &files, above, &inner.anchors, *now);
                let statement = verified.map_err(|unfit| FetchError::Unfit(Box::new(unfit)))?;
                Entry { name: self.name(), fetched_at: *now, validators, statement, files }
            }
        };
        inner.keep(&entry)?;
        Ok(Arc::new(entry))
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

    #[test]
    fn an_entry_from_the_future_is_not_young() {
        let window = sealroom_attestation::Window { from: UnixTime(0), until: UnixTime(1 << 40) };
        let statement = Statement { edition: None, track: String::new(), validity: window };
        let (validators, files) = (Validators::default(), Vec::new());
        let entry =
            Entry { name: String::new(), fetched_at: UnixTime(100), validators, statement, files };
        for (now, young) in [(99, false), (100, true), (99 + FRESH, true), (100 + FRESH, false)] {
            assert_eq!(is_young(&entry, UnixTime(now)), young, "{now}");
        }
    }
}
