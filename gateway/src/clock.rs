//! The relying party's own clocks: one that says when, one that says how long ago.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sealroom_attestation::UnixTime;

/// Both clocks of one machine. Tests bring one that they move.
pub trait Clock: Send + Sync {
    /// Wall time: windows of evidence and endorsements are held against it.
    fn wall(&self) -> UnixTime;
    /// Time since some fixed start: ages are counted on it.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Counts from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> UnixTime {
        // A clock before 1970 is broken: at time 0 no evidence is valid, so it fails closed.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic: Duration,
    pub(crate) wall: UnixTime,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), wall: clock.wall() }
    }

    /// Time since `then` on the clock that shows more of it: the monotonic one stands still while a machine
    /// sleeps, and the wall clock may be moved back.
    pub(crate) fn since(self, then: Self) -> Duration {
        let wall = Duration::from_secs(self.wall.0.saturating_sub(then.wall.0));
        self.monotonic.saturating_sub(then.monotonic).max(wall)
    }
}
