//! Whether the node takes requests.
//!
//! Computed from facts each time it is asked, with four latches: a wall clock that was stepped (until
//! evidence is collected again), an engine that stopped and GPUs that were lost (until the next boot), a shutdown
//! (for good).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock, Watch};
use crate::evidence::Evidence;

/// The latches.
pub(crate) struct Readiness {
    clock: Mutex<Watch>,
    engine_stopped: AtomicBool,
    closing: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self {
            clock: Mutex::new(Watch::start(clock)),
            engine_stopped: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    /// Every fact that must hold before a request is taken.
    pub(crate) fn is_ready(&self, evidence: &Evidence, clock: &dyn Clock) -> bool {
        let current = evidence.current();
        !self.clock_stepped(clock)
            && !self.engine_stopped.load(Ordering::Acquire)
            && !self.closing.load(Ordering::Acquire)
            && !evidence.gpus_have_stopped()
            && current.is_unexpired(clock)
            && current.epoch.is_accepted(clock.monotonic())
    }

    pub(crate) fn clock_stepped(&self, clock: &dyn Clock) -> bool {
        let mut watch = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        watch.stepped(clock)
    }

    /// Evidence was collected under the clock as it is now.
    pub(crate) fn evidence_is_fresh(&self, clock: &dyn Clock) {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).restart(clock);
    }

    /// The engine will answer nothing any more.
    pub(crate) fn engine_stopped(&self) {
        self.engine_stopped.store(true, Ordering::Release);
    }

    /// The node is shutting down.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}
