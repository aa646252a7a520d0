//! The bounded queue before the engine's thread. Whoever gave up waiting keeps no place in it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Job;
use crate::error::EngineError;

/// Jobs that wait.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { jobs: VecDeque::with_capacity(capacity), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Adds a job, or refuses it at once. A full queue first drops the jobs that were cancelled.
    pub(super) fn push(&self, job: Job) -> Result<(), EngineError> {
        let mut state = self.lock();
        if state.closed {
            return Err(EngineError::Stopped);
        }
        if state.jobs.len() >= self.capacity {
            state.jobs.retain(|job| !job.sink.is_cancelled());
        }
        if state.jobs.len() >= self.capacity {
            return Err(EngineError::Overloaded { capacity: self.capacity });
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job, if one waits.
    pub(super) fn next(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    /// The next job, however long it takes to come. `None` once the queue is closed.
    pub(super) fn wait(&self) -> Option<Job> {
        let state = self.lock();
        let waiting = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let mut state =
            self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.jobs.pop_front()
    }

    /// Takes no more jobs and fails those that wait.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.changed.notify_all();
        jobs.into_iter().for_each(|job| job.fail(EngineError::Stopped));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// A sink that panicked leaves the queue as whole as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::engine::{Event, Sampling, Sink};

    struct Client(Arc<AtomicBool>);

    impl Sink for Client {
        fn event(&mut self, _: Event) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Acquire)
        }
    }

    fn job(gone: &Arc<AtomicBool>) -> Job {
        Job {
            prompt: vec![1].into(),
            max_tokens: 1,
            sampling: Sampling::greedy(),
            stop: Vec::new(),
            top_logprobs: 0,
            ignore_end: false,
            sink: Box::new(Client(Arc::clone(gone))),
            submitted: Instant::now(),
        }
    }

    #[test]
    fn a_full_queue_refuses_until_somebody_gives_up() {
        let (queue, here, gone) = (Queue::new(2), Arc::default(), Arc::default());
        assert_eq!(queue.push(job(&here)), Ok(()));
        assert_eq!(queue.push(job(&gone)), Ok(()));
        assert_eq!(queue.push(job(&here)), Err(EngineError::Overloaded { capacity: 2 }));
        gone.store(true, Ordering::Release);
        assert_eq!(queue.push(job(&here)), Ok(()));
        assert!(queue.next().is_some() && queue.next().is_some() && queue.next().is_none());
    }

    #[test]
    fn a_closed_queue_takes_and_gives_nothing() {
        let (queue, here) = (Queue::new(1), Arc::default());
        assert_eq!(queue.push(job(&here)), Ok(()));
        queue.close();
        assert_eq!(queue.push(job(&here)), Err(EngineError::Stopped));
        assert!(queue.wait().is_none() && queue.is_closed());
    }
}
