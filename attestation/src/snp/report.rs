//! The attestation report (ABI 56860, table ATTESTATION_REPORT), every byte of it named.

use std::fmt;

use crate::reader::{ReadError, Reader};

use super::flags::{GuestPolicy, PlatformInfo, SignerInfo};
use super::tcb::{Cpuid, Tcb};

/// Bytes of a report.
pub const REPORT_LENGTH: usize = 0x4a0;
/// Bytes that the signature covers, from the first.
pub const SIGNED_LENGTH: usize = 0x2a0;
/// ECDSA with P-384 and SHA-384 (ABI 56860, SIGNATURE_ALGO): the only one there is.
pub(super) const ECDSA_P384_SHA384: u32 = 1;

/// Why bytes are not a report that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not 1,184 bytes.
    #[error("a report has {REPORT_LENGTH} bytes, {found} were given")]
    Length {
        /// Bytes given.
        found: usize,
    },
    /// A version whose fields are not all known here.
    #[error("report version {found} is not supported: 2 to 5 expected")]
    Version {
        /// The version of the report.
        found: u32,
    },
}

/// Digest of the guest's initial memory and state (offset 90h).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Measurement(pub [u8; 48]);

/// What the guest asked the firmware to sign (offset 50h).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReportData(pub [u8; 64]);

/// The chip's name (offset 1A0h): 64 bytes, of which Turin and Venice use 8; zero when the host masked it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChipId(pub [u8; 64]);

impl ChipId {
    /// True when MASK_CHIP_ID was set: the report does not say which chip it is from.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.0 == [0; 64]
    }
}

macro_rules! hexadecimal {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

hexadecimal!(Measurement, ReportData, ChipId);

/// A version of the firmware (offsets 1E8h and 1ECh).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareVersion {
    /// Build number.
    pub build: u8,
    /// Minor version of the ABI.
    pub minor: u8,
    /// Major version of the ABI.
    pub major: u8,
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} build {}", self.major, self.minor, self.build)
    }
}

/// Everything a report says. Nothing of it is proven by decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Layout of the report (000h).
    pub version: u32,
    /// Security version of the guest (004h).
    pub guest_svn: u32,
    /// What the guest's owner allowed (008h).
    pub policy: GuestPolicy,
    /// The owner's name for a family of guests (010h).
    pub family_id: [u8; 16],
    /// The owner's name for an image (020h).
    pub image_id: [u8; 16],
    /// Privilege level that asked for the report (030h).
    pub vmpl: u32,
    /// How the report is signed (034h).
    pub signature_algorithm: u32,
    /// What runs now (038h).
    pub current_tcb: Tcb,
    /// How the machine is set up (040h).
    pub platform_info: PlatformInfo,
    /// With which key it is signed (048h).
    pub signer: SignerInfo,
    /// The guest's own 64 bytes (050h).
    pub report_data: ReportData,
    /// Digest of the launch (090h).
    pub measurement: Measurement,
    /// The host's own bytes (0C0h).
    pub host_data: [u8; 32],
    /// Digest of the key that signed the ID block (0E0h).
    pub id_key_digest: [u8; 48],
    /// Digest of the key that certified that key (110h); counts only with `signer.author_key_en()`.
    pub author_key_digest: [u8; 48],
    /// This guest's name (140h).
    pub report_id: [u8; 32],
    /// Its migration agent's name (160h); all ones without one.
    pub report_id_ma: [u8; 32],
    /// What the VCEK or VLEK that signed was derived for (180h).
    pub reported_tcb: Tcb,
    /// The processor (188h), from version 3.
    pub cpuid: Option<Cpuid>,
    /// The chip (1A0h).
    pub chip_id: ChipId,
    /// What the firmware will not go below (1E0h).
    pub committed_tcb: Tcb,
    /// Firmware that runs now (1E8h).
    pub current_version: FirmwareVersion,
    /// Firmware that was committed (1ECh).
    pub committed_version: FirmwareVersion,
    /// What ran when the guest was launched or imported (1F0h).
    pub launch_tcb: Tcb,
    /// Mitigations that were verified at launch (1F8h), from version 5.
    pub launch_mitigations: Option<u64>,
    /// Mitigations that are verified now (200h), from version 5.
    pub current_mitigations: Option<u64>,
    /// Offsets of the signed bytes that are reserved and not zero: what they mean is not known.
    pub reserved_set: Vec<u16>,
}

