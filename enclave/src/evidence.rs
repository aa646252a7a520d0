//! The node's evidence: collected with each epoch of KEM keys, bound to one session on demand.
//!
//! Keys and the statement that commits to them are exchanged together: an epoch begins to count when a
//! quote over it is there, so cached evidence always names the current keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealroom_attestation::binder::{Channel, Session};
use sealroom_attestation::cbor::Item;
use sealroom_attestation::digests::{
    BootId, ConfigDigest, IdentityKey, LeafDigest, ManifestDigest, ReceiptKey,
};
use sealroom_attestation::endpoints::ChannelKind;
use sealroom_attestation::evidence::{Binder, Bundle, Hardware};
use sealroom_attestation::seal::{CompleteRequest, FreshRequest, KeyError, KeySet, ReplayError};
use sealroom_attestation::statement::{QuoteFreshness, Statement};

use crate::clock::{Clock, Watch};
use crate::collect::{CollectError, Collector, GpuCollector};
use crate::entropy::Entropy;
use crate::kem::Epoch;
use crate::keys::Keys;

mod gpus;
mod waiting;

use gpus::Answers;
pub(crate) use waiting::{Asked, Batch, Waiting};

/// What a node commits to for one boot.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) identity: IdentityKey,
    pub(crate) receipt_key: ReceiptKey,
    pub(crate) leaf: LeafDigest,
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: ManifestDigest,
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: ConfigDigest,
    pub(crate) lifetime: Duration,
}

/// Why there is no new evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The hardware did not sign.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// No keys could be drawn.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The task that talks to the hardware was ended.
    #[error("the collection was interrupted")]
    Interrupted,
}

/// Evidence without a binder, and the keys it commits to.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) statement: Statement,
    encoded: Vec<u8>,
    hardware: Hardware,
    gpus: Arc<Answers>,
    bundle: Arc<[u8]>,
    collected: Duration,
    /// The clocks as they were when the statement was issued.
    issued: Watch,
}

/// Everything that evidence is made of.
pub(crate) struct Evidence {
    facts: Facts,
    boot_id: BootId,
    device: Device,
    live: Mutex<Live>,
    pub(crate) waiting: Waiting,
}

struct Live {
    current: Arc<Cached>,
    previous: Option<Arc<Epoch>>,
}

