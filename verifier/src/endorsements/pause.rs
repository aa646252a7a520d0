//! Whom nobody asks for a while, and how many ask at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{http::HttpError, store::FetchError};

/// How long a failure is remembered: twice as long each time, up to the most.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The most where nothing is kept that counts: every session is refused until it is over.
pub(super) const SHORT_PAUSE: Duration = Duration::from_secs(30);

/// How many ask one service at once.
const SLOTS: usize = 8;
/// Too Many Requests (RFC 6585 §4).
const TOO_MANY: u16 = 429;

/// A failure that is remembered, so that not everybody runs into it again.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    error: FetchError,
    since: Instant,
    length: Duration,
}

impl Pause {
    /// Twice as long as the one before it, or as long as the service asks for, and never longer than `most`.
    pub(super) fn after(before: Option<&Self>, error: &FetchError, most: Duration) -> Self {
        let twice = before.filter(|one| !one.is_forgotten()).map(|one| one.length * 2);
        let asked_for = match error {
            FetchError::Http(HttpError::Busy { retry_after: Some(seconds), .. }) => {
                Duration::from_secs(*seconds)
            }
            _ => Duration::ZERO,
        };
        let length = twice.unwrap_or_default().max(FIRST_PAUSE).max(asked_for);
        Self { error: error.clone(), since: Instant::now(), length: length.min(most) }
    }

    /// It has been over for twice its length: the next failure is another one.
    fn is_forgotten(&self) -> bool {
        self.since.elapsed() > self.length * 3
    }

    /// Why nobody asks now, where it is not over, nor older than `most`.
    pub(super) fn lasting(&self, most: Duration) -> Option<FetchError> {
        let left = self.length.min(most).checked_sub(self.since.elapsed())?;
        let (error, seconds) = (Box::new(self.error.clone()), left.as_secs().saturating_add(1));
        Some(FetchError::Pausing { error, seconds })
    }
}

/// How one service is asked: by a few at once, and by nobody while it says that it is busy.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) slots: Semaphore,
    busy: Mutex<Option<Pause>>,
}

impl Default for Line {
    fn default() -> Self {
        Self { slots: Semaphore::new(SLOTS), busy: Mutex::default() }
    }
}

impl Line {
    fn busy(&self) -> MutexGuard<'_, Option<Pause>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody asks now who may wait this long.
    pub(super) fn pausing(&self, most: Duration) -> Option<FetchError> {
        self.busy().as_ref()?.lasting(most)
    }

    /// What one says to all: too many requests.
    pub(super) fn learn(&self, error: &FetchError) {
        if let FetchError::Http(HttpError::Busy { status: TOO_MANY, .. }) = error {
            *self.busy() = Some(Pause::after(None, error, LONGEST_PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<u64>) -> FetchError {
        HttpError::Busy { base: "a".to_owned(), status: TOO_MANY, retry_after }.into()
    }

    #[test]
    fn a_pause_is_twice_as_long_as_the_one_before_up_to_the_most() {
        let (mut pause, mut lengths) = (None, Vec::new());
        for _ in 0..9 {
            let next = Pause::after(pause.as_ref(), &FetchError::NotFound, LONGEST_PAUSE);
            lengths.push(next.length.as_secs());
            pause = Some(next);
        }
        assert_eq!(lengths, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        let last = pause.expect("a pause");
        assert_eq!(Pause::after(Some(&last), &busy(None), SHORT_PAUSE).length, SHORT_PAUSE);
    }

    #[test]
    fn a_service_that_asks_for_hours_is_left_alone_for_no_longer_than_the_most() {
        for (asked, most, length) in [(7200, 600, 600), (7200, 30, 30), (20, 600, 20), (1, 600, 5)]
        {
            let pause = Pause::after(None, &busy(Some(asked)), Duration::from_secs(most));
            assert_eq!(pause.length, Duration::from_secs(length), "{asked}");
        }
    }

    #[test]
    fn a_pause_that_is_long_over_is_forgotten() {
        let begun = |seconds: u64| {
            let since = Instant::now().checked_sub(Duration::from_secs(seconds));
            let (since, length) = (since.expect("the machine is up that long"), FIRST_PAUSE * 2);
            Pause { error: FetchError::NotFound, since, length }
        };
        for (seconds, length) in [(29, FIRST_PAUSE * 4), (31, FIRST_PAUSE)] {
            let next = Pause::after(Some(&begun(seconds)), &FetchError::NotFound, LONGEST_PAUSE);
            assert_eq!(next.length, length, "{seconds}");
        }
        assert!(
            begun(0).lasting(SHORT_PAUSE).is_some() && begun(8).lasting(LONGEST_PAUSE).is_some()
        );
        assert!(
            begun(8).lasting(FIRST_PAUSE).is_none() && begun(11).lasting(LONGEST_PAUSE).is_none()
        );
    }
}
