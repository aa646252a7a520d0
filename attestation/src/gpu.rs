//! NVIDIA's confidential GPUs and switches: what NVIDIA signs about them, read offline.

mod anchors;
pub mod compare;
mod endorsements;
mod error;
pub mod nras;
pub mod ocsp;
pub mod rim;

use crate::case;
use crate::claims::{Refusal, Verified};

pub use anchors::{Anchors, pinned_rim_root};
pub use endorsements::{Endorsements, FileError};
pub use error::GpuError;

/// What comes of endorsements that were verified without a report: all of them, or the first reason against one.
pub type Examined<T> = Result<Verified<Vec<T>>, Box<Refusal<GpuError, Vec<T>>>>;

type Case = case::Case<GpuError>;
type Checked = case::Checked<GpuError>;
type Mismatch = case::Mismatch<GpuError>;
