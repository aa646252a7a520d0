//! Boot, as a list. What fails stops the node: there is no half-started state.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use sealroom_attestation::manifest::Manifest;
use sealroom_engine::{Engine, EngineError, LoadError};
use tokio::net::TcpListener;

use crate::clock::{Clock, SystemClock};
use crate::collect::{GpuCollector, Nvml, Tsm};
use crate::config::{ComputeDevice, Config, Lock};
use crate::entropy::{Entropy, SystemEntropy, array};
use crate::evidence::EvidenceError;
use crate::keys::{Keys, KeysError};
use crate::memory::{self, HardenError};
use crate::node::{Node, Parts};
use crate::upstream::LaunchError;
use crate::weights::WeightsError;

mod beside;
mod start;

pub(crate) use start::Started;
pub use start::{Times, manifest, self_test};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The process could not be closed against its surroundings.
    #[error("hardening the process: {0}")]
    Harden(#[from] HardenError),
    /// Memory must stay out of swap, and could not be locked.
    #[error("memory could not be locked")]
    Lock,
    /// The model file was refused.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The engine refused the model.
    #[error("loading the model: {0}")]
    Load(#[from] LoadError),
    /// The engine beside the node was not started.
    #[error(transparent)]
    Upstream(#[from] LaunchError),
    /// The engine gave no token.
    #[error("the self-test of the engine: {0}")]
    SelfTest(#[from] EngineError),
    /// The configuration says that prompts reach a GPU, and nothing collects evidence of one.
    #[error(
        "engine.device is cuda, and this build collects no evidence of GPUs: set it to cpu, or run a build for GPUs"
    )]
    Gpus,
    /// No keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// TLS could not be set up.
    #[error("setting up TLS: {0}")]
    Tls(rustls::Error),
    /// No evidence.
    #[error("collecting the first evidence: {0}")]
    Evidence(#[from] EvidenceError),
    /// The address could not be listened on.
    #[error("listening: {0}")]
    Listen(io::Error),
    /// One of several models could not be served.
    #[error("model {name}: {error}")]
    Model {
        /// Its name.
        name: String,
        /// Why.
        error: Box<BootError>,
    },
    /// A step was ended from outside.
    #[error("boot was interrupted")]
    Interrupted,
}

/// Starts a node of this machine for each of some models: its disk, its engine, its hardware. None answers before all of them
/// can.
///
/// # Errors
/// The first step that failed, and nothing goes on then. Of several models it is named which.
pub async fn boot_all(configs: Vec<Config>) -> Result<Vec<Node>, BootError> {
    let several = configs.len() > 1;
    let of = |name: &str, error| match several {
        true => BootError::Model { name: name.to_owned(), error: Box::new(error) },
        false => error,
    };
    configs.first().map(harden).transpose()?;
    let clock = Arc::new(SystemClock::new());
    let mut ready = Vec::with_capacity(configs.len());
    for config in configs {
        let name = config.model_name().to_owned();
        let started = start(&config, clock.clone()).await.map_err(|error| of(&name, error))?;
        ready.push((name, config, started));
    }
    let mut nodes = Vec::with_capacity(ready.len());
    for (name, config, (gpus, served)) in ready {
        let node = open(config, clock.clone(), gpus, served).await;
        nodes.push(node.map_err(|error| of(&name, error))?);
    }
    Ok(nodes)
}

/// What a node is given by its machine and by its model.
async fn start(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<(Option<Arc<dyn GpuCollector>>, Served), BootError> {
    // Before the engine: until the GPUs proved who they are, nothing reaches them, and the driver lets nobody compute.
    let gpus = gpu_collector(config, &SystemEntropy, clock).await?;
    Ok((gpus, serve(config).await?))
}

/// What answers in a node, and what the node commits to as its model.
pub type Served = (Arc<dyn Engine>, Manifest);

/// Starts the engine that a configuration names, in this process or beside it, and takes one token of it.
///
/// # Errors
/// The first step that failed.
pub async fn serve(config: &Config) -> Result<Served, BootError> {
    match config.upstream() {
        None => {
            let (path, settings) = (config.model_path(), config.engine());
            let started = Started::load(path, config.model_sha256(), settings, |_, _| {}).await?;
            started.times.log(config.model_name());
            Ok(started.served(config.model_name()))
        }
        Some(upstream) => {
            let begun = Instant::now();
            let (engine, manifest) = beside::start(config, upstream).await?;
            self_test(&*engine).await?;
            let ms = begun.elapsed().as_millis();
            tracing::info!(model = config.model_name(), ms, "the engine beside the node answers");
            Ok((engine, manifest))
        }
    }
}

/// Makes keys, collects the first evidence and listens.
async fn open(
    config: Config,
    clock: Arc<SystemClock>,
    gpus: Option<Arc<dyn GpuCollector>>,
    (engine, manifest): Served,
) -> Result<Node, BootError> {
    let entropy = Arc::new(SystemEntropy);
    let keys = Keys::generate(&*entropy)?;
    let collector = Arc::new(Tsm::new(config.collector().to_owned()));
    let listener = TcpListener::bind(config.listen()).await.map_err(BootError::Listen)?;
    let name = config.model_name().to_owned();
    let parts = Parts { config, keys, manifest, engine, collector, gpus, clock, entropy };
    let node = Node::start(parts, listener).await?;
    tracing::info!(model = name, boot_id = %node.boot_id(), "ready");
    Ok(node)
}

/// Verifies the GPUs for this guest and opens them. Their answer to a verifier comes later, over another nonce, when there
/// are keys that it can name.
async fn gpu_collector(
    config: &Config,
    entropy: &dyn Entropy,
    clock: Arc<dyn Clock>,
) -> Result<Option<Arc<dyn GpuCollector>>, BootError> {
    match config.device() {
        ComputeDevice::Cpu => Ok(None),
        ComputeDevice::Cuda if !cfg!(feature = "cuda") => Err(BootError::Gpus),
        ComputeDevice::Cuda => {
            let nonce = array(entropy);
            let started = tokio::task::spawn_blocking(move || Nvml::start(&nonce, clock));
            let gpus = started.await.map_err(|_| BootError::Interrupted)?;
            Ok(Some(Arc::new(gpus.map_err(EvidenceError::from)?)))
        }
    }
}

fn harden(config: &Config) -> Result<(), BootError> {
    let hardened = memory::harden()?;
    tracing::info!(locked = hardened.locked, "hardened");
    match config.lock() {
        Lock::Required if !hardened.locked => Err(BootError::Lock),
        Lock::Required | Lock::Try => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn gpus_on(device: &str) -> Result<bool, BootError> {
        let toml =
            format!("[model]\npath = \"/m\"\nname = \"m\"\n[engine]\ndevice = \"{device}\"\n");
        let config = Config::from_toml(&toml).expect("a configuration");
        let clock = Arc::new(SystemClock::new());
        gpu_collector(&config, &SystemEntropy, clock).await.map(|gpus| gpus.is_some())
    }

    #[tokio::test]
    async fn a_node_on_its_cpu_asks_no_gpu() {
        assert!(matches!(gpus_on("cpu").await, Ok(false)));
    }

    #[cfg(not(feature = "cuda"))]
    #[tokio::test]
    async fn a_build_that_asks_no_gpu_refuses_to_compute_on_one() {
        assert!(matches!(gpus_on("cuda").await, Err(BootError::Gpus)));
    }

    /// Where there is no driver, or one whose GPUs are not in confidential mode.
    #[cfg(feature = "cuda")]
    #[tokio::test]
    async fn a_build_for_gpus_refuses_a_machine_without_confidential_ones() {
        let refused = gpus_on("cuda").await;
        assert!(matches!(refused, Err(BootError::Evidence(EvidenceError::Collect(_)))));
    }
}
