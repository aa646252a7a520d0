//! Keeps one verified session open: many requests share it, one flight opens or renews it at a time.
//!
//! No request waits for a renewal, because it happens before the session ends; none is ever sent again on
//! another connection, because a new connection is a new session with evidence of its own.

use std::{
    fmt,
    sync::{Arc, Mutex as StateLock, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::session::{
    Answer, ExchangeError, InnerRequest, RelyingParty, Session, SessionError, Target,
};

/// How long before its end a session is renewed, unless it is a short one.
const AHEAD: Duration = Duration::from_secs(60);
/// The background task looks at the clocks at least this often: a machine may have slept.
const LOOK: Duration = Duration::from_secs(5);
/// A failure answers every request for this long, so that a storm of requests is one attempt.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);
/// The longest pause between attempts of the background task.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One session, kept open. Clones share it; the last one ends the background task.
#[derive(Clone)]
pub struct Keeper {
    shared: Arc<Shared>,
    _background: Arc<AbortOnDropHandle<()>>,
}

struct Shared {
    target: Target,
    party: RelyingParty,
    state: StateLock<State>,
    /// Held by whoever opens or renews.
    flight: Mutex<()>,
    stopped: CancellationToken,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    failure: Option<Failure>,
}

struct Failure {
    error: Arc<SessionError>,
    at: Instant,
    in_a_row: u32,
}

impl Keeper {
    /// Starts to open a session in the background. Must run inside a runtime.
    #[must_use]
    pub fn start(target: Target, party: RelyingParty) -> Self {
        let (state, flight) = (StateLock::default(), Mutex::default());
        let stopped = CancellationToken::new();
        let shared = Arc::new(Shared { target, party, state, flight, stopped });
        let background = AbortOnDropHandle::new(tokio::spawn(keep(shared.clone())));
        Self { shared, _background: Arc::new(background) }
    }

    /// Where the node is to be found.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.shared.target
    }

    /// The relying party whose session it is.
    #[must_use]
    pub fn party(&self) -> &RelyingParty {
        &self.shared.party
    }

    /// The open session, if there is one now.
    #[must_use]
    pub fn current(&self) -> Option<Session> {
        self.shared.current()
    }

    /// Why the last attempt failed, if it did.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<SessionError>> {
        self.shared.state().failure.as_ref().map(|failure| failure.error.clone())
    }

    /// The open session, or a new one. Whoever asks while one is being opened waits for the same one.
    ///
    /// # Errors
    /// Why there is none: the same for everybody who asked in that second.
    pub async fn session(&self) -> Result<Session, Arc<SessionError>> {
        self.shared.session().await
    }

    /// Seals, sends, and follows the client's rules: at most one re-attestation and two sealings.
    ///
    /// # Errors
    /// [`ExchangeError`]; without a verified session nothing was sealed.
    pub async fn exchange(&self, request: &InnerRequest) -> Result<Answer, ExchangeError> {
        let session = self.session().await?;
        match session.try_once(request).await {
            Err(failed) if failed.key_is_stale => {
                let renewed = self.shared.replace(&session).await?;
                renewed.try_once(request).await.map_err(|failed| failed.error)
            }
            result => result.map_err(|failed| failed.error),
        }
    }

    /// Ends the background task: nothing is renewed any more. Running answers go on.
    pub fn stop(&self) {
        self.shared.stopped.cancel();
    }
}

