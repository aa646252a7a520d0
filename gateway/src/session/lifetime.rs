//! How long a session may seal: the wire specification, section 6, rule 6.

use std::time::Duration;

use sealroom_attestation::{UnixTime, endpoints::deadline};

use crate::clock::Moment;

/// How long running answers may go on after their session ended for new requests.
pub(super) const STREAM_GRACE: Duration = Duration::from_secs(600);

/// When a session ends for new requests, on both clocks; the earlier one counts.
///
/// Age is counted on the monotonic clock and, because that stands still while a machine sleeps, on the wall
/// clock as well. A wall clock that jumps forward only ends a session early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// The first reading that is too late.
    monotonic: Duration,
    /// The last second that counts.
    wall: UnixTime,
}

impl Lifetime {
    /// 600 seconds since the nonce was sent, since the last hardware-fresh nonce for this boot was sent, and
    /// not beyond what the evidence and its endorsements allow: the least of all.
    pub(super) fn new(nonce_sent: Moment, hardware_sent: Moment, valid_until: UnixTime) -> Self {
        let oldest = nonce_sent.monotonic.min(hardware_sent.monotonic);
        let oldest_wall = nonce_sent.wall.min(hardware_sent.wall);
        Self {
            monotonic: oldest.saturating_add(deadline::EPOCH),
            wall: oldest_wall.plus(deadline::EPOCH.as_secs()).min(valid_until),
        }
    }

    pub(super) fn is_open(self, now: Moment) -> bool {
        now.monotonic < self.monotonic && now.wall <= self.wall
    }

    /// Whether an answer that began in time may still go on.
    pub(super) fn is_within_grace(self, now: Moment) -> bool {
        let wall = self.wall.plus(STREAM_GRACE.as_secs());
        Self { monotonic: self.monotonic.saturating_add(STREAM_GRACE), wall }.is_open(now)
    }

    /// Time left for new requests; zero once it ended.
    pub(super) fn remaining(self, now: Moment) -> Duration {
        let wall = self.wall.plus(1).0.saturating_sub(now.wall.0);
        self.monotonic.saturating_sub(now.monotonic).min(Duration::from_secs(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        // The monotonic clock began at wall time 1,000.
        Moment { monotonic: Duration::from_secs(seconds), wall: UnixTime(1_000 + seconds) }
    }

    const FAR: UnixTime = UnixTime(u64::MAX);

    #[test]
    fn ends_600_seconds_after_the_nonce_was_sent() {
        let lifetime = Lifetime::new(at(10), at(10), FAR);
        assert!(lifetime.is_open(at(609)) && !lifetime.is_open(at(610)));
        assert_eq!(lifetime.remaining(at(609)), Duration::from_secs(1));
        assert_eq!(lifetime.remaining(at(700)), Duration::ZERO);
    }

    #[test]
    fn a_key_fresh_session_ends_with_the_hardware_freshness_it_stands_on() {
        let lifetime = Lifetime::new(at(300), at(10), FAR);
        assert!(lifetime.is_open(at(609)) && !lifetime.is_open(at(610)));
    }

    #[test]
    fn evidence_and_endorsements_can_only_shorten_it() {
        let lifetime = Lifetime::new(at(0), at(0), UnixTime(1_050));
        assert!(lifetime.is_open(at(50)) && !lifetime.is_open(at(51)));
        assert_eq!(lifetime.remaining(at(50)), Duration::from_secs(1));
    }

    #[test]
    fn a_machine_that_slept_counts_its_sleep() {
        let lifetime = Lifetime::new(at(0), at(0), FAR);
        let awake = Moment { monotonic: Duration::from_secs(20), wall: UnixTime(1_600) };
        let late = Moment { wall: UnixTime(1_601), ..awake };
        assert!(lifetime.is_open(awake) && !lifetime.is_open(late));
    }

    #[test]
    fn a_wall_clock_that_went_back_extends_nothing() {
        let lifetime = Lifetime::new(at(0), at(0), FAR);
        let back = Moment { monotonic: Duration::from_secs(600), wall: UnixTime(0) };
        assert!(!lifetime.is_open(back));
    }

    #[test]
    fn running_answers_have_their_grace_and_no_second_more() {
        let lifetime = Lifetime::new(at(0), at(0), FAR);
        assert!(lifetime.is_within_grace(at(1_199)) && !lifetime.is_within_grace(at(1_200)));
    }
}
