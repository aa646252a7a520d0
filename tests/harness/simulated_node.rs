//! A node of its own on simulated hardware, for trying a gateway by hand. It prints what a relying party needs.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use clap::Parser;
use sealroom_attestation::{cbor::Item, manifest::Manifest};
use sealroom_enclave::{Weights, boot, memory::WipingAllocator};
use sealroom_engine::{Engine, LocalEngine, Settings, default_model};
use sealroom_tests::{
    hardware::{Chip, Platform},
    model, world,
};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

/// Runs a SIMULATED node: its hardware is forged, and it proves nothing about any machine.
#[derive(Debug, Parser)]
#[command(name = "simulated-node", version, about)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Which confidential hardware is simulated.
    #[arg(long, value_enum, default_value_t = Platform::Snp)]
    platform: Platform,
    /// The folder for a policy and the vendor's endorsements that fit this node.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A copy of the default model, instead of the cache or a download.
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.model.clone().map_or_else(model::bring, Ok)?;
    let weights = Weights::copy_in(&path, None)?;
    let engine: Arc<dyn Engine> =
        Arc::new(LocalEngine::load(weights.bytes(), &Settings::default())?);
    let manifest = boot::manifest(default_model::NAME, weights.file(), engine.card());
    let chip = Chip::new(arguments.platform, world::seed());
    let digest = Manifest::digest(&manifest.encode());
    let root = chip.root_sha256();
    let published = match arguments.platform {
        Platform::Snp => "revoked.crl",
        Platform::Tdx => "collateral.json",
    };
    let (policy, list) = (arguments.out.join("policy.toml"), arguments.out.join(published));
    let (pinned, name) = (chip.pinned(), &manifest.name);
    let text = format!("version = 1\n\n{pinned}\n[models]\n\"{name}\" = [\"{digest}\"]\n");
    fs::create_dir_all(&arguments.out).context("creating the output folder")?;
    fs::write(&policy, text).context("writing the policy")?;
    fs::write(&list, chip.published()).context("writing the endorsements")?;
    let listener = TcpListener::bind(arguments.listen).await.context("binding the address")?;
    let node = world::Machine::new(chip, engine, manifest)?.boot_on(listener).await?;
    println!(
        "SIMULATED node on {}. Try:\n  sealroom-gateway connect --node https://{} --policy {} --with {} --danger-accept-simulated {}",
        node.address(),
        node.address(),
        policy.display(),
        list.display(),
        hex::encode(root),
    );
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    node.shutdown().await;
    Ok(())
}
