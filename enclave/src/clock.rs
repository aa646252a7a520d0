//! The two clocks of the guest, as an argument: a test brings clocks that it moves.

use std::time::{Duration, Instant, SystemTime};

use sealroom_attestation::UnixTime;

/// The guest's clocks. The wall clock is the host's claim and only ever shortens acceptance.
pub trait Clock: Send + Sync {
    /// What the host says the time is.
    fn wall(&self) -> UnixTime;

    /// Time since some moment before boot; it never goes back. Keys live and die by it.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Begins to count monotonic time now.
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
        // A clock before 1970 reads as 1970: no verifier accepts a statement issued then.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime(since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Notices when the wall clock is moved against the monotonic one.
///
/// The fault is a latch: it stays until [`Watch::restart`], which is called when evidence was collected
/// under the clock as it then is.
#[derive(Debug)]
pub(crate) struct Watch {
    wall: u64,
    monotonic: Duration,
    stepped: bool,
}

/// The largest step that is not a fault, in whole seconds: the wire specification, section 11.
const TOLERATED_STEP: u64 = 5;

impl Watch {
    /// Starts to compare from what `clock` shows now.
    pub(crate) fn start(clock: &dyn Clock) -> Self {
        Self { wall: clock.wall().0, monotonic: clock.monotonic(), stepped: false }
    }

    /// Compares the clocks and says whether a step was seen, now or before.
    pub(crate) fn stepped(&mut self, clock: &dyn Clock) -> bool {
        self.stepped |= self.is_apart(clock);
        self.stepped
    }

    /// Whether the clocks are further apart now than when the comparison started.
    pub(crate) fn is_apart(&self, clock: &dyn Clock) -> bool {
        let elapsed = clock.monotonic().saturating_sub(self.monotonic).as_secs();
        let expected = self.wall.saturating_add(elapsed);
        clock.wall().0.abs_diff(expected) > TOLERATED_STEP
    }

    /// Forgets the fault and compares from now on.
    pub(crate) fn restart(&mut self, clock: &dyn Clock) {
        *self = Self::start(clock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::MovableClock;

    #[test]
    fn tolerates_five_seconds_and_latches_six() {
        for (step, fault) in [(5, false), (6, true), (-5, false), (-6, true)] {
            let clock = MovableClock::new();
            let mut watch = Watch::start(&clock);
            clock.advance(Duration::from_secs(100));
            clock.step_wall(step);
            assert_eq!(watch.stepped(&clock), fault, "step {step}");
            clock.step_wall(-step);
            assert_eq!(watch.stepped(&clock), fault, "the fault of step {step} stays");
            watch.restart(&clock);
            assert!(!watch.stepped(&clock));
        }
    }
}