impl Evidence {
    /// Draws the keys of epoch 0 and collects the first evidence.
    pub(crate) async fn first(
        facts: Facts,
        device: Device,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, EvidenceError> {
        let epoch = Arc::new(Epoch::generate(0, clock.monotonic(), entropy)?);
        let current = Arc::new(device.cached(&facts, epoch, clock, entropy).await?);
        let boot_id = current.statement.boot_id();
        let live = Mutex::new(Live { current, previous: None });
        Ok(Self { facts, boot_id, device, live, waiting: Waiting::default() })
    }

    pub(crate) const fn boot_id(&self) -> BootId {
        self.boot_id
    }

    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether this boot lost its GPUs.
    pub(crate) fn gpus_have_stopped(&self) -> bool {
        self.device.gpus.as_ref().is_some_and(|gpus| gpus.have_stopped())
    }

    /// The cached evidence with the current keys.
    pub(crate) fn current(&self) -> Arc<Cached> {
        Arc::clone(&self.lock().current)
    }

    /// Begins the next epoch, with evidence over it.
    pub(crate) async fn rotate(
        &self,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<(), EvidenceError> {
        let number = self.current().epoch.number().saturating_add(1);
        let epoch = Arc::new(Epoch::generate(number, clock.monotonic(), entropy)?);
        let next = Arc::new(self.device.cached(&self.facts, epoch, clock, entropy).await?);
        let mut live = self.lock();
        let last = std::mem::replace(&mut live.current, next);
        live.previous = Some(Arc::clone(&last.epoch));
        Ok(())
    }

    /// Collects evidence over the current epoch again.
    pub(crate) async fn refresh(
        &self,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<(), EvidenceError> {
        let epoch = Arc::clone(&self.current().epoch);
        let next = Arc::new(self.device.cached(&self.facts, epoch, clock, entropy).await?);
        self.lock().current = next;
        Ok(())
    }

    /// Lets go of keys whose time is over. Nothing else holds them but requests being received.
    pub(crate) fn expire(&self, now: Duration) {
        let mut live = self.lock();
        if live.previous.as_ref().is_some_and(|epoch| !epoch.is_accepted(now)) {
            live.previous = None;
        }
    }

    /// The keys that requests may be sealed to now.
    pub(crate) fn key_set(&self, now: Duration) -> KeySet {
        let epochs = self.accepted(now);
        let keys = epochs.iter().flat_map(|epoch| epoch.keys().iter().cloned()).collect();
        KeySet::new(keys).expect("neighbouring epochs share no key id")
    }

    /// Inserts the request in its key's replay set; `None` when its key has died meanwhile.
    pub(crate) fn admit(
        &self,
        request: CompleteRequest,
        now: Duration,
    ) -> Option<Result<FreshRequest, ReplayError>> {
        let mut request = request;
        for epoch in self.accepted(now) {
            match epoch.admit(request) {
                Ok(admitted) => return Some(admitted),
                Err(other) => request = other,
            }
        }
        None
    }

    fn accepted(&self, now: Duration) -> Vec<Arc<Epoch>> {
        let live = self.lock();
        let epochs = [Some(&live.current.epoch), live.previous.as_ref()];
        epochs.into_iter().flatten().filter(|epoch| epoch.is_accepted(now)).cloned().collect()
    }

    /// Binds the cached statement to one session by the identity's signature.
    pub(crate) fn live(&self, asked: &Asked, keys: &Keys) -> Vec<u8> {
        let current = self.current();
        let session = asked.session(self.facts.leaf, &current.epoch);
        let statement = Statement::digest(&current.encoded);
        let message = session.live_message(&self.boot_id, &statement);
        let binder = Binder::Signature(keys.sign_as_identity(&message));
        let Cached { encoded, hardware, gpus, epoch, .. } = &*current;
        self.facts.bundle(encoded, hardware, gpus, epoch, binder)
    }

    /// One quote for everybody who waits. Returns the error for all of them alike.
    pub(crate) async fn serve_waiting(&self, clock: &dyn Clock) {
        while let Some(waiters) = self.waiting.take() {
            let current = self.current();
            let sessions =
                waiters.iter().map(|waiter| waiter.asked.session(self.facts.leaf, &current.epoch));
            let leaves = sessions.map(|session| session.leaf(&self.boot_id)).collect();
            let batch = self.device.batch(&self.facts, &current, leaves, clock).await;
            match batch {
                Ok(batch) => waiting::answer(waiters, &Arc::new(batch)),
                // Their ends of the channels close with the waiters; each request says not-ready.
                Err(error) => {
                    tracing::warn!(reason = %error, "no hardware evidence for those who wait")
                }
            }
        }
    }

    /// The bundle for one session of a batch.
    pub(crate) fn bundle_of(&self, batch: &Batch, index: usize) -> Vec<u8> {
        let path = batch.tree.path(index);
        let binder = Binder::Path { index: index as u64, path };
        let Batch { statement, hardware, gpus, epoch, .. } = batch;
        self.facts.bundle(statement, hardware, gpus, epoch, binder)
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cached {
    /// The bundle without a binder.
    pub(crate) fn bundle(&self) -> &Arc<[u8]> {
        &self.bundle
    }

    /// Whether the claimed lifetime is still running, by both clocks, and these still agree on when it
    /// began: a step while the hardware was signing is seen here and nowhere else.
    pub(crate) fn is_unexpired(&self, clock: &dyn Clock) -> bool {
        let Statement { issued_at, expires_at, .. } = self.statement;
        let lifetime = expires_at.0.saturating_sub(issued_at.0);
        let age = clock.monotonic().saturating_sub(self.collected).as_secs();
        let in_time = self.statement.window().contains(clock.wall()) && age <= lifetime;
        in_time && !self.issued.is_apart(clock)
    }

    /// Whether so much of the lifetime is over that new evidence should be collected.
    pub(crate) fn is_stale(&self, clock: &dyn Clock, lifetime: Duration) -> bool {
        let age = clock.monotonic().saturating_sub(self.collected);
        age >= lifetime * 3 / 4 || !self.is_unexpired(clock)
    }
}

impl Asked {
    fn session(&self, leaf: LeafDigest, epoch: &Epoch) -> Session {
        let channel = match (self.kind, self.exporter) {
            (ChannelKind::Tls, exporter) => Channel::TlsServer { exporter, leaf },
            (ChannelKind::Kem, _) => Channel::Kem { keys: epoch.digest() },
        };
        Session { nonce: self.nonce, channel, context: Vec::new() }
    }
}

impl Facts {
    fn statement(
        &self,
        epoch: &Epoch,
        gpus: &Answers,
        freshness: QuoteFreshness,
        clock: &dyn Clock,
    ) -> Statement {
        let issued_at = clock.wall();
        Statement {
            identity: self.identity,
            receipt_key: self.receipt_key,
            leaf: self.leaf,
            kem: epoch.digest(),
            kem_epoch: epoch.number(),
            gpus: gpus.commitment,
            manifest: self.manifest_digest,
            config: self.config_digest,
            freshness,
            issued_at,
            expires_at: issued_at.plus(self.lifetime.as_secs()),
        }
    }

    fn bundle(
        &self,
        statement: &[u8],
        hardware: &Hardware,
        gpus: &Answers,
        epoch: &Epoch,
        binder: Binder,
    ) -> Vec<u8> {
        let bundle = Bundle {
            statement: statement.to_vec(),
            hardware: hardware.clone(),
            gpus: gpus.entries.clone(),
            kem_keys: epoch.list().to_vec(),
            manifest: self.manifest.clone(),
            config: self.config.clone(),
            binder,
        };
        bundle.encode()
    }
}

/// The hardware: one quote in flight.
pub(crate) struct Device {
    collector: Arc<dyn Collector>,
    gpus: Option<Arc<dyn GpuCollector>>,
    /// Held by the call itself, which goes on when nobody waits for it any more.
    in_flight: Arc<tokio::sync::Mutex<()>>,
}

impl Device {
    pub(crate) fn new(collector: Arc<dyn Collector>, gpus: Option<Arc<dyn GpuCollector>>) -> Self {
        Self { collector, gpus, in_flight: Arc::default() }
    }

    async fn sign(&self, statement: &[u8]) -> Result<Hardware, EvidenceError> {
        let turn = Arc::clone(&self.in_flight).lock_owned().await;
        let report_data = Statement::report_data(statement);
        let collector = Arc::clone(&self.collector);
        let collected = tokio::task::spawn_blocking(move || {
            let collected = collector.collect(&report_data);
            drop(turn);
            collected
        });
        Ok(collected.await.map_err(|_| EvidenceError::Interrupted)??)
    }

    async fn cached(
        &self,
        facts: &Facts,
        epoch: Arc<Epoch>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Cached, EvidenceError> {
        let gpus = match &self.gpus {
            Some(devices) => {
                Answers::collect(Arc::clone(devices), &facts.identity, entropy).await?
            }
            None => Answers::default(),
        };
        let (collected, issued) = (clock.monotonic(), Watch::start(clock));
        let statement = facts.statement(&epoch, &gpus, QuoteFreshness::Cached, clock);
        let encoded = statement.encode();
        let hardware = self.sign(&encoded).await?;
        let bundle = facts.bundle(&encoded, &hardware, &gpus, &epoch, Binder::None).into();
        let gpus = Arc::new(gpus);
        Ok(Cached { epoch, statement, encoded, hardware, gpus, bundle, collected, issued })
    }

    async fn batch(
        &self,
        facts: &Facts,
        current: &Cached,
        leaves: Vec<sealroom_attestation::digests::TreeHash>,
        clock: &dyn Clock,
    ) -> Result<Batch, EvidenceError> {
        let size = leaves.len() as u64;
        let tree =
            sealroom_attestation::binder::Tree::new(leaves).ok_or(EvidenceError::Interrupted)?;
        let freshness = QuoteFreshness::Tree { root: tree.root(), size };
        let (epoch, gpus) = (Arc::clone(&current.epoch), Arc::clone(&current.gpus));
        let statement = facts.statement(&epoch, &gpus, freshness, clock).encode();
        let hardware = self.sign(&statement).await?;
        Ok(Batch { epoch, statement, hardware, gpus, tree })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{FixedEntropy, MovableClock};

    /// A host that moves the wall clock while the hardware signs.
    struct Stepping {
        clock: Arc<MovableClock>,
        seconds: i64,
    }

    impl Collector for Stepping {
        fn collect(&self, report_data: &[u8; 64]) -> Result<Hardware, CollectError> {
            self.clock.step_wall(self.seconds);
            Ok(Hardware::Snp { report: report_data.to_vec(), certificates: None })
        }
    }

    async fn collected_while_stepping(seconds: i64) -> (Evidence, Arc<MovableClock>) {
        let (clock, entropy) = (Arc::new(MovableClock::new()), FixedEntropy::new());
        let keys = Keys::generate(&entropy).expect("keys");
        let facts = Facts {
            identity: keys.identity(),
            receipt_key: keys.receipt_key(),
            leaf: keys.leaf().digest(),
            manifest: Vec::new(),
            manifest_digest: ManifestDigest([1; 32]),
            config: Vec::new(),
            config_digest: ConfigDigest([2; 32]),
            lifetime: Duration::from_secs(3600),
        };
        let device = Device::new(Arc::new(Stepping { clock: Arc::clone(&clock), seconds }), None);
        let evidence = Evidence::first(facts, device, &*clock, &entropy).await;
        (evidence.expect("evidence"), clock)
    }

    #[tokio::test]
    async fn evidence_issued_before_a_step_counts_for_nothing_after_it() {
        for (seconds, counts) in [(5, true), (6, false), (-6, false)] {
            let (evidence, clock) = collected_while_stepping(seconds).await;
            assert_eq!(evidence.current().is_unexpired(&*clock), counts, "{seconds} s");
        }
    }
}
