//! A report, decoded once and kept with the bytes that were signed.

use crate::evidence::{GpuClass, GpuEntry};

use super::chain::Presented;
use super::fields::Fields;
use super::spdm::{self, DecodeError, Messages, SIGNATURE};
use super::{identity, opaque};

/// The report of one GPU or switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// By whose rules it was read.
    pub class: GpuClass,
    /// What the verifier asked to be signed.
    pub nonce: [u8; 32],
    /// What the device added: random.
    pub responder_nonce: [u8; 32],
    /// SHA-384 digests in the order of their blocks. NVIDIA's reference values count from 0, as this list does.
    pub measurements: Vec<[u8; 48]>,
    /// What else the device says.
    pub fields: Fields,
    pub(super) signed: Vec<u8>,
    pub(super) signature: [u8; SIGNATURE],
}

impl Report {
    /// Reads one report by the rules of its kind of device, of which every byte is accounted for.
    ///
    /// # Errors
    /// When the bytes are not exactly one report of SPDM 1.1.
    pub fn decode(class: GpuClass, bytes: &[u8]) -> Result<Self, DecodeError> {
        let messages = Messages::decode(class, bytes)?;
        Ok(Self {
            class,
            nonce: messages.nonce,
            responder_nonce: messages.responder_nonce,
            measurements: messages.measurements,
            fields: opaque::decode(class, messages.opaque)?,
            signed: messages.signed.to_vec(),
            signature: messages.signature,
        })
    }

    /// Request and response up to the signature: what the attestation key signed.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.signed
    }
}

/// The bytes of a report from a file, in binary or hexadecimal: `None` when it does not begin like one. Drivers hand
/// out the whole buffer in which the report was made, so zero bytes after its end are cut off here; anything else
/// that follows is kept, and refused by [`Report::decode`].
#[must_use]
pub fn report_from_file(file: &[u8]) -> Option<Vec<u8>> {
    let binary = || Some(file.to_vec());
    let text = || hex::decode(file.trim_ascii()).ok();
    let bytes = if spdm::begins_a_report(file) { binary() } else { text() };
    let mut bytes = bytes.filter(|bytes| spdm::begins_a_report(bytes))?;
    let Ok(end) = spdm::end(&bytes) else { return Some(bytes) };
    if bytes.iter().skip(end).all(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    Some(bytes)
}

/// One device's evidence from two files: `None` when the first is no report. The kind of device is taken from the
/// certificates, and without them from the number of measurements: it only says by which rules the report is read,
/// and [`super::verify`] compares it with the certificates once more.
#[must_use]
pub fn entry_from_files(report: &[u8], chain: &[u8]) -> Option<GpuEntry> {
    Some(entry(report_from_file(report)?, chain))
}

pub(super) fn entry(report: Vec<u8>, chain: &[u8]) -> GpuEntry {
    let by_count = match spdm::count(&report) {
        Some(31) => GpuClass::Ls10,
        _ => GpuClass::Hopper,
    };
    let presented = Presented::read(chain);
    let class = presented.decode().ok().and_then(|chain| identity::class(&chain));
    GpuEntry { class: class.unwrap_or(by_count), report, chain: chain.to_vec() }
}
