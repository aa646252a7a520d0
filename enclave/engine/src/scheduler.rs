//! One thread steps all sequences together: one token each, and between them pieces of prompts.

mod batch;
mod queue;
mod sequence;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use batch::Batch;
use queue::Queue;
pub(crate) use sequence::Job;

use crate::computer::Computer;
use crate::error::{EngineError, LoadError};
use crate::kv::Room;
use crate::model::Model;

/// Limits of the scheduler; all at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) sequences: usize,
    pub(crate) queue: usize,
    pub(crate) chunk: usize,
    /// Pages for keys and values of all sequences: enough for one that fills the context.
    pub(crate) pages: usize,
    /// How long a prefix that nobody uses is kept.
    pub(crate) keep: Duration,
}

/// How full an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests that wait.
    pub waiting: usize,
    /// Requests in progress.
    pub in_progress: usize,
    /// Pages of keys and values that they hold, of 16 tokens each.
    pub pages_held: usize,
    /// All pages.
    pub pages: usize,
}

/// What the engine's thread tells of itself between two steps.
#[derive(Default)]
struct Gauges {
    in_progress: AtomicUsize,
    pages_held: AtomicUsize,
}

/// The engine's thread and the queue before it. Dropping it ends the thread within one step.
pub(crate) struct Scheduler {
    queue: Arc<Queue>,
    gauges: Arc<Gauges>,
    pages: usize,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts the engine's thread. `computer` has as many pages as the limits say.
    pub(crate) fn start(
        model: Arc<Model>,
        computer: Box<dyn Computer>,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        let queue = Arc::new(Queue::new(limits.queue));
        let jobs = Served(Arc::clone(&queue));
        let room = Room::new(computer, limits.pages, limits.keep);
        let gauges = Arc::new(Gauges::default());
        let told = Arc::clone(&gauges);
        let work = move || run(Batch::new(model, room, limits), &jobs.0, &told);
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(work);
        let refused = |error: std::io::Error| LoadError::Thread { reason: error.to_string() };
        Ok(Self { queue, gauges, pages: limits.pages, thread: Some(thread.map_err(refused)?) })
    }

    /// How full it is.
    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy {
            waiting: self.queue.len(),
            in_progress: self.gauges.in_progress.load(Ordering::Relaxed),
            pages_held: self.gauges.pages_held.load(Ordering::Relaxed),
            pages: self.pages,
        }
    }

    /// Queues a job or refuses it at once.
    pub(crate) fn submit(&self, job: Job) -> Result<(), EngineError> {
        self.queue.push(job)
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.queue.close();
        let Some(thread) = self.thread.take() else { return };
        // The last handle may be dropped by a sink, on the thread that would wait for itself.
        if thread.thread().id() != thread::current().id() {
            // A panic was printed where it happened; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Closes the queue when the thread that serves it ends, in a panic too: nobody waits for nothing.
struct Served(Arc<Queue>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn run(mut batch: Batch, queue: &Queue, gauges: &Gauges) {
    loop {
        let due = batch.expire();
        gauges.in_progress.store(batch.len(), Ordering::Relaxed);
        gauges.pages_held.store(batch.pages_held(), Ordering::Relaxed);
        if batch.is_empty() {
            // It waits only when there is nothing else to do.
            queue.wait(due);
        }
        while batch.has_place()
            && let Some(job) = queue.next(|salt| batch.count(salt))
        {
            batch.admit(job);
        }
        if queue.is_closed() {
            return batch.fail(&EngineError::Stopped);
        }
        batch.step();
    }
}
