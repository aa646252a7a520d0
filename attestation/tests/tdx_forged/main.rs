//! TDX and SGX: forged machines with one thing changed.

mod chain;
mod differential;
mod documents;
mod edges;
mod event_log;
mod levels;
mod quote;
mod scene;

use std::collections::BTreeSet;

use sealroom_attestation::checks;
use sealroom_attestation::tdx::{MODULE, NEEDED, REVOCATION};

/// Checks that can only be missing: without their input the answer is neither yes nor no.
const UNDECIDED: [&str; 4] =
    ["tdx.pck.present", "tdx.signer.present", "tdx.tcb_info.present", "tdx.qe_identity.present"];

fn rows() -> Vec<scene::Row> {
    let mut rows = quote::rows();
    rows.extend(chain::rows());
    rows.extend(documents::rows());
    rows.extend(levels::rows());
    rows
}

#[test]
fn every_check_has_a_refusal_that_ran() {
    let rows = rows();
    let ran: BTreeSet<_> = rows.iter().map(scene::Row::run).collect();
    let all = NEEDED.iter().chain(MODULE).chain(REVOCATION).map(|check| check.id);
    let mut left: BTreeSet<_> = all.chain([checks::TDX_CRL_ISSUER.id]).collect();
    let needed = left.len();
    left.retain(|id| !ran.contains(id) && !UNDECIDED.contains(id));
    println!("TDX: {needed} checks, {} refusals ran", rows.len());
    println!("checks without a refusal test: {}", left.len());
    assert_eq!(left, BTreeSet::new());
}
