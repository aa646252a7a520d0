//! One statement, looked for on behalf of everybody who waits for it: on disk, else at the service.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
};
use tokio::{sync::OwnedMutexGuard, task::spawn_blocking, time::Instant};

use super::{
    answer::{self, Statement},
    cache::{Cache, Entry},
    http::{self, Ask, HttpError, Reply},
    pause::Line,
    place::Place,
    ratchet::Ratchet,
    resource::Resource,
    services::{Request, Service, Services},
    store::{Asked, FetchError, Origin},
    validators::Validators,
};

/// The most resources that are kept in memory.
const MOST_PLACES: usize = 8192;

/// What every flight of a store shares.
#[derive(Debug)]
pub(super) struct Inner {
    /// Whom to ask; `None` where nothing may be asked for.
    pub(super) services: Option<Services>,
    pub(super) anchors: Anchors,
    /// Before every name: statements under simulated roots are of a world of their own.
    pub(super) world: String,
    pub(super) cache: Cache,
    pub(super) ratchet: Ratchet,
    pub(super) places: Mutex<HashMap<Resource, Arc<Place>>>,
    pub(super) lines: Mutex<HashMap<Service, Arc<Line>>>,
}

/// One statement to be looked for.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) inner: Arc<Inner>,
    pub(super) place: Arc<Place>,
    pub(super) resource: Resource,
    pub(super) above: Arc<Endorsements>,
    /// The time when it was asked for.
    pub(super) now: UnixTime,
    pub(super) begun: Instant,
}