impl Report {
    /// Names the bytes of one report of version 2 to 5. Version 4 has the fields of version 3; what is new in it is that
    /// a TCB's bytes depend on the processor.
    ///
    /// # Errors
    /// Another length or version. No value of any other field is refused here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let length = DecodeError::Length { found: bytes.len() };
        let Some(signed) = bytes.get(..SIGNED_LENGTH).filter(|_| bytes.len() == REPORT_LENGTH)
        else {
            return Err(length);
        };
        let version = Reader::new(signed).u32_le("VERSION").map_err(|_| length)?;
        if !(2..=5).contains(&version) {
            return Err(DecodeError::Version { found: version });
        }
        decode_signed(signed, version).map_err(|_| length)
    }
}

/// One flat list in the order of the specification.
fn decode_signed(signed: &[u8], version: u32) -> Result<Report, ReadError> {
    let mut reader = Reader::new(signed);
    let r = &mut reader;
    let mut reserved_set = Vec::new();
    let mut report = Report {
        version: r.u32_le("VERSION")?,
        guest_svn: r.u32_le("GUEST_SVN")?,
        policy: GuestPolicy(r.u64_le("POLICY")?),
        family_id: r.array("FAMILY_ID")?,
        image_id: r.array("IMAGE_ID")?,
        vmpl: r.u32_le("VMPL")?,
        signature_algorithm: r.u32_le("SIGNATURE_ALGO")?,
        current_tcb: Tcb(r.array("CURRENT_TCB")?),
        platform_info: PlatformInfo(r.u64_le("PLATFORM_INFO")?),
        signer: SignerInfo(r.u32_le("KEY_INFO")?),
        report_data: {
            reserved(r, 4, &mut reserved_set)?;
            ReportData(r.array("REPORT_DATA")?)
        },
        measurement: Measurement(r.array("MEASUREMENT")?),
        host_data: r.array("HOST_DATA")?,
        id_key_digest: r.array("ID_KEY_DIGEST")?,
        author_key_digest: r.array("AUTHOR_KEY_DIGEST")?,
        report_id: r.array("REPORT_ID")?,
        report_id_ma: r.array("REPORT_ID_MA")?,
        reported_tcb: Tcb(r.array("REPORTED_TCB")?),
        cpuid: cpuid(r, version, &mut reserved_set)?,
        chip_id: ChipId(r.array("CHIP_ID")?),
        committed_tcb: Tcb(r.array("COMMITTED_TCB")?),
        current_version: firmware(r, &mut reserved_set)?,
        committed_version: firmware(r, &mut reserved_set)?,
        launch_tcb: Tcb(r.array("LAUNCH_TCB")?),
        launch_mitigations: None,
        current_mitigations: None,
        reserved_set: Vec::new(),
    };
    if version >= 5 {
        report.launch_mitigations = Some(r.u64_le("LAUNCH_MIT_VECTOR")?);
        report.current_mitigations = Some(r.u64_le("CURRENT_MIT_VECTOR")?);
    }
    let left = r.left();
    reserved(r, left, &mut reserved_set)?;
    report.reserved_set = reserved_set;
    Ok(report)
}

/// Offsets 188h to 19Fh: reserved in version 2.
fn cpuid(
    r: &mut Reader<'_>,
    version: u32,
    reserved_set: &mut Vec<u16>,
) -> Result<Option<Cpuid>, ReadError> {
    if version < 3 {
        reserved(r, 24, reserved_set)?;
        return Ok(None);
    }
    let cpuid = Cpuid {
        family: r.u8("CPUID_FAM_ID")?,
        model: r.u8("CPUID_MOD_ID")?,
        stepping: r.u8("CPUID_STEP")?,
    };
    reserved(r, 21, reserved_set)?;
    Ok(Some(cpuid))
}

fn firmware(r: &mut Reader<'_>, reserved_set: &mut Vec<u16>) -> Result<FirmwareVersion, ReadError> {
    let version =
        FirmwareVersion { build: r.u8("BUILD")?, minor: r.u8("MINOR")?, major: r.u8("MAJOR")? };
    reserved(r, 1, reserved_set)?;
    Ok(version)
}

