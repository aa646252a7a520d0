//! What a node knows and holds while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sealroom_attestation::digests::{BootId, ConfigDigest, ManifestDigest};
use sealroom_attestation::receipt::Receipt;
use sealroom_attestation::seal::KeySet;
use sealroom_attestation::statement::Statement;
use sealroom_engine::Engine;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::{Config, Serving};
use crate::entropy::Entropy;
use crate::evidence::Evidence;
use crate::keys::Keys;
use crate::readiness::Readiness;
use crate::receipts::{Receipts, RequestIds};

/// After a failed collection the hardware is left alone for so long.
const RETRY: Duration = Duration::from_secs(5);

/// How many requests may be coming in for each one that may be acted on: a slow body keeps nobody else out.
const RECEIVING: usize = 4;

/// What a node knows and holds. The public part is what a test needs to play a node that lies.
pub struct State {
    config: Config,
    keys: Keys,
    engine: Arc<dyn Engine>,
    evidence: Evidence,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    readiness: Readiness,
    receipts: Receipts,
    request_ids: RequestIds,
    slots: Arc<Semaphore>,
    receiving: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Only one tick at a time.
    ticking: tokio::sync::Mutex<()>,
    /// Monotonic milliseconds before which nothing is collected.
    not_before: AtomicU64,
}

impl State {
    pub(crate) fn new(
        config: Config,
        keys: Keys,
        engine: Arc<dyn Engine>,
        evidence: Evidence,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            readiness: Readiness::new(&*clock),
            slots: Arc::new(Semaphore::new(config.serving.requests)),
            receiving: Arc::new(Semaphore::new(config.serving.requests.saturating_mul(RECEIVING))),
            config,
            keys,
            engine,
            evidence,
            clock,
            entropy,
            receipts: Receipts::new(),
            request_ids: RequestIds::default(),
            tasks: TaskTracker::new(),
            ticking: tokio::sync::Mutex::default(),
            not_before: AtomicU64::new(0),
        }
    }

    /// The node's name for this boot.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        self.evidence.boot_id()
    }

    /// Which model it serves.
    #[must_use]
    pub fn manifest_digest(&self) -> ManifestDigest {
        self.evidence.facts().manifest_digest
    }

    /// With which settings.
    #[must_use]
    pub fn config_digest(&self) -> ConfigDigest {
        self.evidence.facts().config_digest
    }

    /// The keys of this boot.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The private KEM keys that requests may be sealed to now.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        self.evidence.key_set(self.clock.monotonic())
    }

    /// The current epoch of KEM keys.
    #[must_use]
    pub fn kem_epoch(&self) -> u64 {
        self.evidence.current().epoch.number()
    }

    /// The current `application/ohttp-keys`.
    #[must_use]
    pub fn kem_keys(&self) -> Arc<[u8]> {
        Arc::clone(self.evidence.current().epoch.list())
    }

    /// Evidence without a binder.
    #[must_use]
    pub fn cached_bundle(&self) -> Arc<[u8]> {
        Arc::clone(self.evidence.current().bundle())
    }

    /// The statement in the cached evidence.
    #[must_use]
    pub fn statement(&self) -> Statement {
        self.evidence.current().statement.clone()
    }

    /// Gives `make` the next sequence number and signs the receipt that it makes.
    pub fn issue_receipt(&self, make: impl FnOnce(u64) -> Receipt) -> Vec<u8> {
        self.receipts.issue(&self.keys, make)
    }

    /// The number that the next receipt will have.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.receipts.next()
    }

    /// Whether requests are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.engine.has_stopped() && self.readiness.is_ready(&self.evidence, &*self.clock)
    }

    /// What the keeper does every second: lets old keys go, begins a new epoch, collects evidence again
    /// before it expires or after the clock was stepped. Tests call it after they moved their clock.
    pub async fn tick(&self) {
        let _alone = self.ticking.lock().await;
        let now = self.clock.monotonic();
        self.evidence.expire(now);
        let stepped = self.readiness.clock_stepped(&*self.clock);
        let current = self.evidence.current();
        let rotate = current.epoch.is_over(now);
        let stale = current.is_stale(&*self.clock, self.config.evidence_lifetime());
        drop(current);
        if !(rotate || stale || stepped) || millis(now) < self.not_before.load(Ordering::Relaxed) {
            return;
        }
        let renewed = if rotate {
            self.evidence.rotate(&*self.clock, &*self.entropy).await
        } else {
            self.evidence.refresh(&*self.clock, &*self.entropy).await
        };
        match renewed {
            Ok(()) => self.readiness.evidence_is_fresh(&*self.clock),
            Err(error) => {
                self.not_before.store(millis(now.saturating_add(RETRY)), Ordering::Relaxed);
                tracing::warn!(reason = %error, "no new evidence");
            }
        }
        self.evidence.expire(self.clock.monotonic());
    }

    pub(crate) fn close(&self) {
        self.readiness.close();
    }

    pub(crate) fn engine_stopped(&self) {
        self.readiness.engine_stopped();
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) const fn serving(&self) -> &Serving {
        &self.config.serving
    }

    pub(crate) const fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    pub(crate) const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    pub(crate) const fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    pub(crate) const fn request_ids(&self) -> &RequestIds {
        &self.request_ids
    }

    /// Places for requests that are coming in.
    pub(crate) const fn receiving(&self) -> &Arc<Semaphore> {
        &self.receiving
    }

    /// Places for requests that are acted on.
    pub(crate) const fn slots(&self) -> &Arc<Semaphore> {
        &self.slots
    }

    pub(crate) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