impl Shared {
    async fn session(&self) -> Result<Session, Arc<SessionError>> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let _flight = self.flight.lock().await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        if let Some(error) = self.fresh_failure() {
            return Err(error);
        }
        self.settle(Session::open(&self.target, &self.party).await)
    }

    /// A session younger than `old`, on the same connection where that is still there.
    async fn replace(&self, old: &Session) -> Result<Session, Arc<SessionError>> {
        let _flight = self.flight.lock().await;
        // Whoever waited here while another flight replaced the same session takes that one's result.
        if let Some(session) = self.current().filter(|session| !session.is_same(old)) {
            return Ok(session);
        }
        // Many requests can fail at once on one key: what renewing came to is told to all of them.
        if let Some(error) = self.fresh_failure() {
            return Err(error);
        }
        let renewed = match old.is_closed() {
            false => old.renew().await,
            true => Session::open(&self.target, &self.party).await,
        };
        self.settle(renewed)
    }

    fn settle(&self, result: Result<Session, SessionError>) -> Result<Session, Arc<SessionError>> {
        let mut state = self.state();
        match result {
            Ok(session) => {
                let (boot_id, node) = (session.boot_id(), &self.target);
                tracing::info!(%node, %boot_id, "session opened");
                *state = State { session: Some(session.clone()), failure: None };
                Ok(session)
            }
            Err(error) => {
                let (check, node, error) = (error.check(), &self.target, Arc::new(error));
                tracing::warn!(%node, check, %error, "session not opened");
                let in_a_row = state.failure.as_ref().map_or(0, |failure| failure.in_a_row);
                let in_a_row = in_a_row.saturating_add(1);
                let at = Instant::now();
                state.failure = Some(Failure { error: error.clone(), at, in_a_row });
                // The last verdict counts. A node that could not be reached keeps its session to the end;
                // one whose evidence was judged and not accepted is sealed to no more.
                if error.verdict().is_some() || error.is_refusal() {
                    state.session = None;
                }
                Err(error)
            }
        }
    }

    fn current(&self) -> Option<Session> {
        self.state().session.clone().filter(Session::is_open)
    }

    fn fresh_failure(&self) -> Option<Arc<SessionError>> {
        let state = self.state();
        let failure = state.failure.as_ref()?;
        (failure.at.elapsed() < FAILURE_HOLDS).then(|| failure.error.clone())
    }

    /// How long to wait after so many failures: 1, 2, 4 seconds and so on, up to a limit.
    fn pause(&self) -> Duration {
        let failures = self.state().failure.as_ref().map_or(0, |failure| failure.in_a_row);
        back_off(failures)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A session and the failure after it are each whole: what a panic left behind is, too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn back_off(failures: u32) -> Duration {
    let doubled = 2_u64.saturating_pow(failures.saturating_sub(1));
    Duration::from_secs(doubled).clamp(FAILURE_HOLDS, LONGEST_PAUSE)
}

/// How long a session with so much time left is left alone.
fn rest(remaining: Duration) -> Duration {
    remaining.saturating_sub(AHEAD.min(remaining / 5))
}

/// Opens, renews ahead of time, and opens again after a loss, until the keeper stops.
async fn keep(shared: Arc<Shared>) {
    while !shared.stopped.is_cancelled() {
        let kept = match shared.session().await {
            Err(_) => false,
            Ok(session) => match watch(&session, &shared).await {
                Woken::Due => shared.replace(&session).await.is_ok(),
                Woken::Gone => false,
            },
        };
        if !kept {
            // A renewal that failed leaves the old session to serve until it ends, and a node that drops
            // every connection is not dialled without a pause. A request that cannot wait opens its own.
            sleep(shared.pause()).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// The session should be renewed now.
    Due,
    /// The session is gone, replaced, or not needed any more.
    Gone,
}

async fn watch(session: &Session, shared: &Shared) -> Woken {
    let whole = session.remaining();
    loop {
        let replaced = shared.current().is_none_or(|current| !current.is_same(session));
        if replaced || shared.stopped.is_cancelled() {
            return Woken::Gone;
        }
        let left = session.remaining();
        let alone = rest(whole).saturating_sub(whole.saturating_sub(left));
        if alone.is_zero() {
            return Woken::Due;
        }
        tokio::select! {
            () = sleep(alone.min(LOOK)) => {}
            () = session.closed() => return Woken::Gone,
            () = shared.stopped.cancelled() => return Woken::Gone,
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keeper({})", self.shared.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let seconds = |failures| back_off(failures).as_secs();
        assert_eq!([0, 1, 2, 3, 5, 6, 40].map(seconds), [1, 1, 2, 4, 16, 30, 30]);
    }

    #[test]
    fn a_session_is_renewed_a_minute_or_a_fifth_of_its_life_before_its_end() {
        assert_eq!(rest(Duration::from_secs(600)), Duration::from_secs(540));
        assert_eq!(rest(Duration::from_secs(10)), Duration::from_secs(8));
        assert_eq!(rest(Duration::ZERO), Duration::ZERO);
    }
}
