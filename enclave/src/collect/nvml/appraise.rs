//! Verifies the GPUs inside the guest, before they see anything: with what needs no network.
//!
//! That is each report's signature, five certificates to NVIDIA's pinned root, the nonce, the firmware that the key
//! belongs to, and that all devices are different ones of one kind. The driver leaves the certificates to whoever asked:
//! without this, it might have agreed on keys with anything. Measurements are not compared with reference values (RIMs),
//! and nobody is asked about revocation: every verifier does both.

use sealroom_attestation::evidence::GpuEntry;
use sealroom_attestation::gpu::{Anchors, Endorsements, GpuSet, verify_set};
use sealroom_attestation::{UnixTime, Verified};

use super::error::NvmlError;

/// The proof that every device signed `nonce` with a key that NVIDIA certifies.
pub(super) fn verify(
    entries: &[GpuEntry],
    anchors: &Anchors,
    nonce: &[u8; 32],
    now: UnixTime,
) -> Result<Verified<GpuSet>, NvmlError> {
    let verified = verify_set(entries, &Endorsements::default(), anchors, Some(nonce), now);
    verified.map_err(|refusal| NvmlError::Refused(refusal.error))
}
