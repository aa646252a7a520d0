//! What is known of one resource: the entry that was kept, and why it is not asked for again yet.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealroom_attestation::UnixTime;

use super::{
    cache::Entry,
    pause::{LONGEST_PAUSE, Pause, SHORT_PAUSE},
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
        self.state().pause.as_ref()?.lasting(LONGEST_PAUSE)
    }

    /// The longest pause: never past the end of what is kept, and short where nothing is.
    pub(super) fn longest_pause(&self, now: UnixTime) -> Duration {
        let left = |entry: Arc<Entry>| entry.statement.validity.until.0.saturating_sub(now.0);
        let left = self.counting(now).map(left).map(Duration::from_secs);
        left.map_or(SHORT_PAUSE, |left| left.min(LONGEST_PAUSE))
    }

    /// Remembers a failure.
    pub(super) fn failed(&self, error: &FetchError, now: UnixTime) {
        let most = self.longest_pause(now);
        let mut state = self.state();
        state.pause = Some(Pause::after(state.pause.as_ref(), error, most));
    }

    /// Lets go of what was kept.
    pub(super) fn forget(&self) {
        self.state().entry = None;
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

#[cfg(test)]
mod tests {
    use sealroom_attestation::Window;

    use super::*;
    use crate::endorsements::{Statement, Validators};

    #[test]
    fn a_pause_ends_with_what_is_kept_and_is_short_where_nothing_is() {
        let place = Place::default();
        assert_eq!(place.longest_pause(UnixTime(0)), SHORT_PAUSE);
        let validity = Window { from: UnixTime(0), until: UnixTime(1000) };
        place.hold(&Arc::new(Entry {
            name: String::new(),
            fetched_at: UnixTime(0),
            whole_at: UnixTime(0),
            validators: Validators::default(),
            statement: Statement { edition: None, track: String::new(), validity },
            files: Vec::new(),
        }));
        for (now, longest) in [(0, 600), (900, 100), (1000, 0), (1001, 30)] {
            assert_eq!(place.longest_pause(UnixTime(now)).as_secs(), longest, "{now}");
        }
        place.forget();
        assert_eq!(place.longest_pause(UnixTime(0)), SHORT_PAUSE);
    }
}
