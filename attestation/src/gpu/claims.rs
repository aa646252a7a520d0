//! What genuine evidence of GPUs and switches says.

use std::sync::Arc;

use crate::time::{UnixTime, Window};
use crate::transcript::Transcript;
use crate::x509::Certificate;

use super::compare::Compared;
use super::endorsed::Endorsed;
use super::fields::Pdi;
use super::identity::decimal;
use super::report::Report;
use super::set::labels;

/// The label of evidence ids (wire specification, section 3). The number of GPU evidence is this project's: nobody else
/// names such evidence.
const EVIDENCE_LABEL: &str = "sealroom/1 evidence";
const EVIDENCE_KIND_GPU: u8 = 4;

/// What one device's report and certificates say. Proven only inside [`crate::Verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuClaims {
    /// Every field of the report: class, driver, VBIOS, measurements.
    pub report: Report,
    /// Who the device is. Always there in verified claims; in a refusal only when its certificates were readable.
    pub identity: Option<Identity>,
    /// From the attestation key's certificate up to the root, where they were readable. Of a refusal any of them may be
    /// anybody's.
    pub chain: Vec<Arc<Certificate>>,
    /// Whether anybody compared the nonce.
    pub challenge: Challenge,
    /// The RIMs that it was compared with, of those that were given.
    pub compared: Vec<Compared>,
    /// What was given about it and about the devices that were verified with it.
    pub endorsed: Arc<Endorsed>,
    /// The time at which it was verified.
    pub at: UnixTime,
    /// When its certificates and all that was given about it count.
    pub validity: Window,
    /// True when a simulated root anchors the chain or a RIM: then nothing is known about any hardware.
    pub simulated: bool,
}

/// Whether the report is known to answer a nonce of the verifier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A nonce was given, and the report answers it.
    Answered,
    /// No nonce was given: the report may be of any time.
    NotGiven,
}

/// Who a device is, by its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// NVIDIA's name of the hardware: the identity key's common name.
    pub model: String,
    /// Serial number of the attestation key's certificate, without leading zeros: the device's name in NVIDIA's claims.
    pub serial: Vec<u8>,
    /// The device's own number. Its neighbours know it by this.
    pub pdi: Option<Pdi>,
    /// Vendor, product and serial number, where the certificate says them.
    pub device_info: Option<String>,
    /// SHA-256 of the attestation key's SubjectPublicKeyInfo.
    pub key: [u8; 32],
}

impl Identity {
    /// UEID as NVIDIA's own claims write it.
    #[must_use]
    pub fn ueid(&self) -> String {
        decimal(&self.serial)
    }
}

impl GpuClaims {
    /// The name of this evidence that no malleable byte changes; `None` where nothing was proven about its key.
    ///
    /// `H("sealroom/1 evidence", u8(4), request and response up to the signature, SHA-256 of the key)`.
    #[must_use]
    pub fn evidence_id(&self) -> Option<[u8; 32]> {
        let identity = self.identity.as_ref()?;
        let id = Transcript::new(EVIDENCE_LABEL)
            .part(&[EVIDENCE_KIND_GPU])
            .part(self.report.signed_bytes())
            .part(&identity.key);
        Some(id.sha256())
    }
}

/// What a set of devices says that serve one node. Proven only inside [`crate::Verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuSet {
    /// Each device, in the order given. In a refusal only those whose reports could be read.
    pub devices: Vec<GpuClaims>,
    /// When all their certificates count.
    pub validity: Window,
    /// True when a simulated root anchors one of them.
    pub simulated: bool,
}

impl GpuSet {
    /// Each device under the name that its rows have: "GPU 0" and so on, "switch 0" and so on.
    pub fn named(&self) -> impl Iterator<Item = (String, &GpuClaims)> {
        labels(self.devices.iter().map(|device| device.report.class)).zip(&self.devices)
    }

    pub(super) fn new(devices: Vec<GpuClaims>) -> Self {
        let windows = devices.iter().map(|device| device.validity);
        Self {
            validity: windows.fold(Window::ALWAYS, |all, window| all.intersect(&window)),
            simulated: devices.iter().any(|device| device.simulated),
            devices,
        }
    }
}
