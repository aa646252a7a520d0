//! A node that lies about its GPUs.

use anyhow::{Context, Result, bail};
use sealroom_forge::FakeGpu;

use super::{End, Ground, ask, wrapped};
use crate::gpus::{Gpus, OLD_DRIVER};

const ON_ONE: [&str; 6] = [
    "no evidence of the GPUs it computes on",
    "GPU evidence of another boot",
    "GPU under another root",
    "old GPU driver",
    "other GPU firmware",
    "revoked GPU",
];
const ON_SEVERAL: [&str; 2] = ["one GPU kept out of sight", "one GPU shown twice"];

/// Those that make sense on so many GPUs.
pub(super) fn names(gpus: &Gpus) -> Vec<&'static str> {
    let on_several = if gpus.count() > 1 { &ON_SEVERAL[..] } else { &[] };
    [&ON_ONE, on_several].concat()
}

/// Runs one of them.
pub(super) async fn attempt(ground: &Ground, name: &str, change: bool) -> Result<End> {
    let lie: fn(Gpus) -> Gpus = match name {
        "no evidence of the GPUs it computes on" => |gpus| gpus.change(Vec::clear),
        "GPU evidence of another boot" => |gpus| gpus.replaying([0xb0; 32]),
        "one GPU kept out of sight" => |gpus| gpus.change(|devices| drop(devices.remove(0))),
        "one GPU shown twice" => |gpus| gpus.change(|devices| devices[1] = devices[0].clone()),
        "GPU under another root" => |gpus| first(gpus, FakeGpu::other_vendor),
        "old GPU driver" => |gpus| first(gpus, |gpu| gpu.driver(OLD_DRIVER)),
        "other GPU firmware" => |gpus| first(gpus, |gpu| gpu.measurement(9, [0xbd; 48])),
        "revoked GPU" => return revoked(ground, change).await,
        other => bail!("no attack is named {other:?}"),
    };
    let mut machine = ground.machine()?;
    let gpus = machine.gpus.take().context("the machine has no GPUs")?;
    machine.gpus = Some(if change { lie(gpus) } else { gpus });
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let end = ask(node.address(), ground, &clock).await;
    node.shutdown().await;
    end
}

fn first(gpus: Gpus, change: fn(FakeGpu) -> FakeGpu) -> Gpus {
    gpus.change(|devices| devices[0] = change(devices[0].clone()))
}

/// The vendor's word changes, not the machine.
async fn revoked(ground: &Ground, change: bool) -> Result<End> {
    let mut ground = ground.clone();
    if change {
        ground.gpus = ground.gpus.map(Gpus::revoked);
    }
    wrapped(&ground, None).await
}
