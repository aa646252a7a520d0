//! One thread steps all sequences in turn: one token each, or one piece of a prompt.

mod sequence;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

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

/// The queue in front of the engine's thread. Dropping it ends the thread within one step.
pub(crate) struct Scheduler {
    queue: Option<SyncSender<Job>>,
    capacity: usize,
    stop: Arc<AtomicBool>,
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
        let (queue, jobs) = sync_channel(limits.queue);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || pool.install(move || run(&model, &jobs, &stopped, limits));
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(work);
        let thread = thread.map_err(|error| refused(error.to_string()))?;
        Ok(Self { queue: Some(queue), capacity: limits.queue, stop, thread: Some(thread) })
    }

    /// Queues a job or refuses it at once.
    pub(crate) fn submit(&self, job: Job) -> Result<(), EngineError> {
        let queue = self.queue.as_ref().ok_or(EngineError::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Overloaded { capacity: self.capacity },
            TrySendError::Disconnected(_) => EngineError::Stopped,
        })
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        // The last handle may be dropped by a sink, on the pool that this thread waits for.
        if rayon::current_thread_index().is_none() {
            // A panic was printed where it happened; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn run(model: &Model, jobs: &Receiver<Job>, stop: &AtomicBool, limits: Limits) {
    let mut active: Vec<Sequence> = Vec::with_capacity(limits.sequences);
    loop {
        let admitted = admit(model, jobs, &mut active, limits);
        if stop.load(Ordering::Acquire) {
            active.into_iter().for_each(|sequence| sequence.fail(EngineError::Stopped));
            jobs.try_iter().for_each(|job| job.fail(EngineError::Stopped));
            return;
        }
        if admitted.is_break() && active.is_empty() {
            return;
        }
        active.retain_mut(|sequence| sequence.step(model, limits.chunk).is_continue());
    }
}

/// Fills the free places from the queue; waits only when there is nothing else to do. `Break` when
/// no more jobs can come.
fn admit(
    model: &Model,
    jobs: &Receiver<Job>,
    active: &mut Vec<Sequence>,
    limits: Limits,
) -> ControlFlow<()> {
    while active.len() < limits.sequences {
        let next = if active.is_empty() {
            jobs.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            jobs.try_recv()
        };
        match next {
            Ok(job) => active.extend(Sequence::start(model, job)),
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
        }
    }
    ControlFlow::Continue(())
}
