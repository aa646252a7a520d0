//! A running node: what it is made of, and its life from the first evidence to the last stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sealroom_attestation::cbor::Item;
use sealroom_attestation::digests::BootId;
use sealroom_attestation::manifest::{Configuration, Manifest};
use sealroom_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::boot::BootError;
use crate::clock::Clock;
use crate::collect::{Collector, GpuCollector};
use crate::config::{ComputeDevice, Config};
use crate::entropy::Entropy;
use crate::evidence::{Device, Evidence, Facts};
use crate::keys::Keys;
use crate::serve;

mod state;

pub use state::State;

/// Everything a node is made of. A test brings its own collector, clock and randomness.
pub struct Parts {
    /// Checked settings.
    pub config: Config,
    /// The keys of this boot.
    pub keys: Keys,
    /// Which model the engine computes.
    pub manifest: Manifest,
    /// What computes.
    pub engine: Arc<dyn Engine>,
    /// What makes the hardware sign.
    pub collector: Arc<dyn Collector>,
    /// What makes the GPUs sign; `None` on a machine that computes on its CPU.
    pub gpus: Option<Arc<dyn GpuCollector>>,
    /// The guest's clocks.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A node that answers.
pub struct Node {
    address: SocketAddr,
    state: Arc<State>,
    /// Ends the listener, and asks connections to end when their streams have.
    closing: CancellationToken,
    /// Ends everything.
    ended: CancellationToken,
    connections: TaskTracker,
    tasks: TaskTracker,
}

/// How often the keeper looks, in real time. What it decides it decides by the node's own clocks.
const KEEPER: Duration = Duration::from_secs(1);

impl Node {
    /// Collects the first evidence and begins to answer on `listener`.
    ///
    /// # Errors
    /// [`BootError`] when there is no evidence or TLS cannot be set up.
    pub async fn start(parts: Parts, listener: TcpListener) -> Result<Self, BootError> {
        Self::start_with(parts, listener, |router, _| router).await
    }

    /// As [`Node::start`], with something of the caller's around every request, after TLS.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_with(
        parts: Parts,
        listener: TcpListener,
        wrap: impl FnOnce(axum::Router, Arc<State>) -> axum::Router,
    ) -> Result<Self, BootError> {
        Self::start_within(parts, listener, serve::Deadlines::default(), wrap).await
    }

    pub(crate) async fn start_within(
        parts: Parts,
        listener: TcpListener,
        deadlines: serve::Deadlines,
        wrap: impl FnOnce(axum::Router, Arc<State>) -> axum::Router,
    ) -> Result<Self, BootError> {
        let address = listener.local_addr().map_err(BootError::Listen)?;
        let tls = parts.keys.leaf().server_config().map_err(BootError::Tls)?;
        let state = Arc::new(state(parts).await?);
        let router = wrap(serve::router(Arc::clone(&state), deadlines), Arc::clone(&state));
        let (closing, ended) = (CancellationToken::new(), CancellationToken::new());
        let tasks = state.tasks().clone();
        tasks.spawn(keep(Arc::clone(&state), ended.clone()));
        tasks.spawn(quote(Arc::clone(&state), ended.clone()));
        let door = serve::Door {
            tls: Arc::new(tls),
            router,
            leaf: state.keys().leaf().digest(),
            connections: state.serving().connections,
            deadlines,
            closing: closing.clone(),
            ended: ended.clone(),
        };
        let connections = TaskTracker::new();
        tasks.spawn(door.open(listener, connections.clone()));
        Ok(Self { address, state, closing, ended, connections, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name for this boot.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        self.state.boot_id()
    }

    /// What it knows and holds.
    #[must_use]
    pub const fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Takes nothing new, lets running streams finish for as long as the settings say, then ends. Keys
    /// go with the last reference to the state.
    pub async fn shutdown(self) {
        self.state.close();
        self.closing.cancel();
        self.connections.close();
        self.tasks.close();
        // A connection ends by itself when its last answer is written to the last byte.
        let drain = self.state.serving().drain;
        if tokio::time::timeout(drain, self.connections.wait()).await.is_err() {
            tracing::warn!(count = self.connections.len(), "connections were cut at shutdown");
        }
        self.ended.cancel();
        self.connections.wait().await;
        self.tasks.wait().await;
    }
}

/// What a dropped node leaves must not go on answering.
impl Drop for Node {
    fn drop(&mut self) {
        self.state.close();
        self.closing.cancel();
        self.ended.cancel();
    }
}

async fn state(parts: Parts) -> Result<State, BootError> {
    let Parts { config, keys, manifest, engine, collector, gpus, clock, entropy } = parts;
    if config.device() == ComputeDevice::Cuda && gpus.is_none() {
        return Err(BootError::Gpus);
    }
    let (manifest, settings) = (manifest.encode(), config.settings().encode());
    let facts = Facts {
        identity: keys.identity(),
        receipt_key: keys.receipt_key(),
        leaf: keys.leaf().digest(),
        manifest_digest: Manifest::digest(&manifest),
        manifest,
        config_digest: Configuration::digest(&settings),
        config: settings,
        lifetime: config.evidence_lifetime(),
    };
    let device = Device::new(collector, gpus);
    let evidence = Evidence::first(facts, device, &*clock, &*entropy).await?;
    Ok(State::new(config, keys, engine, evidence, clock, entropy))
}

/// Rotates keys, refreshes evidence, watches the clock.
async fn keep(state: Arc<State>, ended: CancellationToken) {
    let mut interval = tokio::time::interval(KEEPER);
    while ended.run_until_cancelled(interval.tick()).await.is_some() {
        state.tick().await;
    }
}

/// Makes quotes for those who wait.
async fn quote(state: Arc<State>, ended: CancellationToken) {
    while ended.run_until_cancelled(state.evidence().waiting.rung()).await.is_some() {
        state.evidence().serve_waiting(state.clock()).await;
    }
}

#[cfg(test)]
mod tests;
