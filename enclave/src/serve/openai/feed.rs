//! The engine's events on their way to the answers of one request.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sealroom_engine::{EngineError, Event, Sink};
use tokio::sync::mpsc;

/// The end of whoever writes the answers. An answer is bounded by the context, so the channel needs no bound of its own: the
/// engine's thread must never wait for a client.
pub(in crate::serve) struct Feed {
    events: mpsc::UnboundedReceiver<(usize, Event)>,
    cancelled: Arc<AtomicBool>,
}

/// The engine's end of one answer.
pub(in crate::serve) struct Events {
    index: usize,
    events: mpsc::UnboundedSender<(usize, Event)>,
    cancelled: Arc<AtomicBool>,
}

/// The writer's end, and one for each of `count` answers.
pub(in crate::serve) fn feed(count: usize) -> (Feed, Vec<Events>) {
    let (sender, events) = mpsc::unbounded_channel();
    let cancelled = Arc::new(AtomicBool::new(false));
    let ends = (0..count).map(|index| Events {
        index,
        events: sender.clone(),
        cancelled: Arc::clone(&cancelled),
    });
    let ends = ends.collect();
    (Feed { events, cancelled }, ends)
}

impl Feed {
    /// The next event, and the answer that it belongs to. An engine that drops its ends without a last event has stopped.
    pub(in crate::serve) async fn next(&mut self) -> (usize, Event) {
        self.events.recv().await.unwrap_or((0, Event::Failed(EngineError::Stopped)))
    }

    /// The next event, if it is already there.
    pub(in crate::serve) fn ready(&mut self) -> Option<(usize, Event)> {
        self.events.try_recv().ok()
    }

    /// Tells the engine to stop all answers at its next step.
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
        if self.is_cancelled() || self.events.send((self.index, event)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}
