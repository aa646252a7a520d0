//! Boot, as a list. What fails stops the node: there is no half-started state.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use sealroom_attestation::manifest::{Manifest, ModelFile};
use sealroom_attestation::transcript::sha256;
use sealroom_engine::{
    Deadlines, Engine, EngineError, Event, GenerationRequest, Input, LoadError, LocalEngine,
    ModelCard, Sampling, UpstreamSettings,
};
use tokio::net::TcpListener;

use crate::clock::{Clock, SystemClock};
use crate::collect::{GpuCollector, Nvml, Tsm};
use crate::config::{ComputeDevice, Config, Lock, Upstream};
use crate::entropy::{Entropy, SystemEntropy, array};
use crate::evidence::EvidenceError;
use crate::keys::{Keys, KeysError};
use crate::memory::{self, HardenError};
use crate::node::{Node, Parts};
use crate::upstream::{Confined, Launch, LaunchError, Plan};
use crate::weights::{self, Weights, WeightsError, hex};

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
    /// A step was ended from outside.
    #[error("boot was interrupted")]
    Interrupted,
}

/// Starts a node of this machine: its disk, its engine, its hardware.
///
/// # Errors
/// The first step that failed.
pub async fn boot(config: Config) -> Result<Node, BootError> {
    harden(&config)?;
    let (entropy, clock) = (Arc::new(SystemEntropy), Arc::new(SystemClock::new()));
    // Before the engine: until the GPUs proved who they are, nothing reaches them, and the driver lets nobody compute.
    let gpus = gpu_collector(&config, &*entropy, clock.clone()).await?;
    let (engine, manifest) = match config.upstream() {
        None => start_local(&config).await?,
        Some(upstream) => start_upstream(&config, upstream).await?,
    };
    self_test(&*engine).await?;
    let keys = Keys::generate(&*entropy)?;
    let collector = Arc::new(Tsm::new(config.collector().to_owned()));
    let listener = TcpListener::bind(config.listen()).await.map_err(BootError::Listen)?;
    let parts = Parts { config, keys, manifest, engine, collector, gpus, clock, entropy };
    let node = Node::start(parts, listener).await?;
    tracing::info!(boot_id = %node.boot_id(), "ready");
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

async fn start_local(config: &Config) -> Result<(Arc<dyn Engine>, Manifest), BootError> {
    let weights = copy_weights(config).await?;
    let (engine, file) = start_engine(config, weights).await?;
    let manifest = manifest(config.model_name(), &file, engine.card());
    Ok((engine, manifest))
}

/// Everything is hashed before the engine is started: what it loads afterwards is what the manifest names, if the place of the
/// files is one that nobody can change meanwhile.
async fn start_upstream(
    config: &Config,
    upstream: &Upstream,
) -> Result<(Arc<dyn Engine>, Manifest), BootError> {
    let (path, expected) = (config.model_path().to_owned(), config.model_sha256());
    let (plan, name) = (plan(config, upstream), config.model_name().to_owned());
    let started = tokio::task::spawn_blocking(move || {
        let files = weights::hash(&path, expected)?;
        let engine = Arc::new(Confined::start(plan)?);
        let [first, ..] = files.as_slice() else { return Err(WeightsError::Empty.into()) };
        let manifest = Manifest { files: files.clone(), ..manifest(&name, first, engine.card()) };
        Ok::<_, BootError>((engine, manifest))
    });
    let (engine, manifest) = started.await.map_err(|_| BootError::Interrupted)??;
    Ok((engine, manifest))
}

fn plan(config: &Config, upstream: &Upstream) -> Plan {
    let launch = Launch {
        program: upstream.program.clone(),
        arguments: upstream.arguments.clone(),
        directory: upstream.directory.clone(),
        user: upstream.user,
    };
    let settings = UpstreamSettings {
        address: upstream.address.clone(),
        user: upstream.user.own(),
        kind: upstream.kind,
        build: upstream.build.clone(),
        name: config.model_name().to_owned(),
        root: upstream.root.clone(),
        context: config.engine().context,
        in_flight: upstream.in_flight,
        parameters: BTreeMap::from([("command_sha256".to_owned(), command_digest(upstream))]),
        deadlines: Deadlines::default(),
    };
    Plan { launch, settings, start: upstream.start, proc: "/proc".into() }
}

/// Arguments change answers: a number format, a template, a sampler. They also hold paths, so that only their digest is told.
fn command_digest(upstream: &Upstream) -> String {
    let program = upstream.program.to_string_lossy();
    let mut joined = Vec::new();
    for word in [program.as_ref()].into_iter().chain(upstream.arguments.iter().map(String::as_str))
    {
        joined.extend_from_slice(&(word.len() as u64).to_be_bytes());
        joined.extend_from_slice(word.as_bytes());
    }
    hex(&sha256(&joined))
}

async fn copy_weights(config: &Config) -> Result<Weights, BootError> {
    let (path, expected) = (config.model_path().to_owned(), config.model_sha256());
    let copied = tokio::task::spawn_blocking(move || Weights::copy_in(&path, expected)).await;
    Ok(copied.map_err(|_| BootError::Interrupted)??)
}

/// The file's bytes are dropped, and so wiped, as soon as the engine has what it needs of them.
async fn start_engine(
    config: &Config,
    weights: Weights,
) -> Result<(Arc<dyn Engine>, ModelFile), BootError> {
    let settings = config.engine().clone();
    let loaded = tokio::task::spawn_blocking(move || {
        let engine = LocalEngine::load(weights.bytes(), &settings)?;
        Ok::<_, LoadError>((Arc::new(engine), weights.file().clone()))
    });
    let (engine, file) = loaded.await.map_err(|_| BootError::Interrupted)??;
    Ok((engine, file))
}

/// What the node commits to as its model: the file as it was hashed, and everything of the engine that
/// changes answers.
#[must_use]
pub fn manifest(name: &str, file: &ModelFile, card: &ModelCard) -> Manifest {
    Manifest {
        name: name.to_owned(),
        files: vec![file.clone()],
        tokenizer: card.tokenizer_digest.0,
        template: card.chat_template_digest.map_or([0; 32], |digest| digest.0),
        engine: card.engine.clone(),
        build: card.build.clone(),
        parameters: card.parameters.clone(),
        adapters: Vec::new(),
    }
}

/// One greedy token: an engine that cannot give it must not be offered to anybody.
///
/// # Errors
/// What the engine says, or [`BootError::Interrupted`] when it says nothing.
pub async fn self_test(engine: &dyn Engine) -> Result<(), BootError> {
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let request = GenerationRequest {
        max_tokens: Some(1),
        sampling: Sampling::greedy(),
        ..GenerationRequest::new(Input::Text("Hello".into()), 0)
    };
    let sink = move |event| match sender.send(event) {
        Ok(()) => std::ops::ControlFlow::Continue(()),
        Err(_) => std::ops::ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink))?;
    let mut tokens = 0_usize;
    while let Some(event) = events.recv().await {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(_) => tokens = tokens.saturating_add(1),
            Event::Finished(_) if tokens == 1 => return Ok(()),
            Event::Finished(_) => break,
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err(BootError::Interrupted)
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
