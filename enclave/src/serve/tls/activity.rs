//! What a connection is doing, so that one that does nothing does not keep its place.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sealroom_attestation::endpoints::deadline;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use crate::serve::Deadlines;

/// How long a connection may take nothing of the answers that it asked for: the longest that any answer takes
/// from its first byte to its last.
const STALLED: Duration =
    deadline::BODY.saturating_add(deadline::FIRST_BYTE).saturating_add(deadline::STREAM);

/// Requests and bytes of one connection.
pub(super) struct Activity {
    state: Mutex<State>,
    changed: Notify,
    /// Over HTTP/1.1 bytes without a request are the beginning of one. Over HTTP/2 they can be control
    /// frames, so only the first request and idleness are timed there.
    bytes_are_headers: bool,
}

struct State {
    running: usize,
    served: bool,
    /// Since when the present silence, or the present header, lasts.
    since: Instant,
    /// A header began to arrive.
    begun: bool,
}

impl Activity {
    pub(super) fn new(bytes_are_headers: bool) -> Self {
        let state = State { running: 0, served: false, since: Instant::now(), begun: false };
        Self { state: Mutex::new(state), changed: Notify::new(), bytes_are_headers }
    }

    /// A request's headers are complete.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        let mut state = self.lock();
        state.running = state.running.saturating_add(1);
        state.since = Instant::now();
        state.served = true;
        state.begun = false;
        Running(Arc::clone(self))
    }

    pub(super) fn bytes_came(&self) {
        let mut state = self.lock();
        if self.bytes_are_headers && state.running == 0 && !state.begun {
            state.begun = true;
            if state.served {
                state.since = Instant::now();
            }
            drop(state);
            self.changed.notify_one();
        }
    }

    /// When the connection ends if nothing changes.
    pub(super) fn deadline(&self, deadlines: Deadlines) -> Instant {
        let state = self.lock();
        match (state.running, state.served, state.begun) {
            // A request has deadlines of its own. They do not bind a peer that takes nothing of its answer.
            (1.., _, _) => state.since + STALLED,
            (0, true, false) => state.since + deadlines.idle,
            (0, false, _) | (0, true, true) => state.since + deadlines.headers,
        }
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress, until its answer is written or given up.
pub(super) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running = state.running.saturating_sub(1);
        state.since = Instant::now();
        drop(state);
        self.0.changed.notify_one();
    }
}

/// An answer's body that keeps its request in progress.
pub(super) struct Counted {
    body: Body,
    running: Running,
}

impl Counted {
    pub(super) const fn new(body: Body, running: Running) -> Self {
        Self { body, running }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.running.0.lock().since = Instant::now();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Deadlines = Deadlines {
        handshake: Duration::from_secs(5),
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(660),
        body: Duration::from_secs(60),
    };

    #[test]
    fn the_first_request_has_the_headers_deadline_from_the_handshake() {
        let activity = Arc::new(Activity::new(true));
        let start = activity.lock().since;
        assert_eq!(activity.deadline(LIMITS), start + LIMITS.headers);
        activity.bytes_came();
        assert_eq!(activity.deadline(LIMITS), start + LIMITS.headers, "a byte buys no time");
    }

    #[test]
    fn a_peer_that_takes_nothing_of_its_answer_has_a_deadline_too() {
        let activity = Arc::new(Activity::new(false));
        let running = activity.begin();
        let began = activity.lock().since;
        assert_eq!(activity.deadline(LIMITS), began + STALLED);
        drop(running);
        assert_eq!(activity.deadline(LIMITS), activity.lock().since + LIMITS.idle);
    }

    #[test]
    fn a_served_connection_may_rest_until_a_header_begins() {
        for (http1, limit) in [(true, LIMITS.headers), (false, LIMITS.idle)] {
            let activity = Arc::new(Activity::new(http1));
            drop(activity.begin());
            let rested = activity.lock().since;
            assert_eq!(activity.deadline(LIMITS), rested + LIMITS.idle);
            activity.bytes_came();
            let since = activity.lock().since;
            assert_eq!(activity.deadline(LIMITS), since + limit, "HTTP/1.1: {http1}");
        }
    }
}
