//! A whole node on loopback with nothing real behind it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use sealroom_attestation::evidence;
use sealroom_attestation::manifest::ModelFile;
use sealroom_engine::Engine;
use tokio::net::TcpListener;

use super::{FixedEntropy, MockEngine, MovableClock};
use crate::boot::manifest;
use crate::collect::{CollectError, Collector, GpuCollector};
use crate::config::Config;
use crate::keys::Keys;
use crate::node::{Node, Parts};
use crate::serve::Deadlines;

/// Hardware whose report is its report data.
#[derive(Default)]
pub(crate) struct Hardware {
    pub(crate) quotes: AtomicUsize,
    pub(crate) broken: AtomicBool,
    pub(crate) gpus_lost: AtomicBool,
    held: Mutex<bool>,
    released: Condvar,
}

impl Hardware {
    /// Lets no quote out until [`Hardware::release`].
    pub(crate) fn hold(&self) {
        *self.held.lock().expect("not poisoned") = true;
    }

    pub(crate) fn release(&self) {
        *self.held.lock().expect("not poisoned") = false;
        self.released.notify_all();
    }
}

impl Collector for Hardware {
    fn collect(&self, report_data: &[u8; 64]) -> Result<evidence::Hardware, CollectError> {
        self.quotes.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().expect("not poisoned");
        drop(self.released.wait_while(held, |held| *held).expect("not poisoned"));
        if self.broken.load(Ordering::SeqCst) {
            return Err(CollectError::Device { reason: "broken".into() });
        }
        Ok(evidence::Hardware::Snp { report: report_data.to_vec(), certificates: None })
    }
}

/// A machine without GPUs commits to none.
impl GpuCollector for Hardware {
    fn collect(&self, _: &[u8; 32]) -> Result<Vec<evidence::GpuEntry>, CollectError> {
        Ok(Vec::new())
    }

    fn have_stopped(&self) -> bool {
        self.gpus_lost.load(Ordering::SeqCst)
    }
}

/// The node and everything it was given.
pub(crate) struct Rig {
    pub(crate) node: Node,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) engine: Arc<MockEngine>,
    pub(crate) hardware: Arc<Hardware>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::start_with("", Deadlines::default()).await
    }

    /// With more settings and other deadlines.
    pub(crate) async fn start_with(settings: &str, deadlines: Deadlines) -> Self {
        let least = "[model]\npath = \"/m.gguf\"\nname = \"tiny\"\n";
        let config = Config::from_toml(&format!("{least}{settings}")).expect("a configuration");
        let clock = Arc::new(MovableClock::new());
        let (engine, hardware) = (Arc::new(MockEngine::new()), Arc::new(Hardware::default()));
        let file = ModelFile { name: "m.gguf".into(), size: 1, sha256: [9; 32] };
        let entropy = Arc::new(FixedEntropy::new());
        let parts = Parts {
            manifest: manifest(config.model_name(), &file, engine.card()),
            config,
            keys: Keys::generate(&*entropy).expect("keys"),
            engine: engine.clone(),
            collector: hardware.clone(),
            gpus: Some(hardware.clone()),
            clock: clock.clone(),
            entropy,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let node = Node::start_within(parts, listener, deadlines, |router, _| router).await;
        Self { node: node.expect("started"), clock, engine, hardware }
    }
}
