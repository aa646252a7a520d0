//! Why the GPUs may not be used, and what to do about it.

use sealroom_attestation::gpu::SetError;

use super::state::StateError;

/// Why there is no evidence of the GPUs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NvmlError {
    /// No driver in this image, or one for another system.
    #[error("{name} could not be loaded: {reason}; the image needs NVIDIA's driver")]
    Library {
        /// The library.
        name: String,
        /// What the loader said.
        reason: String,
    },
    /// A driver that is too old.
    #[error("the driver has no {name}: a newer one expected")]
    Symbol {
        /// The function that is missing.
        name: &'static str,
    },
    /// The driver refused.
    #[error("{name} failed with {code}: {}", meaning(*.code))]
    Call {
        /// The function.
        name: &'static str,
        /// NVML's number.
        code: u32,
    },
    /// The GPUs do not keep everybody else out.
    #[error(transparent)]
    State(#[from] StateError),
    /// None, or more than one bundle has.
    #[error("the driver has {found} GPUs: 1 to 32 expected")]
    Number {
        /// GPUs counted.
        found: u32,
    },
    /// A GPU came or went since the node started.
    #[error("the driver has {found} GPUs: {expected} expected, as at the start of the node")]
    Count {
        /// GPUs counted.
        found: u32,
        /// GPUs counted first.
        expected: u32,
    },
    /// The GPUs are joined by switches whose evidence nothing here collects.
    #[error(
        "the GPUs are joined by protected PCIe, and this build collects no evidence of switches: use single GPUs"
    )]
    Switches,
    /// A GPU whose reports this version cannot read.
    #[error("GPU {gpu} is of architecture {found} ({}): hopper or blackwell expected", architecture(*.found))]
    Architecture {
        /// Counted from 0, as the driver does.
        gpu: u32,
        /// NVML's number.
        found: u32,
    },
    /// A length that the buffer does not have.
    #[error("GPU {gpu}: the driver says that its {part} has {found} bytes, at most {limit} fit")]
    Length {
        /// Counted from 0, as the driver does.
        gpu: u32,
        /// Report or certificates.
        part: &'static str,
        /// Bytes, as the driver says.
        found: u32,
        /// Bytes in the buffer.
        limit: usize,
    },
    /// Bytes that do not begin like a report of SPDM 1.1.
    #[error("GPU {gpu}: the driver returned no report of SPDM 1.1")]
    Report {
        /// Counted from 0, as the driver does.
        gpu: u32,
    },
    /// What the GPUs showed does not hold.
    #[error("evidence of the GPUs was refused: {0}")]
    Refused(SetError),
    /// The GPUs refuse work; once they did after they accepted it, only a new start of the machine helps.
    #[error("the GPUs do not accept work: start the machine anew")]
    NotReady,
    /// An earlier collection found what no retry mends.
    #[error("the GPUs were lost in this boot: start the machine anew")]
    Stopped,
}

impl NvmlError {
    /// True for what no retry mends. A call that failed, or that brought no report, may succeed the next time.
    pub(super) const fn is_final(&self) -> bool {
        !matches!(self, Self::Call { .. } | Self::Length { .. } | Self::Report { .. })
    }
}

/// NVML's errors, after its header.
const fn meaning(code: u32) -> &'static str {
    match code {
        1 => "not initialised",
        2 => "invalid argument",
        3 => "not supported",
        4 => "no permission",
        6 => "not found",
        9 => "the driver is not loaded",
        10 => "timeout",
        15 => "the GPU is lost",
        16 => "the GPU must be reset",
        17 => "the operating system refused",
        18 => "library and kernel module are of different versions",
        20 => "no memory",
        25 => "this version of the argument is not known",
        999 => "unknown",
        _ => "see nvmlReturn_t",
    }
}

/// NVML's architectures, after its header.
const fn architecture(number: u32) -> &'static str {
    match number {
        2 => "kepler",
        3 => "maxwell",
        4 => "pascal",
        5 => "volta",
        6 => "turing",
        7 => "ampere",
        8 => "ada",
        9 => "hopper",
        10 => "blackwell",
        _ => "not known",
    }
}
