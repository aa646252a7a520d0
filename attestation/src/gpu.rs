//! NVIDIA GPUs and NVSwitches: was this report genuinely signed by NVIDIA's hardware, and do several devices belong
//! together? What they say is the policy's business.
//!
//! A report proves nothing about the machine that it stands in: what ties it to a CPU is the measured guest that asked
//! for it (wire specification, section 3). The formats are SPDM 1.1 (DMTF DSP0274), TCG DICE, and those that NVIDIA's
//! open-source verifiers and kernel driver show.

mod anchors;
mod bindings;
mod chain;
mod claims;
pub mod compare;
mod device;
mod endorsed;
mod endorsements;
mod error;
mod fields;
mod fwid;
mod identity;
mod known;
pub mod nras;
pub mod ocsp;
mod opaque;
mod report;
pub mod rim;
mod set;
mod spdm;
mod topology;

use crate::case;
use crate::checks::{self, Check};
use crate::claims::{Refusal, Verified};
use crate::evidence::GpuEntry;
use crate::time::UnixTime;

pub use anchors::{Anchors, pinned_device_root, pinned_rim_root};
pub use chain::LONGEST_CHAIN;
pub use claims::{Challenge, GpuClaims, GpuSet, Identity};
pub use endorsed::Endorsed;
pub use endorsements::{Endorsements, FileError};
pub use error::{ChainError, GpuError, ReportError, SetError, TopologyError};
pub use fields::{Device as DeviceFields, Fields, Gpu, Mode, Pdi, Switch, Toggle};
pub use fwid::FwidError;
pub use known::Known;
pub use opaque::OpaqueError;
pub use report::{Report, entry_from_files, report_from_file};
pub use set::{MOST_DEVICES, TOPOLOGY};
pub use spdm::{DecodeError, LONGEST_REPORT};

/// What comes of endorsements that were verified without a report: all of them, or the first reason against one.
pub type Examined<T> = Result<Verified<Vec<T>>, Box<Refusal<GpuError, Vec<T>>>>;

type Case = case::Case<GpuError>;
type Checked = case::Checked<GpuError>;
type Mismatch = case::Mismatch<GpuError>;

/// The checks that every device needs.
pub const NEEDED: &[&Check] = &[
    &checks::GPU_REPORT_ENCODING,
    &checks::GPU_NONCE,
    &checks::GPU_CHAIN_PRESENT,
    &checks::GPU_CHAIN_ENCODING,
    &checks::GPU_CHAIN_ROOT,
    &checks::GPU_CHAIN_NAMES,
    &checks::GPU_CHAIN_CLASS,
    &checks::GPU_CHAIN_KEYS,
    &checks::GPU_CHAIN_CONSTRAINTS,
    &checks::GPU_CHAIN_VALIDITY,
    &checks::GPU_CHAIN_IDENTITY,
    &checks::GPU_CHAIN_DEVICE,
    &checks::GPU_FWID,
    &checks::GPU_CHAIN_SIGNATURE,
    &checks::GPU_REPORT_SIGNATURE,
];
/// The checks that a switch needs beside them.
pub const NEEDED_SWITCH: &[&Check] = &[&checks::GPU_SWITCH_PDI];

/// Verifies one device; [`Known::verify`] says what that means. For more than one make a [`Known`] once.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what the report claims.
///
/// ```
/// use sealroom_attestation::UnixTime;
/// use sealroom_attestation::evidence::{GpuClass, GpuEntry};
/// use sealroom_attestation::gpu::{Anchors, DecodeError, Endorsements, verify};
/// let (none, root) = (Endorsements::default(), Anchors::production());
/// let entry = GpuEntry { class: GpuClass::Hopper, report: vec![9; 100], chain: Vec::new() };
/// let refusal = verify(&entry, &none, &root, None, UnixTime(0)).unwrap_err();
/// assert_eq!(refusal.error, DecodeError::Version { message: "request", found: 9 }.into());
/// ```
pub fn verify(
    entry: &GpuEntry,
    endorsements: &Endorsements,
    anchors: &Anchors,
    nonce: Option<&[u8; 32]>,
    now: UnixTime,
) -> Result<Verified<GpuClaims>, Box<Refusal<GpuError, GpuClaims>>> {
    Known::new(endorsements, anchors.clone()).verify(entry, nonce, now)
}

/// Verifies all devices of one node; [`Known::verify_set`] says what that means.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what the devices claim.
pub fn verify_set(
    entries: &[GpuEntry],
    endorsements: &Endorsements,
    anchors: &Anchors,
    nonce: Option<&[u8; 32]>,
    now: UnixTime,
) -> Result<Verified<GpuSet>, Box<Refusal<SetError, GpuSet>>> {
    Known::new(endorsements, anchors.clone()).verify_set(entries, nonce, now)
}
