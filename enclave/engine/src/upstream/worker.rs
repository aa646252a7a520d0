//! The thread on which an upstream engine is spoken to: the seam is synchronous, the network is not.

use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

/// A runtime that may be dropped anywhere, also where waiting is not allowed.
pub(super) struct Worker {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Worker {
    pub(super) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("upstream").enable_io().enable_time();
        Ok(Self { runtime: Some(builder.build()?) })
    }

    /// Runs a future to its end.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(future);
        }
    }

    /// Waits for a future; `None` if it panicked. The caller's thread may block.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.spawn(async move {
            // Whoever waits is still there: it is blocked below.
            drop(sender.send(future.await));
        });
        answer.recv().ok()
    }
}

/// Whatever still runs is dropped with its connections.
impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
