//! A clock that moves when told, and flows by itself only where a person is waiting.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sealroom_attestation::UnixTime;

/// What the machine's own clock says.
///
/// # Panics
/// When that is a time before 1970.
#[must_use]
pub fn present() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(elapsed.expect("after 1970").as_secs())
}

/// Shared by a node and a gateway, or one for each.
#[derive(Clone, Debug)]
pub struct MovableClock(Arc<Readings>);

#[derive(Debug)]
struct Readings {
    /// Since when real time is added; a frozen clock adds none.
    flowing: Option<Instant>,
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl MovableClock {
    /// Stands still at `wall` until it is moved.
    #[must_use]
    pub fn frozen(wall: UnixTime) -> Self {
        Self::starting(wall, None)
    }

    /// Starts at the present and flows.
    ///
    /// # Panics
    /// When the machine's clock says a time before 1970.
    #[must_use]
    pub fn at_present() -> Self {
        Self::starting(present(), Some(Instant::now()))
    }

    fn starting(wall: UnixTime, flowing: Option<Instant>) -> Self {
        // An hour after the boot: far enough from zero that nothing hides behind saturation.
        let monotonic = AtomicU64::new(3_600_000);
        Self(Arc::new(Readings { flowing, wall: (wall.0 * 1000).into(), monotonic }))
    }

    /// Time passes: both readings move.
    pub fn pass(&self, time: Duration) {
        self.0.wall.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
        self.0.monotonic.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// The host lies: the wall clock alone jumps ahead, seconds.
    pub fn step_wall(&self, seconds: u64) {
        self.0.wall.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn reading(&self, base: &AtomicU64) -> Duration {
        let flowed = self.0.flowing.map_or(Duration::ZERO, |since| since.elapsed());
        Duration::from_millis(base.load(Ordering::SeqCst)) + flowed
    }
}

impl sealroom_enclave::Clock for MovableClock {
    fn wall(&self) -> UnixTime {
        UnixTime(self.reading(&self.0.wall).as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.reading(&self.0.monotonic)
    }
}

impl sealroom_gateway::Clock for MovableClock {
    fn wall(&self) -> UnixTime {
        sealroom_enclave::Clock::wall(self)
    }

    fn monotonic(&self) -> Duration {
        sealroom_enclave::Clock::monotonic(self)
    }
}
