//! Collects evidence of the hardware: a trait for the CPU with the kernel's interface for SEV-SNP and TDX behind it, and
//! a trait for GPUs with NVIDIA's library behind it.

use sealroom_attestation::evidence::{GpuEntry, Hardware};

mod deadline;
mod nvml;
mod tsm;

pub use nvml::{Nvml, NvmlError, StateError};
pub use tsm::{TSM_ROOT, Tsm};

/// Something that makes the CPU sign 64 bytes. Blocking; a node has one call in flight at a time.
pub trait Collector: Send + Sync {
    /// Collects evidence over `report_data`.
    ///
    /// # Errors
    /// [`CollectError`] names what failed.
    fn collect(&self, report_data: &[u8; 64]) -> Result<Hardware, CollectError>;
}

/// Something that makes every GPU and switch of the machine sign one nonce. Blocking; a node has one call in flight at
/// a time.
pub trait GpuCollector: Send + Sync {
    /// Collects a report over `nonce`, and the certificates for it, from each device; in the same order each time.
    ///
    /// # Errors
    /// [`CollectError`] names what failed: one silent device fails them all.
    fn collect(&self, nonce: &[u8; 32]) -> Result<Vec<GpuEntry>, CollectError>;

    /// Whether the devices will compute nothing more in this boot: a latch. The node then takes no request.
    fn have_stopped(&self) -> bool {
        false
    }
}

/// Why no evidence was collected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The kernel has no provider: not a confidential VM, or the guest driver is not loaded.
    #[error("no attestation provider behind {root}: {reason}")]
    NoProvider {
        /// Where it was looked for.
        root: String,
        /// What the system said.
        reason: String,
    },
    /// The provider is none that this node knows.
    #[error("attestation provider {found} is not supported: sev_guest or tdx_guest expected")]
    Provider {
        /// Its name.
        found: String,
    },
    /// An attribute could not be read or written.
    #[error("attribute {name} of the attestation interface failed: {reason}")]
    Attribute {
        /// Its file name.
        name: &'static str,
        /// What the system said.
        reason: String,
    },
    /// Somebody else wrote to the same request in between: the report may be over other bytes.
    #[error("generation {found} of the attestation request instead of {expected}")]
    Generation {
        /// The number found.
        found: u64,
        /// The number expected.
        expected: u64,
    },
    /// The report is longer than the wire allows.
    #[error("{name} has {found} bytes, at most {limit} are allowed")]
    TooLong {
        /// Its file name.
        name: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// There are more devices than the wire allows.
    #[error("{found} GPUs and switches answered, at most {limit} are allowed")]
    TooMany {
        /// Devices found.
        found: usize,
        /// Devices allowed.
        limit: usize,
    },
    /// The hardware did not answer in time.
    #[error("the hardware did not answer within {seconds} s")]
    Deadline {
        /// How long it was given.
        seconds: u64,
    },
    /// An earlier request past its deadline still blocks the device.
    #[error("an earlier request still blocks the device")]
    Busy,
    /// NVIDIA's driver, or the GPUs behind it.
    #[error(transparent)]
    Nvml(#[from] NvmlError),
    /// Another kind of device failed.
    #[error("the attestation device failed: {reason}")]
    Device {
        /// What it said; never a secret.
        reason: String,
    },
}
