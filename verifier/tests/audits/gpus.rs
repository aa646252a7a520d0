//! A GPU that nobody attested, and one of which NVIDIA's own service says that it can be debugged.

use sealroom_attestation::node::{Context, Freshness};
use sealroom_verifier::{Verdict, judge};

use crate::node::{NOW, Node, session};

/// A node that says what it computes on, and shows no GPU.
fn computing_on(device: &str) -> Result<(), Box<Verdict>> {
    let settings = [("engine.device".to_owned(), device.to_owned())].into();
    let node = Node { settings, ..Node::default() };
    let (bundle, trust) = node.shown(|policy| policy.freshness = Freshness::Hardware);
    judge(&bundle, Context::Session(&session()), &trust, NOW).map(drop)
}

#[test]
fn a_node_that_computes_on_anything_but_its_cpu_shows_it() {
    computing_on("cpu").expect("nothing else to show");
    for device in ["cuda", "cuda:0", "CUDA", "rocm:0", "metal", "", "cpu+gpu"] {
        let verdict = computing_on(device).expect_err(device);
        let failed: Vec<_> = verdict.ledger.failed().map(|row| row.check.id).collect();
        assert_eq!(failed, ["gpu.required"], "{device}");
    }
}
