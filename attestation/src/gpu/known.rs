//! What is known before a device shows anything.

use std::sync::Arc;

use crate::claims::{Refusal, Verified};
use crate::evidence::{GpuClass, GpuEntry};
use crate::time::UnixTime;
use crate::x509::{self, Signatures};

use super::anchors::Anchors;
use super::chain::Presented;
use super::claims::GpuClaims;
use super::device::{self, Device};
use super::endorsed::{self, Endorsed};
use super::endorsements::Endorsements;
use super::error::GpuError;
use super::report;
use super::rim::Rims;
use super::{Case, NEEDED, NEEDED_SWITCH};

/// What is known before a device shows anything: roots, endorsements, and the links and RIMs that held before. A verdict
/// is the same whatever is remembered.
#[derive(Debug)]
pub struct Known {
    pub(super) endorsements: Endorsements,
    pub(super) anchors: Anchors,
    pub(super) signatures: Signatures,
    pub(super) rims: Rims,
}

impl Known {
    /// Takes the endorsements; they are read when a device is verified.
    #[must_use]
    pub fn new(endorsements: &Endorsements, anchors: Anchors) -> Self {
        let (endorsements, rims) = (endorsements.clone(), Rims::new(&endorsements.rims));
        Self { endorsements, anchors, signatures: Signatures::default(), rims }
    }

    /// A bare report beside the certificates among the endorsements.
    #[must_use]
    pub fn entry(&self, report: &[u8]) -> GpuEntry {
        let certificates = self.endorsements.certificates.iter().map(Vec::as_slice);
        let chain = x509::canonical("CERTIFICATE", certificates);
        report::entry(report.to_vec(), chain.as_bytes())
    }

    /// Verifies that a report was signed by the attestation key of one device that NVIDIA certifies, and that all of it
    /// counts at `now`; and what was given about it.
    ///
    /// The caller has established nothing: every byte may be an attacker's. The caller must still appraise the claims,
    /// and must know why the report is of a device that belongs to the CPU in question. Without a nonce the report may
    /// be of any time, and the claims say so.
    ///
    /// # Errors
    /// The first reason against, every check that ran and those that did not, and what the report claims.
    pub fn verify(
        &self,
        entry: &GpuEntry,
        nonce: Option<&[u8; 32]>,
        now: UnixTime,
    ) -> Result<Verified<GpuClaims>, Box<Refusal<GpuError, GpuClaims>>> {
        let mut case = Case::new(|missing| GpuError::Undecided { missing });
        let presented = Presented::read(&entry.chain);

        // 1 to 4. Everything that costs no signature.
        let Some(device) = self.examine(&mut case, entry, &presented, nonce, now) else {
            endorsed::not_reached(&mut case, &self.endorsements);
            return case.refuse().map_err(Box::new);
        };

        // 5. The signatures, from the root down; after the first that does not verify there is no more work.
        let genuine = device.signatures(&mut case, &self.signatures);

        // 6. What NVIDIA says of such a device beside: reference values, revocation, and its service's opinion.
        let claims = if genuine {
            let endorsed = Endorsed::examine(&mut case, self, &[&device], nonce, now);
            let compared = device.compare_with(&mut case, &endorsed.rims);
            device.claims(compared, &endorsed)
        } else {
            endorsed::not_reached(&mut case, &self.endorsements);
            device.claims(Vec::new(), &Arc::default())
        };
        let whole = claims.identity.is_some();
        case.conclude(claims, whole).map_err(Box::new)
    }

    pub(super) fn examine(
        &self,
        case: &mut Case,
        entry: &GpuEntry,
        presented: &Presented,
        nonce: Option<&[u8; 32]>,
        now: UnixTime,
    ) -> Option<Device> {
        // 1. The bytes are one report of this kind of device.
        let report = device::decode(case, entry)?;

        // 2. It answers this verifier, when the verifier asked.
        let challenge = device::challenge(case, &report, nonce);

        // 3. The device's certificates and their chain, to a root that is pinned, by names, rights and dates.
        let device = Device::examine(case, report, presented, &self.anchors, (challenge, now));

        // 4. What report and certificates both say: chip, firmware, a switch's own number.
        device.compare(case);
        Some(device)
    }
}

/// Every check of such a device that has no row yet is said to be missing.
pub(super) fn stopped(case: &mut Case, class: GpuClass) {
    case.stopped_before(NEEDED);
    if class == GpuClass::Ls10 {
        case.stopped_before(NEEDED_SWITCH);
    }
}
