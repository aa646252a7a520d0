//! The bounded queue before the engine's thread. Whoever gave up waiting keeps no place in it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Job;
use crate::error::EngineError;
use crate::private::CacheSalt;

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
        let waiting = state.jobs.iter().filter(|other| other.salt == job.salt).count();
        if state.jobs.len() >= self.capacity {
            return Err(EngineError::Overloaded { capacity: self.capacity });
        }
        if waiting >= self.share() {
            return Err(EngineError::ShareFull { share: self.share() });
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Places that one client can fill: the last quarter is for others.
    const fn share(&self) -> usize {
        self.capacity.div_ceil(4) * 3
    }

    /// The next job, if one waits: of the client with the fewest in progress, and of those the one that came first.
    pub(super) fn next(&self, in_progress: impl Fn(Option<&CacheSalt>) -> usize) -> Option<Job> {
        let mut state = self.lock();
        let turns = state.jobs.iter().enumerate();
        let turns = turns.map(|(place, job)| (in_progress(job.salt.as_ref()), place));
        let (_, place) = turns.min()?;
        state.jobs.remove(place)
    }

    /// Waits for a job, for the end, or for a moment.
    pub(super) fn wait(&self, until: Option<Instant>) {
        let state = self.lock();
        let waiting = |state: &mut State| state.jobs.is_empty() && !state.closed;
        match until {
            None => drop(self.changed.wait_while(state, waiting)),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                drop(self.changed.wait_timeout_while(state, left, waiting));
            }
        }
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

    use sealroom_request::Sampling;

    use super::*;
    use crate::engine::{Event, Sink};

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
        job_of(None, gone)
    }

    fn job_of(client: Option<u8>, gone: &Arc<AtomicBool>) -> Job {
        Job {
            salt: client.map(|client| CacheSalt::new([client; 32])),
            prompt: vec![1].into(),
            max_tokens: 1,
            sampling: Sampling::greedy(),
            stop: Vec::new(),
            grammar: None,
            calls: None,
            pooled: None,
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
        assert!(
            queue.next(|_| 0).is_some()
                && queue.next(|_| 0).is_some()
                && queue.next(|_| 0).is_none()
        );
    }

    #[test]
    fn a_closed_queue_takes_and_gives_nothing() {
        let (queue, here) = (Queue::new(1), Arc::default());
        assert_eq!(queue.push(job(&here)), Ok(()));
        queue.close();
        assert_eq!(queue.push(job(&here)), Err(EngineError::Stopped));
        queue.wait(None);
        assert!(queue.next(|_| 0).is_none() && queue.is_closed());
    }

    #[test]
    fn who_has_least_in_progress_is_next_and_then_who_came_first() {
        let (queue, here) = (Queue::new(8), Arc::default());
        for client in [1, 1, 2, 3] {
            assert_eq!(queue.push(job_of(Some(client), &here)), Ok(()));
        }
        let salt = |client| Some(CacheSalt::new([client; 32]));
        let next = || queue.next(|client| usize::from(client == salt(1).as_ref()));
        let order: Vec<_> = std::iter::from_fn(next).map(|job| job.salt).collect();
        assert_eq!(order, [salt(2), salt(3), salt(1), salt(1)]);
    }

    #[test]
    fn one_client_cannot_fill_the_queue() {
        let (queue, here) = (Queue::new(4), Arc::default());
        for _ in 0..3 {
            assert_eq!(queue.push(job_of(Some(1), &here)), Ok(()));
        }
        let full = Err(EngineError::ShareFull { share: 3 });
        assert_eq!(queue.push(job_of(Some(1), &here)), full);
        assert_eq!(queue.push(job_of(Some(2), &here)), Ok(()));
    }
}
