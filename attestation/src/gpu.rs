//! NVIDIA's confidential GPUs and switches: what NVIDIA signs about them, read offline.

mod anchors;
pub mod compare;
mod endorsements;
mod error;
pub mod nras;
pub mod ocsp;
pub mod rim;

use crate::case;

pub use anchors::{Anchors, pinned_rim_root};
pub use endorsements::{Endorsements, FileError};
pub use error::GpuError;

type Case = case::Case<GpuError>;
type Checked = case::Checked<GpuError>;
type Mismatch = case::Mismatch<GpuError>;
