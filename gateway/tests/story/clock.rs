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
}

impl MovableClock {
    pub(crate) fn new() -> Self {
        Self { start: SystemClock::new().wall(), passed: Arc::default() }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.passed.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn wall(&self) -> UnixTime {
        self.start.plus(self.passed.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.passed.load(Ordering::SeqCst))
    }
}
