//! What tests bring instead of a machine: clocks that move when told, known randomness, hardware and an
//! engine without any, a client.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use sealroom_attestation::UnixTime;
use sealroom_attestation::digests::{
    BootId, Commitment, KemConfigDigest, ManifestDigest, RequestDigest,
};
use sealroom_attestation::receipt::{Commitments, Finish, Receipt, Timing, Usage};

use crate::clock::Clock;
use crate::entropy::Entropy;

mod client;
mod engine;
mod rig;

pub(crate) use client::{Answer, BILLING, Client, post, seal, seal_with};
pub(crate) use engine::MockEngine;
pub(crate) use rig::Rig;

/// 2026-06-01.
const START: u64 = 1_780_272_000;

/// Stands still unless moved.
pub(crate) struct MovableClock {
    monotonic_ms: AtomicU64,
    wall_offset: AtomicI64,
}

impl MovableClock {
    pub(crate) fn new() -> Self {
        Self { monotonic_ms: AtomicU64::new(1_000_000), wall_offset: AtomicI64::new(0) }
    }

    /// Moves both clocks, as time does.
    pub(crate) fn advance(&self, by: Duration) {
        self.monotonic_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Moves the wall clock alone, as a host does.
    pub(crate) fn step_wall(&self, seconds: i64) {
        self.wall_offset.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn wall(&self) -> UnixTime {
        let seconds = START + self.monotonic_ms.load(Ordering::SeqCst) / 1000;
        UnixTime(seconds.saturating_add_signed(self.wall_offset.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// Different bytes at each call, the same in each run.
pub(crate) struct FixedEntropy(Mutex<u64>);

impl FixedEntropy {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(0))
    }
}

impl Entropy for FixedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut counter = self.0.lock().expect("not poisoned");
        for chunk in bytes.chunks_mut(32) {
            *counter += 1;
            let block = sealroom_attestation::transcript::sha256(&counter.to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A receipt with this number.
pub(crate) fn receipt(sequence: u64) -> Receipt {
    let commitment = Commitment([5; 32]);
    Receipt {
        boot_id: BootId([1; 32]),
        sequence,
        request_id: [2; 16],
        request_digest: RequestDigest([3; 32]),
        billing_nonce: None,
        kem: KemConfigDigest([4; 32]),
        manifest: ManifestDigest([4; 32]),
        usage: Usage::default(),
        timing: Timing::default(),
        commitments: Commitments {
            parameters: commitment,
            request: commitment,
            answer: commitment,
            fingerprint: None,
        },
        finish: Finish::Stop,
        issued_at: UnixTime(START),
    }
}
