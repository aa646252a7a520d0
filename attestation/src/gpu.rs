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
pub mod nras;
pub mod ocsp;
mod opaque;
mod report;
pub mod rim;
mod set;
mod spdm;
mod topology;

use std::sync::Arc;

use crate::case;
use crate::checks::{self, Check};
use crate::claims::{Refusal, Verified};
use crate::evidence::{GpuClass, GpuEntry};
use crate::time::UnixTime;

use chain::Presented;
use device::{Device, Proven};

pub use anchors::{Anchors, pinned_device_root, pinned_rim_root};
pub use chain::LONGEST_CHAIN;
pub use claims::{Challenge, GpuClaims, GpuSet, Identity};
pub use endorsed::Endorsed;
pub use endorsements::{Endorsements, FileError};
pub use error::{ChainError, GpuError, ReportError, SetError, TopologyError};
pub use fields::{Device as DeviceFields, Fields, Gpu, Mode, Pdi, Switch, Toggle};
pub use fwid::FwidError;
pub use opaque::OpaqueError;
pub use report::{Report, entry_from_files, report_from_file};
pub use set::{MOST_DEVICES, TOPOLOGY, verify_set};
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

/// Every check of such a device that has no row yet is said to be missing.
fn stopped(case: &mut Case, class: GpuClass) {
    case.stopped_before(NEEDED);
    if class == GpuClass::Ls10 {
        case.stopped_before(NEEDED_SWITCH);
    }
}

/// Verifies that a report was signed by the attestation key of one device that NVIDIA certifies, and that all of it
/// counts at `now`.
///
/// The caller has established nothing: every byte may be an attacker's. The caller must still appraise the claims, and
/// must know why the report is of a device that belongs to the CPU in question. Without a nonce the report may be of
/// any time, and the claims say so.
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
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    let presented = Presented::read(&entry.chain);

    // 1 to 4. Everything that costs no signature.
    let device = examine(&mut case, entry, &presented, anchors, nonce, now);
    let Some(device) = device else {
        endorsed::not_reached(&mut case, endorsements);
        return case.refuse().map_err(Box::new);
    };

    // 5. The signatures, from the root down; after the first that does not verify there is no more work.
    let genuine = device.signatures(&mut case, &mut Proven::default());

    // 6. What NVIDIA says of such a device beside: reference values, revocation, and its service's opinion.
    let claims = if genuine {
        let with = (endorsements, anchors);
        let endorsed = Endorsed::examine(&mut case, with, &[&device], nonce, now);
        let compared = device.compare_with(&mut case, &endorsed.rims);
        device.claims(compared, &endorsed)
    } else {
        endorsed::not_reached(&mut case, endorsements);
        device.claims(Vec::new(), &Arc::default())
    };
    let whole = claims.identity.is_some();
    case.conclude(claims, whole).map_err(Box::new)
}

fn examine(
    case: &mut Case,
    entry: &GpuEntry,
    presented: &Presented,
    anchors: &Anchors,
    nonce: Option<&[u8; 32]>,
    now: UnixTime,
) -> Option<Device> {
    // 1. The bytes are one report of this kind of device.
    let report = device::decode(case, entry)?;

    // 2. It answers this verifier, when the verifier asked.
    let challenge = device::challenge(case, &report, nonce);

    // 3. The device's certificates and their chain, to a root that is pinned, by names, rights and dates.
    let device = Device::examine(case, report, presented, anchors, (challenge, now));

    // 4. What report and certificates both say: chip, firmware, a switch's own number.
    device.compare(case);
    Some(device)
}
