//! A vendor, machines with its chips, and a relying party that trusts exactly that vendor's root.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use axum::Router;
use ring::rand::{SecureRandom, SystemRandom};
use sealroom_attestation::{
    cbor::Item,
    endorsements::{Anchors, Endorsements},
    manifest::Manifest,
    node::Freshness,
};
use sealroom_enclave::{Config, GpuCollector, Keys, Node, Parts, State, SystemEntropy};
use sealroom_engine::Engine;
use sealroom_gateway::session::{RelyingParty, Target};
use sealroom_verifier::{Policy, Trust, Version};
use tokio::net::TcpListener;

use crate::{
    clock::{self, MovableClock},
    gpus::Gpus,
    hardware::{self, Chip, Platform},
};

/// What a node does to requests and responses after TLS: nothing, unless an attack needs it.
pub type Wrap = Box<dyn FnOnce(Router, Arc<State>) -> Router + Send>;

/// One machine, before it boots. Every field is one thing that an attack may change.
pub struct Machine {
    /// The chip, its firmware and the guest's launch.
    pub chip: Chip,
    /// What the model is computed on, where it is not the CPU.
    pub gpus: Option<Gpus>,
    /// Its settings; `None` is as few as there can be.
    pub config: Option<Config>,
    /// The keys that the boot will use.
    pub keys: Keys,
    /// What it says it serves.
    pub manifest: Manifest,
    /// What answers.
    pub engine: Arc<dyn Engine>,
    /// The host's clock.
    pub clock: MovableClock,
    /// What stands between TLS and the node's own handlers.
    pub wrap: Option<Wrap>,
}

/// The oldest driver that the enterprise lets see its prompts.
const OLDEST_DRIVER: &str = "550.54.15";

/// A seed for a forged vendor: random, so that no two runs share a root.
///
/// # Panics
/// When the system has no randomness.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).expect("the system has randomness");
    seed
}

/// An AMD chip of a forged vendor that runs the simulated image.
#[must_use]
pub fn chip(seed: [u8; 32]) -> Chip {
    Chip::new(Platform::Snp, seed)
}

impl Machine {
    /// A machine that behaves.
    ///
    /// # Errors
    /// When keys cannot be made.
    pub fn new(chip: Chip, engine: Arc<dyn Engine>, manifest: Manifest) -> Result<Self> {
        let keys = Keys::generate(&SystemEntropy).context("making the node's keys")?;
        let clock = MovableClock::at_present();
        Ok(Self { chip, gpus: None, config: None, keys, manifest, engine, clock, wrap: None })
    }

    /// Boots it on a free loopback port.
    ///
    /// # Errors
    /// Those of the boot.
    pub async fn boot(self) -> Result<Node> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("binding a loopback port")?;
        self.boot_on(listener).await
    }

    /// Boots it on a listener of the caller's.
    ///
    /// # Errors
    /// Those of the boot.
    pub async fn boot_on(self, listener: TcpListener) -> Result<Node> {
        let least = || least(&self.manifest.name, self.gpus.is_some());
        let config = self.config.map_or_else(least, Ok)?;
        let parts = Parts {
            config,
            keys: self.keys,
            manifest: self.manifest,
            engine: self.engine,
            collector: Arc::new(hardware::SimulatedChip::new(self.chip)),
            gpus: self.gpus.map(|gpus| Arc::new(gpus) as Arc<dyn GpuCollector>),
            clock: Arc::new(self.clock),
            entropy: Arc::new(SystemEntropy),
        };
        let wrap = self.wrap.unwrap_or_else(|| Box::new(|router, _| router));
        Node::start_with(parts, listener, wrap).await.context("booting the simulated node")
    }
}

fn least(name: &str, on_gpus: bool) -> Result<Config> {
    let device = if on_gpus { "cuda" } else { "cpu" };
    let config = format!(
        "[model]\npath = \"/model.gguf\"\nname = \"{name}\"\n[engine]\ndevice = \"{device}\"\n"
    );
    Config::from_toml(&config).context("checking the node's configuration")
}

/// What an enterprise that wants this image, these GPUs and this model would trust, plus the forged roots.
///
/// # Panics
/// When the forge's endorsements are none, which would be a bug of the forge.
#[must_use]
pub fn trust(chip: &Chip, gpus: Option<&Gpus>, manifest: &Manifest) -> Trust {
    let mut policy = Policy::built_in();
    policy.freshness = Freshness::Hardware;
    chip.pin(&mut policy);
    let digest = Manifest::digest(&manifest.encode());
    policy.models = [(manifest.name.clone(), vec![digest])].into();
    let mut endorsements = Endorsements::default();
    endorsements.add_file(&chip.published()).expect("the forge makes endorsements");
    let mut anchors = Anchors::production().danger_accept_simulated(chip.root_sha256());
    if let Some(gpus) = gpus {
        policy.gpu.count = Some(gpus.count());
        policy.gpu.minimum_driver = Version::driver(OLDEST_DRIVER);
        let published = gpus.published(clock::present());
        for file in published.files() {
            endorsements.add_file(file).expect("the forge makes endorsements");
        }
        anchors = anchors.danger_accept_simulated(gpus.root_sha256());
    }
    Trust::new(policy, &endorsements, &anchors)
}

/// A relying party with a clock of its own.
#[must_use]
pub fn party(trust: Trust, clock: &MovableClock) -> RelyingParty {
    RelyingParty::new(trust).with_clock(Arc::new(clock.clone()))
}

/// Where a node or an attacker listens.
///
/// # Errors
/// Never for a loopback address.
pub fn target(address: SocketAddr) -> Result<Target> {
    Target::from_url(&format!("https://{address}")).context("naming a loopback address")
}
