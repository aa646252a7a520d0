//! Every attack of the demo, on an engine that answers at once.

use std::collections::BTreeSet;

use sealroom_tests::{
    attacks::{NAMES, run},
    echo::Echo,
};

use crate::support::ground;

/// The check that must refuse each attack: a refusal for another reason would hide a missing one.
const EXPECTED: [&str; 16] = [
    "tls.certificate_verify",
    "statement.leaf",
    "binder.path",
    "binder.path",
    "statement.freshness",
    "snp.policy.debug",
    "snp.measurement",
    "snp.chain.root",
    "snp.product.generation",
    "policy.model",
    "seal.key",
    "seal.truncated",
    "seal.chunk",
    "seal.chunk",
    "seal.replayed",
    "receipt.request_id",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_by_its_own_check_and_every_control_is_answered() {
    let ground = ground(Echo::new());
    let mut found = Vec::new();
    for name in NAMES {
        let outcome = run(&ground, name).await;
        assert_eq!(outcome.problem, None, "{name}");
        found.push(outcome.check.unwrap_or_default());
    }
    assert_eq!(found, EXPECTED);
    assert!(found.iter().collect::<BTreeSet<_>>().len() >= 10);
}