impl Inner {
    pub(super) fn place(&self, resource: &Resource) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_PLACES && !places.contains_key(resource) {
            // Whoever asks about ever new chips pushes out what nobody uses now; on disk it is still there.
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(resource.clone()).or_default())
    }

    /// The files of an entry that is held in memory and counts.
    fn held(&self, resource: &Resource, now: UnixTime) -> Vec<Vec<u8>> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = places.get(resource).and_then(|place| place.counting(now));
        entry.map_or(Vec::new(), |entry| entry.files.clone())
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
    pub(super) async fn look(self) -> Result<Asked, FetchError> {
        let _flight = Arc::clone(&self.place.flight).lock_owned().await;
        if let Some(entry) = self.place.counting(self.now) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        let on_disk = self.clone();
        if let Some(entry) = spawn_blocking(move || on_disk.on_disk()).await?? {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        Ok(Asked { entry: self.fly().await?, origin: Origin::Fetched })
    }

    /// From the service, although there is one that counts.
    pub(super) async fn renew(self) -> Result<Asked, FetchError> {
        let turn = Arc::clone(&self.place.flight).lock_owned().await;
        self.renew_in(turn).await
    }

    /// The same for whoever holds the place's flight already.
    pub(super) async fn renew_in(self, _turn: OwnedMutexGuard<()>) -> Result<Asked, FetchError> {
        if let Some(entry) = self.place.counting(self.now).filter(|one| one.is_young(self.now)) {
            return Ok(Asked { entry, origin: Origin::Kept });
        }
        Ok(Asked { entry: self.fly().await?, origin: Origin::Fetched })
    }

    /// The time when something lands. Rounded up, since the time of asking was cut off: what a responder signed within this
    /// very second must not be from the next one.
    fn landing(&self) -> UnixTime {
        let seconds = self.begun.elapsed().as_millis().div_ceil(1000);
        self.now.plus(u64::try_from(seconds).unwrap_or(u64::MAX))
    }

    fn name(&self) -> String {
        format!("{}{}", self.inner.world, self.resource)
    }

    /// What stands above, with the chain that is held by now: whoever asked may not have waited for it.
    fn above(&self) -> Endorsements {
        let mut above = (*self.above).clone();
        for chain in self.resource.chains() {
            for file in self.inner.held(&chain, self.now) {
                // Each was read before, when it was verified.
                let added = above.add_file(&file);
                debug_assert_eq!(added, Ok(()));
            }
        }
        above
    }

    /// What is on disk, where it still is what it was: verified again, and not older than the ratchet. What cannot be read
    /// is asked for anew, and replaced.
    fn on_disk(&self) -> Result<Option<Arc<Entry>>, FetchError> {
        let (inner, name) = (&self.inner, self.name());
        let Ok(Some(entry)) = inner.cache.load(&name) else { return Ok(None) };
        let verified =
            answer::verify(&self.resource, &entry.files, &self.above(), &inner.anchors, self.now);
        if !verified.is_ok_and(|statement| statement == entry.statement) {
            return Ok(None);
        }
        match inner.admit(&name, &entry.statement) {
            Ok(()) => {}
            Err(FetchError::RolledBack(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        let entry = Arc::new(entry);
        self.place.hold(&entry);
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
                if let FetchError::RolledBack(_) = error {
                    self.let_go()?;
                }
                if !self.is_the_askers(&error) {
                    self.place.failed(&error, self.now);
                }
                Err(error)
            }
        }
    }

    /// Another process may have moved the ratchet past what this one keeps.
    fn let_go(&self) -> Result<(), FetchError> {
        let Some(kept) = self.place.counting(self.now) else { return Ok(()) };
        match self.inner.admit(&kept.name, &kept.statement) {
            Err(FetchError::RolledBack(_)) => {
                self.place.forget();
                Ok(())
            }
            result => result,
        }
    }

    /// True where the failure says nothing about the service: the next asker may bring what this one lacks.
    fn is_the_askers(&self, error: &FetchError) -> bool {
        match error {
            FetchError::Offline | FetchError::Pausing { .. } => true,
            FetchError::Unfit(_) => match self.resource {
                // Their root comes with the chain, which may be late.
                Resource::AmdKey { .. } | Resource::AmdList { .. } => {
                    self.above().snp.certificates.is_empty()
                }
                Resource::IntelRootList => self.above.tdx.certificates.is_empty(),
                Resource::Standing(_) => true,
                _ => false,
            },
            _ => false,
        }
    }

    async fn fetch(&self) -> Result<Arc<Entry>, FetchError> {
        let Some(services) = &self.inner.services else { return Err(FetchError::Offline) };
        let kept = self.place.counting(self.now);
        let request = Request::of(&self.resource);
        let (base, path) = services.place(&request);
        let Request { service, body, chain_header, longest, .. } = request;
        let (name, path, body) = (base.to_string(), &*path, body.as_ref());
        let known = kept.as_ref().map(|entry| entry.conditions(&name, self.now));
        let known = &known.unwrap_or_default();
        let line = self.inner.line(service);
        // Never closed: without a slot there would be nothing to wait for.
        let _slot = line.slots.acquire().await;
        if let Some(busy) = line.pausing(self.place.longest_pause(self.now)) {
            return Err(busy);
        }
        let ask = Ask { path, body, known, chain_header, longest };
        let mut asked = http::ask(&base, &ask).await;
        if !known.is_empty() && is_declined(&asked) {
            // It may be the condition that is refused; the statement itself may still be had.
            asked = http::ask(&base, &Ask { known: &Validators::default(), ..ask }).await;
        }
        let reply = asked.map_err(FetchError::from).inspect_err(|error| line.learn(error))?;
        let flight = self.clone();
        spawn_blocking(move || flight.take(reply, kept, name)).await?
    }

    /// Verifies what came, and keeps it.
    fn take(
        &self,
        reply: Reply,
        kept: Option<Arc<Entry>>,
        base: String,
    ) -> Result<Arc<Entry>, FetchError> {
        let Self { inner, resource, now: fetched_at, .. } = self;
        let now = self.landing();
        let kept = kept.filter(|entry| entry.statement.validity.contains(now));
        let entry = match (reply, kept) {
            (Reply::NotFound, _) => return Err(FetchError::NotFound),
            (Reply::NotModified, Some(kept)) => {
                Entry { fetched_at: *fetched_at, ..(*kept).clone() }
            }
            (Reply::NotModified, None) => {
                return Err(HttpError::Status { base, status: http::NOT_MODIFIED }.into());
            }
            (Reply::Found { body, chain, validators }, _) => {
                let files = answer::files(resource, &body, chain.as_deref());
                let verified = answer::verify(resource, &files, &self.above(), &inner.anchors, now);
                let statement = verified.map_err(|unfit| FetchError::Unfit(Box::new(unfit)))?;
                let (name, validators) = (self.name(), validators.believed(now));
                let (fetched_at, whole_at) = (*fetched_at, *fetched_at);
                Entry { name, fetched_at, whole_at, validators, statement, files }
            }
        };
        inner.keep(&entry)?;
        Ok(Arc::new(entry))
    }
}

/// True where a service refuses what it is asked, and would not answer the same a moment later.
fn is_declined(asked: &Result<Reply, HttpError>) -> bool {
    match asked {
        Ok(Reply::NotFound) => true,
        Err(HttpError::Status { status, .. }) => (400..500).contains(status),
        _ => false,
    }
}