/// Reserved bytes are read too, and those that say something are remembered.
fn reserved(
    r: &mut Reader<'_>,
    length: usize,
    reserved_set: &mut Vec<u16>,
) -> Result<(), ReadError> {
    let first = r.offset();
    for (index, byte) in r.bytes("reserved", length)?.iter().enumerate() {
        if *byte != 0 {
            reserved_set.push(u16::try_from(first.saturating_add(index)).unwrap_or(u16::MAX));
        }
    }
    Ok(())
}

/// The signature field (ABI 56860, table ECDSA_P384_SHA384 signature): R and S of 72 bytes each, least significant
/// byte first, then zeros. Returns R and S, most significant byte first, as ring takes them.
///
/// `None` when a byte is set that no signature on P-384 needs: it would be a second encoding of the same report.
pub(super) fn signature(report: &[u8]) -> Option<[u8; 96]> {
    let mut reader = Reader::new(report.get(SIGNED_LENGTH..)?);
    let r: [u8; 48] = reader.array("R").ok()?;
    let r_high: [u8; 24] = reader.array("R high").ok()?;
    let s: [u8; 48] = reader.array("S").ok()?;
    let s_high: [u8; 24] = reader.array("S high").ok()?;
    let left = reader.left();
    let rest = reader.bytes("reserved", left).ok()?;
    if r_high.iter().chain(&s_high).chain(rest).any(|byte| *byte != 0) {
        return None;
    }
    let mut fixed = [0; 96];
    for (to, from) in fixed.iter_mut().zip(r.iter().rev().chain(s.iter().rev())) {
        *to = *from;
    }
    Some(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(version: u32) -> Vec<u8> {
        let mut bytes = vec![0; REPORT_LENGTH];
        bytes[..4].copy_from_slice(&version.to_le_bytes());
        bytes
    }

    #[test]
    fn refuses_other_lengths_and_versions_by_name() {
        let mut bytes = blank(2);
        bytes.push(0);
        assert_eq!(Report::decode(&bytes), Err(DecodeError::Length { found: 0x4a1 }));
        assert_eq!(Report::decode(&bytes[..0x49f]), Err(DecodeError::Length { found: 0x49f }));
        for version in [0, 1, 6, 0x0200_0000] {
            assert_eq!(
                Report::decode(&blank(version)),
                Err(DecodeError::Version { found: version })
            );
        }
    }

    #[test]
    fn later_fields_are_reserved_in_earlier_versions() {
        let mut bytes = blank(2);
        bytes[0x188..0x18b].copy_from_slice(&[0x19, 0x11, 1]);
        bytes[0x1f8] = 7;
        let report = Report::decode(&bytes).unwrap();
        assert_eq!((report.cpuid, report.launch_mitigations), (None, None));
        assert_eq!(report.reserved_set, [0x188, 0x189, 0x18a, 0x1f8]);
        bytes[0] = 4;
        let report = Report::decode(&bytes).unwrap();
        assert_eq!((report.cpuid.is_some(), report.launch_mitigations), (true, None));
        assert_eq!(report.reserved_set, [0x1f8]);
        bytes[0] = 5;
        let report = Report::decode(&bytes).unwrap();
        assert_eq!(report.cpuid, Some(Cpuid { family: 0x19, model: 0x11, stepping: 1 }));
        assert_eq!((report.launch_mitigations, report.reserved_set), (Some(7), Vec::new()));
    }

    #[test]
    fn a_signature_has_one_encoding() {
        let mut bytes = blank(2);
        bytes[0x2a0] = 1;
        bytes[0x2e8] = 2;
        let fixed = signature(&bytes).unwrap();
        assert_eq!((fixed[47], fixed[95]), (1, 2));
        for offset in [0x2a0 + 48, 0x2a0 + 71, 0x2a0 + 72 + 48, 0x2a0 + 144, 0x49f] {
            let mut changed = bytes.clone();
            changed[offset] = 1;
            assert_eq!(signature(&changed), None, "offset {offset:#x}");
        }
    }
}
