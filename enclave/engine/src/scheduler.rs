//! One thread steps all sequences in turn: one token each, or one piece of a prompt.

mod queue;
mod sequence;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use queue::Queue;
pub(crate) use sequence::Job;
use sequence::Sequence;

use crate::error::{EngineError, LoadError};
use crate::model::Model;

/// Limits of the scheduler; all at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) threads: usize,
    pub(crate) sequences: usize,
    pub(crate) queue: usize,
    pub(crate) chunk: usize,
}

/// The engine's thread and the queue before it. Dropping it ends the thread within one step.
pub(crate) struct Scheduler {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts the engine's thread and `threads` threads for its arithmetic.
    pub(crate) fn start(model: Arc<Model>, limits: Limits) -> Result<Self, LoadError> {
        let refused = |reason: String| LoadError::Thread { reason };
        // A pool of our own: its threads and what they keep for themselves end with the engine.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(limits.threads);
        let pool = pool.thread_name(|index| format!("engine-{index}")).build();
        let pool = pool.map_err(|error| refused(error.to_string()))?;
        let queue = Arc::new(Queue::new(limits.queue));
        let jobs = Served(Arc::clone(&queue));
        let work = move || pool.install(move || run(&model, &jobs.0, limits));
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(work);
        let thread = thread.map_err(|error| refused(error.to_string()))?;
        Ok(Self { queue, thread: Some(thread) })
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
        // The last handle may be dropped by a sink, on the pool that this thread waits for.
        if rayon::current_thread_index().is_none() {
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

fn run(model: &Model, queue: &Queue, limits: Limits) {
    let mut active: Vec<Sequence> = Vec::with_capacity(limits.sequences);
    loop {
        while active.len() < limits.sequences {
            // It waits only when there is nothing else to do.
            let next = if active.is_empty() { queue.wait() } else { queue.next() };
            let Some(job) = next else { break };
            active.extend(Sequence::start(model, job));
        }
        if queue.is_closed() {
            active.into_iter().for_each(|sequence| sequence.fail(EngineError::Stopped));
            return;
        }
        active.retain_mut(|sequence| sequence.step(model, limits.chunk).is_continue());
    }
}
