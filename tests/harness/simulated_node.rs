//! A node of its own on simulated hardware, for trying a gateway by hand. It prints what a relying party needs.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::Parser;
use sealroom_attestation::{cbor::Item, manifest::Manifest};
use sealroom_enclave::{Weights, boot, memory::WipingAllocator};
use sealroom_engine::{Engine, LocalEngine, Settings, default_model};
use sealroom_tests::{
    clock,
    gpus::Gpus,
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
    /// Simulated GPUs: 0 to 32. Eight share an HGX board with its four switches.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=32))]
    gpus: u8,
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
    let gpus = (arguments.gpus > 0).then(|| Gpus::new(arguments.gpus, world::seed()));
    let (policy, endorsements) =
        (arguments.out.join("policy.toml"), arguments.out.join("endorsements"));
    let (pinned, name) = (chip.pinned(), &manifest.name);
    let text = format!("version = 1\n\n{pinned}\n[models]\n\"{name}\" = [\"{digest}\"]\n");
    fs::create_dir_all(&endorsements).context("creating the output folder")?;
    fs::write(&policy, text).context("writing the policy")?;
    publish(&chip, gpus.as_ref(), &endorsements).context("writing the endorsements")?;
    let roots = [Some(chip.root_sha256()), gpus.as_ref().map(Gpus::root_sha256)];
    let roots = roots.into_iter().flatten();
    let trusted: String =
        roots.map(|root| format!(" --danger-accept-simulated {}", hex::encode(root))).collect();
    let listener = TcpListener::bind(arguments.listen).await.context("binding the address")?;
    let machine = world::Machine { gpus, ..world::Machine::new(chip, engine, manifest)? };
    let node = machine.boot_on(listener).await?;
    println!(
        "SIMULATED node on {}. Try:\n  sealroom-gateway connect --node https://{} --policy {} --with {}{trusted}",
        node.address(),
        node.address(),
        policy.display(),
        endorsements.display(),
    );
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    node.shutdown().await;
    Ok(())
}

/// What the vendors say, a file each: a relying party is given the folder.
fn publish(chip: &Chip, gpus: Option<&Gpus>, folder: &Path) -> io::Result<()> {
    let name = match chip.platform() {
        Platform::Snp => "revoked.crl",
        Platform::Tdx => "collateral.json",
    };
    fs::write(folder.join(name), chip.published())?;
    let Some(gpus) = gpus else { return Ok(()) };
    let published = gpus.published(clock::present());
    for (number, rim) in published.rims.iter().enumerate() {
        fs::write(folder.join(format!("rim_{number}.xml")), rim)?;
    }
    for (number, response) in published.ocsp.iter().enumerate() {
        fs::write(folder.join(format!("ocsp_{number:02}.der")), response)?;
    }
    Ok(())
}
