//! Threads that share the tasks of one computation at a time.
//!
//! A product takes some ten microseconds, so threads wait for the next one awake for a while, and then
//! sleep. Tasks are claimed one by one: a thread that is not scheduled claims none, so nobody waits for
//! it, and the caller computes whatever is left.

use std::any::Any;
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a thread waits awake for the next computation.
const AWAKE: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock.
const LOOKS: usize = 32;

/// A fixed number of threads, the caller's among them.
pub(crate) struct Pool {
    state: Arc<State>,
    workers: Vec<JoinHandle<()>>,
}

struct State {
    task: UnsafeCell<Option<Task>>,
    /// Tasks nobody has claimed. Whoever takes one off owns task number `left` after that.
    left: AtomicUsize,
    /// Tasks that are not done.
    open: AtomicUsize,
    asleep: Vec<AtomicBool>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    closing: AtomicBool,
}

/// A borrowed closure, its lifetime forgotten.
type Task = *const (dyn Fn(usize) + Sync);

// SAFETY: `task` is written only while no task is claimed or claimable and read only behind a claim,
// which `left` orders after the write; the closure behind it is `Sync`.
unsafe impl Sync for State {}
// SAFETY: as above.
unsafe impl Send for State {}

/// A pointer that tasks share, each for a part of its own.
pub(super) struct Shared<T>(pub(super) *mut T);

impl<T> Shared<T> {
    pub(super) fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: whoever dereferences it answers for the parts being disjoint; T may be used by any thread.
unsafe impl<T: Send> Sync for Shared<T> {}

impl Pool {
    /// Starts `threads - 1` threads beside the caller's.
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let others = threads.saturating_sub(1);
        let state = Arc::new(State {
            task: UnsafeCell::new(None),
            left: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            asleep: (0..others).map(|_| AtomicBool::new(false)).collect(),
            panic: Mutex::new(None),
            closing: AtomicBool::new(false),
        });
        let mut pool = Self { state, workers: Vec::with_capacity(others) };
        for index in 0..others {
            let state = Arc::clone(&pool.state);
            let builder = thread::Builder::new().name(format!("arithmetic-{index}"));
            pool.workers.push(builder.spawn(move || state.work(index))?);
        }
        Ok(pool)
    }

    /// Threads, the caller's among them.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` with each number below `tasks`, on any thread and in any order, and returns when all
    /// calls have returned. If one panics the others still run, and then its panic goes on here.
    pub(crate) fn run<F: Fn(usize) + Sync>(&mut self, tasks: usize, task: F) {
        let task: &(dyn Fn(usize) + Sync) = &task;
        // SAFETY: only the lifetime changes. `self` is borrowed mutably, so no other computation is
        // under way, and `task` outlives this one: `finish` returns when every claimed task is done.
        unsafe {
            *self.state.task.get() =
                Some(std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static _>(task));
        }
        self.state.open.store(tasks, Relaxed);
        self.state.left.store(tasks, Release);
        self.wake(tasks.saturating_sub(1));
        while self.state.step() {}
        self.finish();
    }

    /// Wakes as many sleepers as there are tasks for.
    fn wake(&self, tasks: usize) {
        // A sleeper announces itself and then looks for tasks; here it is the other way round. With both
        // fences one of the two sees the other.
        fence(SeqCst);
        for (asleep, worker) in self.state.asleep.iter().zip(&self.workers).take(tasks) {
            if asleep.load(Relaxed) && asleep.swap(false, AcqRel) {
                worker.thread().unpark();
            }
        }
    }

    /// Waits for tasks that others have claimed.
    fn finish(&self) {
        let mut looks = 0;
        while self.state.open.load(Acquire) > 0 {
            // Whoever has the task may be waiting for this very core.
            if looks < LOOKS {
                spin_loop()
            } else {
                thread::yield_now()
            }
            looks += 1;
        }
        let panic = self.state.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.state.closing.store(true, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches the panics of tasks and has none of its own.
            let _ = worker.join();
        }
    }
}

impl State {
    fn work(&self, index: usize) {
        while self.wait(index) {
            while self.step() {}
        }
    }

    /// Runs one task; `false` if there was none.
    fn step(&self) -> bool {
        let claim = self.left.fetch_update(AcqRel, Acquire, |left| left.checked_sub(1));
        let Ok(before) = claim else { return false };
        // SAFETY: the claim is on a task of the computation whose closure is stored, and until `open`
        // is counted down below that computation does not end.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
            if let Some(task) = *self.task.get() {
                (*task)(before - 1);
            }
        }));
        if let Err(panic) = outcome {
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(panic);
        }
        self.open.fetch_sub(1, Release);
        true
    }

    /// Waits for tasks, awake and then asleep; `false` when the pool closes.
    fn wait(&self, index: usize) -> bool {
        let since = Instant::now();
        while since.elapsed() < AWAKE {
            for _ in 0..LOOKS {
                if self.left.load(Relaxed) > 0 {
                    return true;
                }
                spin_loop();
            }
            // With more threads than cores somebody else has work to do.
            thread::yield_now();
        }
        self.asleep[index].store(true, Relaxed);
        fence(SeqCst);
        while self.left.load(Relaxed) == 0 && self.asleep[index].load(Acquire) {
            if self.closing.load(SeqCst) {
                return false;
            }
            thread::park();
        }
        self.asleep[index].store(false, Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_exactly_once() {
        for threads in [1, 2, 5, 16] {
            let mut pool = Pool::new(threads).unwrap();
            for round in 0..500 {
                let tasks = round % 23;
                let calls: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, |task| {
                    calls[task].fetch_add(1, Relaxed);
                });
                let calls = calls.into_iter().map(AtomicUsize::into_inner);
                assert!(calls.into_iter().all(|calls| calls == 1), "{threads} threads");
            }
        }
    }

    #[test]
    fn threads_that_fell_asleep_are_woken() {
        let mut pool = Pool::new(3).unwrap();
        for _ in 0..20 {
            while !pool.state.asleep.iter().all(|asleep| asleep.load(Acquire)) {
                thread::yield_now();
            }
            // Each task waits for the others, so all three threads must come.
            let there = AtomicUsize::new(0);
            pool.run(3, |_| {
                there.fetch_add(1, SeqCst);
                while there.load(SeqCst) < 3 {
                    thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn a_panic_goes_on_at_the_caller_after_the_other_tasks() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            let calls = AtomicUsize::new(0);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(9, |task| {
                    calls.fetch_add(1, Relaxed);
                    assert!(task != 4, "task four");
                });
            }));
            let message = outcome.unwrap_err();
            assert_eq!(message.downcast_ref(), Some(&"task four"));
            assert_eq!(calls.load(Relaxed), 9, "{threads} threads");
            pool.run(2, |_| {});
        }
    }
}
