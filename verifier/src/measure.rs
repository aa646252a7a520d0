//! What a guest measures to before it runs: launch digests, computed from the files that it starts from.
//!
//! The arithmetic is the `sev` crate's. Its parser of firmware slices without looking, so every length and offset that
//! it would follow is checked here first ([`Firmware::decode`]). Of the programs that start guests only QEMU is measured for:
//! about the first registers of Amazon's guests `sev` 8.0.0 and `sev-snp-measure` 0.0.13 disagree (RDX is 0 or 0x600), and
//! `sev` gives libkrun's first vCPU the registers of the others.

mod firmware;

use std::path::PathBuf;

use sev::{
    error::MeasurementError,
    measurement::{
        snp::{SnpMeasurementArgs, snp_calc_launch_digest},
        vcpu_types::CpuType,
        vmsa::{GuestFeatures, VMMType},
    },
};

pub use firmware::{Firmware, FirmwareError, LARGEST_FIRMWARE};

/// The most vCPUs that one guest can have: KVM's limit.
pub const MOST_VCPUS: u32 = 4096;

/// A processor that a guest is shown, by the name that QEMU gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VcpuType(CpuType);

/// The names of QEMU's processors, as QEMU spells them.
pub const VCPU_TYPES: &[&str] = &[
    "EPYC",
    "EPYC-v1",
    "EPYC-v2",
    "EPYC-IBPB",
    "EPYC-v3",
    "EPYC-v4",
    "EPYC-Rome",
    "EPYC-Rome-v1",
    "EPYC-Rome-v2",
    "EPYC-Rome-v3",
    "EPYC-Milan",
    "EPYC-Milan-v1",
    "EPYC-Milan-v2",
    "EPYC-Genoa",
    "EPYC-Genoa-v1",
    "EPYC-Turin",
    "EPYC-Turin-v1",
    "EPYC-Turin-v2",
];

impl VcpuType {
    /// By QEMU's name, in whatever case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        CpuType::try_from(name).ok().map(Self)
    }

    /// By its signature, CPUID Fn0000_0001_EAX; `None` where QEMU has no such processor.
    #[must_use]
    pub fn by_signature(signature: u32) -> Option<Self> {
        CpuType::try_from(i32::try_from(signature).ok()?).ok().map(Self)
    }

    /// QEMU's name.
    #[must_use]
    pub fn name(self) -> String {
        self.0.to_string()
    }
}

/// CPUID Fn0000_0001_EAX (AMD 25481): family and model with their extensions put together.
#[must_use]
pub fn vcpu_signature(family: u8, model: u8, stepping: u8) -> u32 {
    let family = u32::from(family);
    let (base, extended) = (family.min(0xf), family.saturating_sub(0xf));
    let (model, stepping) = (u32::from(model), u32::from(stepping & 0xf));
    (extended << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 0xf) << 4) | stepping
}

/// Kernel, initial file system and command line, started without a boot loader; the firmware holds their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectBoot {
    /// The kernel's file.
    pub kernel: PathBuf,
    /// The initial file system's file.
    pub initrd: Option<PathBuf>,
    /// The command line; without white space around it, which `sev` would cut off and QEMU would not.
    pub append: Option<String>,
}

/// One guest, as QEMU starts it.
#[derive(Clone, Debug, PartialEq)]
pub struct SnpLaunch {
    /// The firmware's file: [`Firmware::decode`] accepted its bytes, and it does not change meanwhile.
    pub firmware: PathBuf,
    /// What it starts directly, where [`Firmware::takes_hashes`] said that it can.
    pub direct: Option<DirectBoot>,
    /// How many vCPUs, from 1 to [`MOST_VCPUS`].
    pub vcpus: u32,
    /// Which processor they are.
    pub vcpu_type: VcpuType,
    /// SEV_FEATURES of the save area.
    pub guest_features: u64,
}

impl SnpLaunch {
    /// The digest that the firmware of the machine will put into MEASUREMENT (ABI 56860 §8.17, SNP_LAUNCH_UPDATE).
    ///
    /// The caller has established what the fields' descriptions say. The files are opened by `sev`.
    ///
    /// # Errors
    /// Where `sev` cannot read a file, or finds something missing in the firmware.
    pub fn digest(&self) -> Result<[u8; 48], MeasurementError> {
        let direct = self.direct.as_ref();
        let digest = snp_calc_launch_digest(SnpMeasurementArgs {
            vcpus: self.vcpus,
            vcpu_type: self.vcpu_type.0,
            ovmf_file: self.firmware.clone(),
            guest_features: GuestFeatures(self.guest_features),
            kernel_file: direct.map(|direct| direct.kernel.clone()),
            initrd_file: direct.and_then(|direct| direct.initrd.clone()),
            append: direct.and_then(|direct| direct.append.as_deref()),
            ovmf_hash_str: None,
            vmm_type: Some(VMMType::QEMU),
        })?;
        let bytes: Vec<u8> = digest.try_into()?;
        Ok(<[u8; 48]>::try_from(bytes.as_slice())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_processor_is_known_and_keeps_its_name() {
        for name in VCPU_TYPES {
            assert_eq!(VcpuType::by_name(name).map(VcpuType::name).as_deref(), Some(*name));
        }
        assert_eq!(VcpuType::by_name("EPYC-Naples"), None);
    }

    #[test]
    fn a_signature_names_a_processor_by_family_model_and_stepping() {
        let named = |family, model, stepping| {
            VcpuType::by_signature(vcpu_signature(family, model, stepping)).map(VcpuType::name)
        };
        assert_eq!(vcpu_signature(0x19, 0x11, 0), 0x00a1_0f10);
        assert_eq!(named(25, 17, 0).as_deref(), Some("EPYC-Genoa"));
        assert_eq!(named(23, 49, 0).as_deref(), Some("EPYC-Rome"));
        assert_eq!(named(6, 1, 0), None);
        assert_eq!(VcpuType::by_signature(u32::MAX), None);
    }
}
