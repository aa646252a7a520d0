//! What is known of one resource: the entry that was kept, and why it is not asked for again yet.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealroom_attestation::UnixTime;
use tokio::time::Instant;

use super::{
    cache::Entry,
    http::HttpError,
    pause::{FIRST_PAUSE, LONGEST_PAUSE, until_again},
    store::FetchError,
};

/// What is known of one resource.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Held while it is looked for: whoever comes later waits, and finds what came.
    pub(super) flight: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entry: Option<Arc<Entry>>,
    pause: Option<Pause>,
}

#[derive(Clone, Debug)]
struct Pause {
    error: FetchError,
    until: Instant,
    length: Duration,
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole values are put in place: there is no state in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counting(&self, now: UnixTime) -> Option<Arc<Entry>> {
        let counts = |entry: &&Arc<Entry>| entry.statement.validity.contains(now);
        self.state().entry.as_ref().filter(counts).cloned()
    }

    pub(super) fn pausing(&self) -> Option<FetchError> {
        let Pause { error, until, .. } = self.state().pause.clone()?;
        until_again(error, until)
    }

    /// Remembers a failure, for twice as long as the one before it.
    pub(super) fn failed(&self, error: &FetchError) {
        let mut state = self.state();
        let before = state.pause.as_ref().map(|pause| pause.length);
        let length = before.map_or(FIRST_PAUSE, |before| (before * 2).min(LONGEST_PAUSE));
        let asked_for = match error {
            FetchError::Http(HttpError::Busy { retry_after: Some(seconds), .. }) => {
                Duration::from_secs(*seconds).min(LONGEST_PAUSE)
            }
            _ => Duration::ZERO,
        };
        let length = length.max(asked_for);
        state.pause = Some(Pause { error: error.clone(), until: Instant::now() + length, length });
    }

    /// Holds what was read from disk; a failure is not over by that.
    pub(super) fn hold(&self, entry: &Arc<Entry>) {
        self.state().entry = Some(Arc::clone(entry));
    }

    /// Holds what the service sent.
    pub(super) fn keep(&self, entry: &Arc<Entry>) {
        *self.state() = State { entry: Some(Arc::clone(entry)), pause: None };
    }
}
