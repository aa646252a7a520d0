//! Sets the stage: the model in private memory, a vendor, a node, a gateway.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, Result};
use sealroom_attestation::manifest::Manifest;
use sealroom_enclave::{Node, Weights, boot};
use sealroom_engine::{Engine, LocalEngine, Settings, default_model};
use sealroom_gateway::{
    connect::{self, Connect},
    session::RelyingParty,
};
use sealroom_tests::{
    attacks::{Ground, change_one_bit},
    clock::MovableClock,
    gpus::Gpus,
    hardware::{Chip, Platform},
    world,
};
use tokio::net::TcpListener;

/// A node and a gateway that verified it.
pub(crate) struct Stage {
    pub(crate) ground: Ground,
    pub(crate) node: Node,
    pub(crate) connect: Connect,
}

impl Stage {
    pub(crate) async fn set(path: &Path, (chip, gpus): (Chip, Option<Gpus>)) -> Result<Self> {
        let path = path.to_owned();
        let (engine, manifest) =
            tokio::task::spawn_blocking(move || load(&path, Some(genuine()?))).await??;
        boot::self_test(engine.as_ref()).await.context("testing the engine")?;
        let ground = Ground { chip, gpus, engine, manifest, other_weights: None };
        let machine = ground.machine()?;
        let clock = machine.clock.clone();
        let node = machine.boot().await?;
        let connect = gateway(&ground, &clock, node.address()).await?;
        Ok(Self { ground, node, connect })
    }

    pub(crate) async fn strike(self) {
        self.connect.shutdown().await;
        self.node.shutdown().await;
    }
}

async fn gateway(ground: &Ground, clock: &MovableClock, node: SocketAddr) -> Result<Connect> {
    let party: RelyingParty = world::party(ground.trust(), clock);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("binding a loopback port")?;
    Connect::start(connect::Settings::default(), world::target(node)?, party, listener)
        .context("starting the gateway")
}

/// Vendors, a chip and GPUs of theirs. Signing once makes the chip's certificates, which later reports share.
pub(crate) async fn forge(platform: Platform, gpus: u8) -> Result<(Chip, Option<Gpus>)> {
    let forged = tokio::task::spawn_blocking(move || {
        let chip = Chip::new(platform, world::seed());
        drop(chip.published());
        (chip, (gpus > 0).then(|| Gpus::new(gpus, world::seed())))
    });
    forged.await.context("forging a vendor")
}

/// The model into private memory, hashed on the way, and an engine on it.
fn load(path: &Path, expected: Option<[u8; 32]>) -> Result<(Arc<dyn Engine>, Manifest)> {
    let weights = Weights::copy_in(path, expected).context("reading the model")?;
    let engine =
        LocalEngine::load(weights.bytes(), &Settings::default()).context("loading the model")?;
    let manifest = boot::manifest(default_model::NAME, weights.file(), engine.card());
    Ok((Arc::new(engine), manifest))
}

/// The attack's model: one bit of the file changed, everything else the same.
pub(crate) fn load_changed(path: &Path) -> Result<(Arc<dyn Engine>, Manifest)> {
    let folder = tempfile::tempdir().context("creating a folder for the changed model")?;
    let copy = folder.path().join(default_model::FILE_NAME);
    change_one_bit(path, &copy)?;
    load(&copy, None)
}

/// What the default model's bytes hash to.
fn genuine() -> Result<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(default_model::SHA256, &mut digest).map_err(anyhow::Error::msg)?;
    Ok(digest)
}
