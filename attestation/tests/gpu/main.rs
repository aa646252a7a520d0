//! GPUs and switches: evidence of real devices, and the same with one thing changed.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read vectors from files; the crate itself reads nothing"
)]

mod changes;
mod files;
mod properties;
mod vectors;

use std::io::Write as _;
use std::path::PathBuf;

use sealroom_attestation::evidence::GpuEntry;
use sealroom_attestation::gpu::{
    Anchors, Endorsements, GpuClaims, GpuError, entry_from_files, verify,
};
use sealroom_attestation::{Refusal, UnixTime, Verified};

type Verdict = Result<Verified<GpuClaims>, Box<Refusal<GpuError, GpuClaims>>>;

const HOPPER: &str = "hopper_550_90_07";
const BLACKWELL: &str = "blackwell_575_32";
const SWITCH: &str = "ls10_switch";
const TIME: &str = "2026-06-01T00:00:00Z";
/// What NVIDIA's own samples were asked.
const NONCE: &str = "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb";

/// The bytes of a vector: from this repository, else from the folder of those that cannot be in it.
fn vector(name: &str) -> Option<Vec<u8>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = [Some(own), std::env::var("SEALROOM_VECTORS").ok().map(PathBuf::from)];
    folders.into_iter().flatten().find_map(|folder| std::fs::read(folder.join(name)).ok())
}

/// One device's report and certificates, where they are there.
fn entry(name: &str) -> Option<GpuEntry> {
    let report = vector(&format!("gpu/{name}_report.hex"));
    let chain = vector(&format!("gpu/{name}_chain.pem"));
    let entry = report.zip(chain).and_then(|(report, chain)| entry_from_files(&report, &chain));
    if entry.is_none() {
        tell(&format!("gpu/{name}: absent"));
    }
    entry
}

/// The device whose evidence is in this repository.
fn hopper() -> GpuEntry {
    entry(HOPPER).expect("it is in this repository")
}

fn at(text: &str) -> UnixTime {
    UnixTime::from_rfc3339(text).expect("a time")
}

fn nonce() -> [u8; 32] {
    hex::decode(NONCE).expect("digits").try_into().expect("32 bytes")
}

fn check(entry: &GpuEntry, nonce: Option<&[u8; 32]>) -> Verdict {
    verify(entry, &Endorsements::default(), &Anchors::production(), nonce, at(TIME))
}

fn failed(outcome: &Verdict) -> Vec<&'static str> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.ledger.failed().map(|row| row.check.id).collect(),
    }
}

/// The first reason of a refusal, and that exactly these checks failed.
#[track_caller]
fn refuses(verdict: Verdict, ids: &[&str], error: impl Into<GpuError>) {
    let found = failed(&verdict);
    let refusal = verdict.expect_err("a refusal");
    assert_eq!((found.as_slice(), &refusal.error), (ids, &error.into()), "{:?}", refusal.ledger);
}

/// Says something in the test's output whether or not it is captured.
fn tell(text: &str) {
    let _told = writeln!(std::io::stderr(), "{text}");
}
