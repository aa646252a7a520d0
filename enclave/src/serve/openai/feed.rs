//! The engine's events on their way to an answer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sealroom_engine::{EngineError, Event, Sink};
use tokio::sync::mpsc;

/// The answer's end. An answer is bounded by the context, so the channel needs no bound of its own: the
/// engine's thread must never wait for a client.
pub(in crate::serve) struct Feed {
    events: mpsc::UnboundedReceiver<Event>,
    cancelled: Arc<AtomicBool>,
}

/// The engine's end.
pub(in crate::serve) struct Events {
    events: mpsc::UnboundedSender<Event>,
    cancelled: Arc<AtomicBool>,
}

/// Both ends.
pub(in crate::serve) fn feed() -> (Feed, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    let cancelled = Arc::new(AtomicBool::new(false));
    (Feed { events, cancelled: Arc::clone(&cancelled) }, Events { events: sender, cancelled })
}

impl Feed {
    /// The next event. An engine that drops its end without a last event has stopped.
    pub(in crate::serve) async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::Failed(EngineError::Stopped))
    }

    /// The next event, if it is already there.
    pub(in crate::serve) fn ready(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Tells the engine to stop at its next step.
    pub(in crate::serve) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Sink for Events {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        if self.is_cancelled() || self.events.send(event).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}
