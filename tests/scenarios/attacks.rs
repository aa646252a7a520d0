//! Every attack of the demo, on an engine that answers at once.

use std::collections::BTreeSet;

use sealroom_tests::{
    attacks::{Ground, names, run},
    echo::Echo,
    gpus::{BOARD, Gpus},
    hardware::{Chip, Platform},
    world,
};

use crate::support::ground;

const ON_THE_WAY: [&str; 5] = [
    "tls.certificate_verify",
    "statement.leaf",
    "binder.path",
    "binder.path",
    "statement.freshness",
];
const ON_SNP: [&str; 4] =
    ["snp.policy.debug", "snp.measurement", "snp.chain.root", "snp.product.generation"];
const ON_TDX: [&str; 6] = [
    "tdx.td.debug",
    "tdx.td.measurement",
    "tdx.pck.root",
    "tdx.td.rtmr",
    "tdx.tcb.status",
    "tdx.crl.pck.revoked",
];
const IN_THE_SEAL: [&str; 7] = [
    "policy.model",
    "seal.key",
    "seal.truncated",
    "seal.chunk",
    "seal.chunk",
    "seal.replayed",
    "receipt.request_id",
];

const ON_GPUS: [(&str, &str); 8] = [
    ("no evidence of the GPUs it computes on", "gpu.required"),
    ("GPU evidence of another boot", "gpu.nonce"),
    ("GPU under another root", "gpu.chain.root"),
    ("old GPU driver", "gpu.driver"),
    ("other GPU firmware", "gpu.rim.measurements"),
    ("revoked GPU", "gpu.ocsp.revoked"),
    ("one GPU kept out of sight", "gpu.topology.count"),
    ("one GPU shown twice", "gpu.topology.unique"),
];

/// Which check refused each attack, where every control was answered.
async fn refusals(ground: &Ground, names: impl Iterator<Item = &'static str>) -> Vec<String> {
    let mut found = Vec::new();
    for name in names {
        let outcome = run(ground, name).await;
        assert_eq!(outcome.problem, None, "{name}");
        found.push(outcome.check.unwrap_or_default());
    }
    found
}

/// The check that must refuse each attack: a refusal for another reason would hide a missing one.
async fn refused_by(platform: Platform, expected: &[&str]) {
    let mut ground = ground(Echo::new());
    ground.chip = Chip::new(platform, world::seed());
    let found = refusals(&ground, names(&ground).into_iter()).await;
    assert_eq!(found, expected);
    assert!(found.iter().collect::<BTreeSet<_>>().len() >= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_by_its_own_check_and_every_control_is_answered() {
    let expected = [&ON_THE_WAY[..], &ON_SNP, &IN_THE_SEAL].concat();
    refused_by(Platform::Snp, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_on_a_trust_domain_is_refused_and_every_control_is_answered() {
    let expected = [&ON_THE_WAY[..], &ON_TDX, &IN_THE_SEAL].concat();
    refused_by(Platform::Tdx, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_about_gpus_is_refused_and_every_control_is_answered() {
    let mut ground = ground(Echo::new());
    let without = names(&ground);
    ground.gpus = Some(Gpus::new(BOARD, world::seed()));
    let on_gpus = names(&ground).into_iter().filter(|name| !without.contains(name));
    let found = refusals(&ground, on_gpus.clone()).await;
    let found: Vec<_> = on_gpus.zip(found.iter().map(String::as_str)).collect();
    assert_eq!(found, ON_GPUS);
}
