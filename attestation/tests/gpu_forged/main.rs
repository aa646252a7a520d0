//! GPUs and switches: forged devices and boards with one thing changed.

mod chain;
mod endorsed;
mod fields;
mod firmware;
mod known;
mod report;
mod scene;
mod set;
mod topology;

use std::collections::BTreeSet;

use sealroom_attestation::gpu::{NEEDED, NEEDED_SWITCH, TOPOLOGY};

/// Checks that can only be missing: without their input the answer is neither yes nor no.
const UNDECIDED: [&str; 1] = ["gpu.chain.present"];

fn rows() -> Vec<scene::Row> {
    let mut rows = report::rows();
    rows.extend(chain::rows());
    rows.extend(firmware::rows());
    rows.extend(topology::rows());
    rows
}

#[test]
fn every_check_has_a_refusal_that_ran() {
    let rows = rows();
    let ran: BTreeSet<_> = rows.iter().map(scene::Row::run).collect();
    let all = NEEDED.iter().chain(NEEDED_SWITCH).chain(TOPOLOGY).map(|check| check.id);
    let mut left: BTreeSet<_> = all.collect();
    let needed = left.len();
    left.retain(|id| !ran.contains(id) && !UNDECIDED.contains(id));
    println!("GPU: {needed} checks, {} refusals ran", rows.len());
    println!("checks without a refusal test: {}", left.len());
    assert_eq!(left, BTreeSet::new());
}
