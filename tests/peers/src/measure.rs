//! Cases that take turns in one run, and the rows that say what came of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use sealroom_attestation::UnixTime;

use crate::Row;

/// Where the attestation crate's tests have their evidence.
pub fn testdata_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/testdata").join(name)
}

/// Evidence that the attestation crate's tests use.
pub fn testdata(name: &str) -> Result<Vec<u8>> {
    fs::read(testdata_path(name)).with_context(|| format!("reading {name}"))
}

/// A time in RFC 3339.
pub fn at(text: &str) -> Result<UnixTime> {
    UnixTime::from_rfc3339(text).context("a time")
}

/// Medians of the cases, which take turns.
pub fn medians<const N: usize>(rounds: usize, cases: [&dyn Fn(); N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (case, times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            case();
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A peer's time as a ratio of ours.
#[cfg(feature = "quotes")]
pub fn row(
    bench: &'static str,
    case: &str,
    ours: Duration,
    peer: Duration,
    peer_name: &'static str,
    goal: f64,
) -> Row {
    let (ours, peer) = (micros(ours), micros(peer));
    let (ratio, case) = (peer / ours, case.to_owned());
    let met = ratio >= goal;
    Row { bench, case, metric: "time", unit: "us", ours, peer, peer_name, ratio, goal, met }
}

/// `ring`'s own time for the signatures that remain, as a ratio of ours: our distance to the floor.
pub fn floor_row(bench: &'static str, case: &str, ours: Duration, floor: Duration) -> Row {
    let (ours, peer) = (micros(ours), micros(floor));
    let ratio = ours / peer;
    let (case, met) = (case.to_owned(), ratio <= 1.15);
    let (metric, peer_name) = ("time over the floor", "ring");
    Row { bench, case, metric, unit: "us", ours, peer, peer_name, ratio, goal: 1.15, met }
}
