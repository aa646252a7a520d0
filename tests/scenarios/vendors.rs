//! The vendors' services on loopback, asked by a plain client: what they sign verifies, and every fault is really there.

mod amd;
mod client;
mod intel;
mod nvidia;
mod ocsp;
mod wire;

use sealroom_attestation::{Ledger, Outcome, UnixTime};
use sealroom_tests::vendors::Vendors;

/// When every service here was started.
const NOW: UnixTime = UnixTime(1_790_000_000);
const SEED: [u8; 32] = [0x6e; 32];

fn vendors() -> Vendors {
    Vendors::start(SEED, NOW).expect("loopback ports")
}

/// The checks that refused.
fn failed(ledger: &Ledger) -> Vec<&'static str> {
    let rows = ledger.findings().iter().filter(|row| row.outcome == Outcome::Fail);
    rows.map(|row| row.check.id).collect()
}
