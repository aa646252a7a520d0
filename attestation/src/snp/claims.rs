//! What genuine evidence of SEV-SNP says.

use std::sync::Arc;

use crate::claims::Dated;
use crate::time::Window;
use crate::transcript::Transcript;
use crate::x509::Certificate;

use super::report::{Report, SIGNED_LENGTH};
use super::tcb::{Generation, Tcb};
use super::vek::VekKind;

/// The label and the kind of evidence ids (wire specification, section 3).
const EVIDENCE_LABEL: &str = "sealroom/1 evidence";
const EVIDENCE_KIND_SNP: u8 = 1;

/// What a report and its endorsements say. Proven only inside [`crate::Verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpClaims {
    /// Every field of the report.
    pub report: Report,
    /// The product by the root of the chain. Always there in verified claims; in a refusal only when a root was found.
    pub generation: Option<Generation>,
    /// The key that signed. Always there in verified claims; in a refusal only when its certificate was readable.
    pub vek: Option<VekClaims>,
    /// From the key's certificate up to the root, as far as they were found. Of a refusal any of them may be anybody's.
    pub chain: Vec<Arc<Certificate>>,
    /// The revocation lists.
    pub lists: Vec<Dated>,
    /// When all of it counts: the certificates' windows and the revocation lists' together.
    pub validity: Window,
    /// Whether revocation lists were there.
    pub revocation: Revocation,
    /// True when a simulated root anchors the chain: then nothing is known about any hardware.
    pub simulated: bool,
}

/// Whether anyone looked for revoked keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Lists were given, and they count.
    Checked,
    /// No list was given.
    NotGiven,
}

/// The certificate of the key that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VekClaims {
    /// By its common name.
    pub kind: VekKind,
    /// As `Milan-B0` or `Genoa`.
    pub product_name: String,
    /// The chip it was derived for: always in a VCEK, never in a VLEK. Better evidence than CHIP_ID, which the
    /// host can mask.
    pub hwid: Option<Vec<u8>>,
    /// The cloud provider it was given to, in a VLEK.
    pub csp_id: Option<String>,
    /// The TCB it was derived for, when the generation is known and the extensions fit it.
    pub tcb: Option<Tcb>,
    /// Serial number without leading zeros; empty for zero, which AMD gives to every such key.
    pub serial: Vec<u8>,
    /// When the certificate counts.
    pub validity: Window,
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// The evidence's name: over the signed bytes and the key, so that no byte that nobody signed can change it.
    pub evidence_id: [u8; 32],
}

/// Which chip, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chip<'a> {
    /// The VCEK's: only this chip can have signed.
    Bound(&'a [u8]),
    /// The report's own word, signed by a VLEK that many chips share.
    Stated(&'a [u8]),
    /// Not said.
    Unknown,
}

impl SnpClaims {
    /// The name of this evidence. Always there in verified claims.
    #[must_use]
    pub fn evidence_id(&self) -> Option<[u8; 32]> {
        self.vek.as_ref().map(|vek| vek.evidence_id)
    }

    /// Which chip the report is from.
    #[must_use]
    pub fn chip(&self) -> Chip<'_> {
        if let Some(hwid) = self.vek.as_ref().and_then(|vek| vek.hwid.as_deref()) {
            return Chip::Bound(hwid);
        }
        let length = self.generation.map_or(64, Generation::hwid_length);
        match self.report.chip_id.0.get(..length) {
            Some(stated) if !self.report.chip_id.is_masked() => Chip::Stated(stated),
            _ => Chip::Unknown,
        }
    }
}

/// `H("sealroom/1 evidence", u8(1), report[0..0x2A0], SHA-256 of the VEK's SPKI)`. The report was decoded before.
pub(super) fn evidence_id(report: &[u8], spki_sha256: &[u8; 32]) -> [u8; 32] {
    let signed = report.get(..SIGNED_LENGTH).unwrap_or(report);
    Transcript::new(EVIDENCE_LABEL)
        .part(&[EVIDENCE_KIND_SNP])
        .part(signed)
        .part(spki_sha256)
        .sha256()
}
