//! What NVML reads and writes, as its header `nvml.h` lays it out.

/// Bytes for a report.
pub(super) const REPORT: usize = 0x2000;
/// Bytes for the certificates above the key that signs reports.
pub(super) const CHAIN: usize = 0x1400;

/// `nvmlSystemConfComputeSettings_v1_t`: the mode of all GPUs together.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The caller's: [`Settings::VERSION`].
    pub(super) version: u32,
    /// 0 none, 1 simulation, 2 production.
    pub(super) environment: u32,
    /// 1 when a GPU keeps everybody else out.
    pub(super) feature: u32,
    /// 1 in the mode for developers, which keeps nobody out.
    pub(super) developer: u32,
    /// 0 each GPU for itself, 1 protected PCIe, 2 encrypted NVLink.
    pub(super) several: u32,
}

impl Settings {
    /// Size and number of this layout, as the header's `NVML_STRUCT_VERSION` packs them.
    pub(super) const VERSION: u32 = size_of::<Self>() as u32 | 1 << 24;

    pub(super) const fn asked() -> Self {
        Self { version: Self::VERSION, environment: 0, feature: 0, developer: 0, several: 0 }
    }
}

/// `nvmlConfComputeGpuCertificate_t`.
#[repr(C)]
pub(super) struct Certificates {
    /// Bytes in `identity`.
    pub(super) identity_size: u32,
    /// Bytes in `attestation`.
    pub(super) attestation_size: u32,
    /// The chain above the device's own key. Not used: the other one holds it too.
    pub(super) identity: [u8; 0x1000],
    /// The chain above the key that signs reports, in PEM.
    pub(super) attestation: [u8; CHAIN],
}

impl Certificates {
    pub(super) const fn asked() -> Self {
        let (identity, attestation) = ([0; 0x1000], [0; CHAIN]);
        Self { identity_size: 0, attestation_size: 0, identity, attestation }
    }
}

/// `nvmlConfComputeGpuAttestationReport_t`.
#[repr(C)]
pub(super) struct Report {
    /// Whether there is a report of a second chip beside. Such reports are not used.
    pub(super) second: u32,
    /// Bytes in `report`.
    pub(super) size: u32,
    /// Bytes in `second_report`.
    pub(super) second_size: u32,
    /// The caller's: what is to be signed.
    pub(super) nonce: [u8; 32],
    /// SPDM: request and response.
    pub(super) report: [u8; REPORT],
    /// The second chip's.
    pub(super) second_report: [u8; 0x1000],
}

impl Report {
    pub(super) const fn asked(nonce: [u8; 32]) -> Self {
        let (report, second_report) = ([0; REPORT], [0; 0x1000]);
        Self { second: 0, size: 0, second_size: 0, nonce, report, second_report }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// As a driver 580.159.04 takes and fills them.
    #[test]
    fn every_layout_is_the_headers() {
        assert_eq!((size_of::<Settings>(), Settings::VERSION), (20, 0x0100_0014));
        assert_eq!(offset_of!(Settings, several), 16);
        assert_eq!(size_of::<Certificates>(), 8 + 0x1000 + 0x1400);
        assert_eq!(offset_of!(Certificates, attestation_size), 4);
        assert_eq!(offset_of!(Certificates, attestation), 8 + 0x1000);
        assert_eq!(size_of::<Report>(), 12 + 32 + 0x2000 + 0x1000);
        assert_eq!((offset_of!(Report, size), offset_of!(Report, nonce)), (4, 12));
        assert_eq!(offset_of!(Report, report), 44);
    }
}
