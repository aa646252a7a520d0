//! A clock that a test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sealroom_attestation::UnixTime;
use sealroom_gateway::{Clock, SystemClock};

/// The system's wall time, stopped when it was made, and moved by hand from there.
#[derive(Clone)]
pub(crate) struct MovableClock {
    start: UnixTime,
    passed: Arc<AtomicU64>,
    slept: Arc<AtomicU64>,
}

impl MovableClock {
    pub(crate) fn new() -> Self {
        Self { start: SystemClock::new().wall(), passed: Arc::default(), slept: Arc::default() }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.passed.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// As [`MovableClock::pass`] while the machine sleeps: its monotonic clock stands still.
    pub(crate) fn sleep(&self, time: Duration) {
        self.slept.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn wall(&self) -> UnixTime {
        let slept = self.slept.load(Ordering::SeqCst);
        self.start.plus(self.passed.load(Ordering::SeqCst)).plus(slept)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.passed.load(Ordering::SeqCst))
    }
}
