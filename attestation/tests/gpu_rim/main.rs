//! What NVIDIA signs beside its devices: real RIMs, and forged RIMs, OCSP responses and tokens, with one thing changed.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read vectors from files and measure time; the crate itself does neither"
)]

mod changes;
mod compare;
mod files;
mod forged;
mod nras;
mod ocsp;
mod properties;
mod scene;
mod vectors;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use sealroom_attestation::checks;
use sealroom_attestation::gpu::rim::{Rim, verify};
use sealroom_attestation::gpu::{Anchors, Endorsements, GpuError};
use sealroom_attestation::{Refusal, UnixTime, Verified};

type Verdict = Result<Verified<Vec<Arc<Rim>>>, Box<Refusal<GpuError, Vec<Arc<Rim>>>>>;

const VBIOS: &str = "gpu/hopper_vbios_1010_0200_882_96005E0001_rim.xml";
const VBIOS_G520: &str = "gpu/hopper_vbios_g520_0202_885_96006D0027_rim.xml";
const DRIVER: &str = "gpu/hopper_driver_545_00_rim.xml";
const TIME: &str = "2024-06-01T00:00:00Z";

/// The bytes of a vector: from this repository, else from the folder of those that cannot be in it.
fn vector(name: &str) -> Option<Vec<u8>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = [Some(own), std::env::var("SEALROOM_VECTORS").ok().map(PathBuf::from)];
    folders.into_iter().flatten().find_map(|folder| std::fs::read(folder.join(name)).ok())
}

/// A RIM of this repository.
fn own(name: &str) -> Vec<u8> {
    vector(name).expect("it is in this repository")
}

fn at(text: &str) -> UnixTime {
    UnixTime::from_rfc3339(text).expect("a time")
}

fn given(rims: &[Vec<u8>]) -> Endorsements {
    Endorsements { rims: rims.to_vec(), ..Endorsements::default() }
}

fn check(rim: &[u8], time: &str) -> Verdict {
    verify(&given(&[rim.to_vec()]), &Anchors::production(), at(time))
}

fn failed<T>(outcome: &Result<Verified<T>, Box<Refusal<GpuError, T>>>) -> Vec<&'static str> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.ledger.failed().map(|row| row.check.id).collect(),
    }
}

/// The first reason of a refusal, and that exactly this check failed.
#[track_caller]
fn refuses<T: std::fmt::Debug>(
    verdict: Result<Verified<T>, Box<Refusal<GpuError, T>>>,
    id: &str,
    error: impl Into<GpuError>,
) {
    let found = failed(&verdict);
    let refusal = verdict.expect_err("a refusal");
    assert_eq!((found.as_slice(), &refusal.error), (&[id][..], &error.into()));
}

/// Says something in the test's output whether or not it is captured.
fn tell(text: &str) {
    let _told = writeln!(std::io::stderr(), "{text}");
}

/// One check that can only say what was not given, and two rules of a policy, which `verifier/tests` refuses by.
const ELSEWHERE: [&str; 3] = ["gpu.ocsp.coverage", "gpu.rim.age", "gpu.ocsp.age"];

#[test]
fn every_check_has_a_refusal_that_ran() {
    let rows = [forged::rows(), compare::rows(), ocsp::rows(), nras::rows()].concat();
    let ran: BTreeSet<_> = rows.iter().map(scene::Row::run).collect();
    let ours = ["gpu.rim.", "gpu.ocsp.", "gpu.nras."];
    let all = checks::all().map(|check| check.id);
    let mut left: BTreeSet<_> =
        all.filter(|id| ours.iter().any(|beginning| id.starts_with(beginning))).collect();
    let needed = left.len();
    left.retain(|id| !ran.contains(id) && !ELSEWHERE.contains(id));
    println!("RIM, OCSP and NRAS: {needed} checks, {} refusals ran", rows.len());
    println!("checks without a refusal test: {}", left.len());
    assert_eq!(left, BTreeSet::new());
}
