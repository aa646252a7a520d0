//! A call into a driver that may hang: its caller gets the answer in time, or none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::CollectError;

/// One call at a time, each for so long at most.
#[derive(Debug)]
pub(super) struct Deadline {
    name: &'static str,
    limit: Duration,
    /// A call, perhaps one past its deadline, is still inside the driver.
    blocked: Arc<AtomicBool>,
}

impl Deadline {
    /// For calls that run in threads of this name.
    pub(super) fn new(name: &'static str, limit: Duration) -> Self {
        Self { name, limit, blocked: Arc::default() }
    }

    /// Runs `call` in a thread of its own. A call that hangs inside the kernel leaves the thread behind, and everything
    /// after it is refused until it returns.
    pub(super) fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T, CollectError> + Send + 'static,
    ) -> Result<T, CollectError> {
        if self.blocked.swap(true, Ordering::AcqRel) {
            return Err(CollectError::Busy);
        }
        let (done, result) = mpsc::sync_channel(1);
        let blocked = Arc::clone(&self.blocked);
        let worker = thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            let collected = call();
            blocked.store(false, Ordering::Release);
            // Nobody listens after the deadline.
            drop(done.send(collected));
        });
        if let Err(error) = worker {
            self.blocked.store(false, Ordering::Release);
            return Err(CollectError::Device { reason: error.to_string() });
        }
        let late = CollectError::Deadline { seconds: self.limit.as_secs() };
        result.recv_timeout(self.limit).unwrap_or(Err(late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_time_is_answered_and_the_next_one_too() {
        let deadline = Deadline::new("test", Duration::from_secs(60));
        assert_eq!(deadline.call(|| Ok(1)), Ok(1));
        assert_eq!(deadline.call(|| Ok(2)), Ok(2));
    }

    #[test]
    fn a_call_past_its_deadline_is_left_and_keeps_others_out() {
        let deadline = Deadline::new("test", Duration::ZERO);
        let (release, hung) = mpsc::channel::<()>();
        let late = deadline.call(move || Ok(hung.recv().is_ok()));
        assert_eq!(late, Err(CollectError::Deadline { seconds: 0 }));
        assert_eq!(deadline.call(|| Ok(())), Err(CollectError::Busy));
        drop(release);
    }
}
