//! NVIDIA's management library (NVML): every GPU of this machine answers one nonce, and none accepts work before its
//! answer held.
//!
//! In this order: the machine computes in confidence -> each GPU's report and certificates -> verified here, with what
//! needs no network -> the GPUs accept work. Each later collection begins with the question whether they still do.
//! Reference values and revocation are the verifiers' business: [`appraise`] says what is left to them.

mod appraise;
mod entry;
mod error;
mod layout;
mod library;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealroom_attestation::Verified;
use sealroom_attestation::evidence::{GpuEntry, MAX_GPUS};
use sealroom_attestation::gpu::{Anchors, GpuSet};

use super::deadline::Deadline;
use super::{CollectError, GpuCollector};
use crate::clock::Clock;
pub use error::NvmlError;
use library::Library;
pub use state::StateError;

/// The name under which a driver installs the library.
const LIBRARY: &str = "libnvidia-ml.so.1";
/// How long all GPUs together may take. Nobody waits for them in a request: they are asked at boot and with each epoch
/// of keys.
const LONGEST: Duration = Duration::from_secs(60);

/// The GPUs of this machine, after they proved who they are. There is no such value before.
pub struct Nvml {
    gpus: Arc<Gpus>,
    deadline: Deadline,
}

impl Nvml {
    /// Loads the driver's library, verifies every GPU's answer to `nonce`, and lets the GPUs accept work: until then
    /// the driver refuses everybody who wants to compute on them. Blocking, for a minute at most.
    ///
    /// `nonce` must be random, and of this boot.
    ///
    /// # Errors
    /// [`CollectError::Nvml`] names what does not hold, [`CollectError::Deadline`] that the driver said nothing.
    pub fn start(nonce: &[u8; 32], clock: Arc<dyn Clock>) -> Result<Self, CollectError> {
        Self::start_with(Path::new(LIBRARY), Anchors::production(), nonce, clock)
    }

    fn start_with(
        library: &Path,
        anchors: Anchors,
        nonce: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectError> {
        let deadline = Deadline::new("nvml", LONGEST);
        let (library, nonce) = (library.to_owned(), *nonce);
        let gpus = deadline.call(move || {
            let gpus = Gpus::find(&library, anchors, clock)?;
            let (_, proof) = gpus.evidence(&nonce)?;
            gpus.accept_work(&proof)?;
            Ok(gpus)
        })?;
        Ok(Self { gpus: Arc::new(gpus), deadline })
    }
}

impl GpuCollector for Nvml {
    fn collect(&self, nonce: &[u8; 32]) -> Result<Vec<GpuEntry>, CollectError> {
        let (gpus, nonce) = (Arc::clone(&self.gpus), *nonce);
        self.deadline.call(move || Ok(gpus.collect(&nonce)?))
    }

    fn have_stopped(&self) -> bool {
        self.gpus.stopped.load(Ordering::Acquire)
    }
}

/// All GPUs that the driver has.
struct Gpus {
    library: Library,
    /// As many as the driver counted first.
    count: u32,
    anchors: Anchors,
    clock: Arc<dyn Clock>,
    /// A latch: what was lost does not come back in this boot.
    stopped: AtomicBool,
}

impl Gpus {
    /// Counts the GPUs. Nothing is known about them yet.
    fn find(library: &Path, anchors: Anchors, clock: Arc<dyn Clock>) -> Result<Self, NvmlError> {
        let library = Library::load(library)?;
        let count = library.count()?;
        if count == 0 || u64::from(count) > MAX_GPUS {
            return Err(NvmlError::Number { found: count });
        }
        Ok(Self { library, count, anchors, clock, stopped: AtomicBool::new(false) })
    }

    /// Evidence of GPUs that accept work. What no retry can mend is remembered, and every later call refused.
    fn collect(&self, nonce: &[u8; 32]) -> Result<Vec<GpuEntry>, NvmlError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(NvmlError::Stopped);
        }
        let collected = self.still_accept_work().and_then(|()| self.evidence(nonce));
        if collected.as_ref().is_err_and(NvmlError::is_final) {
            self.stopped.store(true, Ordering::Release);
        }
        collected.map(|(entries, _)| entries)
    }

    /// Every GPU's answer to `nonce`, in the driver's order, and the proof that all of them hold.
    fn evidence(&self, nonce: &[u8; 32]) -> Result<(Vec<GpuEntry>, Verified<GpuSet>), NvmlError> {
        // The report has no field for confidential mode: only the measured guest can ask its driver.
        let mode = state::mode(&self.library.settings()?)?;
        if mode == state::Mode::ProtectedPcie {
            return Err(NvmlError::Switches);
        }
        let (found, expected) = (self.library.count()?, self.count);
        if found != expected {
            return Err(NvmlError::Count { found, expected });
        }
        let entries = (0..found).map(|gpu| entry::collect(&self.library, gpu, nonce));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let proof = appraise::verify(&entries, &self.anchors, nonce, self.clock.wall())?;
        Ok((entries, proof))
    }

    /// Opens the GPUs, once their evidence held. Nothing here ever closes them: the driver takes that for a fault.
    fn accept_work(&self, _: &Verified<GpuSet>) -> Result<(), NvmlError> {
        if !self.library.accepts_work()? {
            self.library.accept_work()?;
        }
        self.still_accept_work()
    }

    fn still_accept_work(&self) -> Result<(), NvmlError> {
        if self.library.accepts_work()? { Ok(()) } else { Err(NvmlError::NotReady) }
    }
}
