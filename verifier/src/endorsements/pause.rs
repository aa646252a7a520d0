//! Whom nobody asks for a while, and how many ask at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{http::HttpError, store::FetchError};

/// How long a failure is remembered: twice as long each time, up to the most.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(5);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How many ask one service at once.
const SLOTS: usize = 8;
/// Too Many Requests (RFC 6585 §4).
const TOO_MANY: u16 = 429;

/// How one service is asked: by a few at once, and by nobody while it says that it is busy.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) slots: Semaphore,
    busy: Mutex<Option<(FetchError, Instant)>>,
}

impl Default for Line {
    fn default() -> Self {
        Self { slots: Semaphore::new(SLOTS), busy: Mutex::default() }
    }
}

impl Line {
    fn busy(&self) -> MutexGuard<'_, Option<(FetchError, Instant)>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody asks now.
    pub(super) fn pausing(&self) -> Option<FetchError> {
        let (error, until) = self.busy().clone()?;
        until_again(error, until)
    }

    /// What one says to all: too many requests.
    pub(super) fn learn(&self, error: &FetchError) {
        if let FetchError::Http(HttpError::Busy { status: TOO_MANY, retry_after, .. }) = error {
            let asked_for = Duration::from_secs(retry_after.unwrap_or_default());
            let pause = asked_for.clamp(FIRST_PAUSE, LONGEST_PAUSE);
            *self.busy() = Some((error.clone(), Instant::now() + pause));
        }
    }
}

/// A failure that is not over yet.
pub(super) fn until_again(error: FetchError, until: Instant) -> Option<FetchError> {
    let left = until.checked_duration_since(Instant::now())?;
    Some(FetchError::Pausing { error: Box::new(error), seconds: left.as_secs().saturating_add(1) })
}
