//! What a quote is about: a trust domain's report, or an SGX enclave's.

use std::fmt;

use crate::reader::{ReadError, Reader};

use super::flags::{TdAttributes, Xfam};

/// Bytes of an SGX REPORTBODY (Intel SDM volume 3D, "REPORT").
pub const ENCLAVE_REPORT_LENGTH: usize = 384;
/// Bytes of a TD report of TDX 1.0 (Intel TDX DCAP Quoting Library API, appendix A.3.2).
pub const TD10_LENGTH: usize = 584;
/// Bytes of a TD report of TDX 1.5.
pub const TD15_LENGTH: usize = 648;
/// Bytes of an extended TD report of TDX 1.5.
pub const TD15EX_LENGTH: usize = 885;

/// A SHA-384 measurement of TDX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Measurement(pub [u8; 48]);

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// TEE_TCB_SVN: sixteen versions; byte 0 is the module's own, byte 1 its major version, byte 2 the loader's microcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeeTcbSvn(pub [u8; 16]);

impl TeeTcbSvn {
    /// The module's security version.
    #[must_use]
    pub const fn module_svn(self) -> u8 {
        let [svn, ..] = self.0;
        svn
    }

    /// The module's major version; from 1 on it names a module identity.
    #[must_use]
    pub const fn module_version(self) -> u8 {
        let [_, version, ..] = self.0;
        version
    }
}

impl fmt::Display for TeeTcbSvn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A TD report. Field names are those of the TDX module specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdReport {
    /// TEE_TCB_SVN: the TCB when the TD was launched.
    pub tee_tcb_svn: TeeTcbSvn,
    /// MRSEAM: the TDX module.
    pub mr_seam: Measurement,
    /// MRSIGNERSEAM: who signed the module; zero for Intel.
    pub mr_signer_seam: Measurement,
    /// SEAMATTRIBUTES.
    pub seam_attributes: [u8; 8],
    /// ATTRIBUTES of the TD.
    pub attributes: TdAttributes,
    /// XFAM: which processor state the TD may use.
    pub xfam: Xfam,
    /// MRTD: what the TD was built from.
    pub mr_td: Measurement,
    /// MRCONFIGID.
    pub mr_config_id: Measurement,
    /// MROWNER.
    pub mr_owner: Measurement,
    /// MROWNERCONFIG.
    pub mr_owner_config: Measurement,
    /// RTMR0 to RTMR3: what was measured while it ran.
    pub rtmr: [Measurement; 4],
    /// REPORTDATA.
    pub report_data: [u8; 64],
    /// What TDX 1.5 adds.
    pub td15: Option<Td15>,
}

/// What a report of TDX 1.5 adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Td15 {
    /// TEE_TCB_SVN2: the TCB now, after updates that keep the TD running.
    pub tee_tcb_svn2: TeeTcbSvn,
    /// MRSERVICETD: service TDs bound at launch; zero for none.
    pub mr_service_td: Measurement,
    /// What an extended report adds.
    pub extended: Option<Td15Extended>,
}

/// What an extended report of TDX 1.5 adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Td15Extended {
    /// Which VM inside a partitioned TD asked; 0 for the TD itself.
    pub vm_id: u8,
    /// A name of this launch.
    pub td_id: [u8; 32],
    /// Hash of the bound devices' information.
    pub device_info: Measurement,
    /// Hash of the service TDs bound at creation.
    pub initial_service_td: Measurement,
    /// Attributes of the service TD bound at creation.
    pub initial_service_td_attributes: [u8; 8],
    /// CPUSVN at creation.
    pub initial_cpu_svn: [u8; 16],
    /// TEE_TCB_SVN at creation.
    pub initial_tee_tcb_svn: TeeTcbSvn,
    /// The platform's model at creation.
    pub initial_fmspc: [u8; 12],
    /// Hash of the service TDs that are bound now.
    pub current_service_td: Measurement,
    /// Attributes of the service TD that is bound now.
    pub current_service_td_attributes: [u8; 8],
}

/// An SGX REPORTBODY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnclaveReport {
    /// CPUSVN.
    pub cpu_svn: [u8; 16],
    /// MISCSELECT.
    pub misc_select: [u8; 4],
    /// ISVEXTPRODID.
    pub isv_ext_prod_id: [u8; 16],
    /// ATTRIBUTES: flags and XFRM.
    pub attributes: [u8; 16],
    /// MRENCLAVE.
    pub mr_enclave: [u8; 32],
    /// MRSIGNER.
    pub mr_signer: [u8; 32],
    /// CONFIGID.
    pub config_id: [u8; 64],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// ISVSVN.
    pub isv_svn: u16,
    /// CONFIGSVN.
    pub config_svn: u16,
    /// ISVFAMILYID.
    pub isv_family_id: [u8; 16],
    /// REPORTDATA.
    pub report_data: [u8; 64],
    /// True when a reserved byte is set.
    pub reserved_set: bool,
}

impl EnclaveReport {
    /// ATTRIBUTES.DEBUG: the host may read and write the enclave.
    #[must_use]
    pub const fn debug(&self) -> bool {
        let [flags, ..] = self.attributes;
        flags & 2 != 0
    }

    /// Reads exactly 384 bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes);
        let cpu_svn = reader.array("CPUSVN")?;
        let misc_select = reader.array("MISCSELECT")?;
        let reserved = reader.array::<12>("reserved bytes")?;
        let mut report = Self {
            cpu_svn,
            misc_select,
            isv_ext_prod_id: reader.array("ISVEXTPRODID")?,
            attributes: reader.array("ATTRIBUTES")?,
            mr_enclave: reader.array("MRENCLAVE")?,
            mr_signer: [0; 32],
            config_id: [0; 64],
            isv_prod_id: 0,
            isv_svn: 0,
            config_svn: 0,
            isv_family_id: [0; 16],
            report_data: [0; 64],
            reserved_set: reserved != [0; 12],
        };
        report.reserved_set |= reader.array::<32>("reserved bytes")? != [0; 32];
        report.mr_signer = reader.array("MRSIGNER")?;
        report.reserved_set |= reader.array::<32>("reserved bytes")? != [0; 32];
        report.config_id = reader.array("CONFIGID")?;
        report.isv_prod_id = reader.u16_le("ISVPRODID")?;
        report.isv_svn = reader.u16_le("ISVSVN")?;
        report.config_svn = reader.u16_le("CONFIGSVN")?;
        report.reserved_set |= reader.array::<42>("reserved bytes")? != [0; 42];
        report.isv_family_id = reader.array("ISVFAMILYID")?;
        report.report_data = reader.array("REPORTDATA")?;
        reader.finish()?;
        Ok(report)
    }
}

/// What a quote is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A trust domain.
    Td(Box<TdReport>),
    /// An SGX enclave.
    Enclave(Box<EnclaveReport>),
}

impl Body {
    /// The 64 bytes that the guest chose.
    #[must_use]
    pub fn report_data(&self) -> &[u8; 64] {
        match self {
            Self::Td(report) => &report.report_data,
            Self::Enclave(report) => &report.report_data,
        }
    }

    /// The trust domain's report.
    #[must_use]
    pub fn td(&self) -> Option<&TdReport> {
        match self {
            Self::Td(report) => Some(report),
            Self::Enclave(_) => None,
        }
    }
}

fn measurement(reader: &mut Reader<'_>, field: &'static str) -> Result<Measurement, ReadError> {
    reader.array(field).map(Measurement)
}

impl TdReport {
    /// Reads exactly the bytes of one of the three layouts, told apart by their length.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes);
        let mut report = Self::decode_td10(&mut reader)?;
        if bytes.len() > TD10_LENGTH {
            let tee_tcb_svn2 = reader.array("TEE_TCB_SVN2").map(TeeTcbSvn)?;
            let mr_service_td = measurement(&mut reader, "MRSERVICETD")?;
            let extended = match bytes.len() {
                TD15_LENGTH => None,
                _ => Some(Td15Extended::decode(&mut reader)?),
            };
            report.td15 = Some(Td15 { tee_tcb_svn2, mr_service_td, extended });
        }
        reader.finish()?;
        Ok(report)
    }

    fn decode_td10(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            tee_tcb_svn: reader.array("TEE_TCB_SVN").map(TeeTcbSvn)?,
            mr_seam: measurement(reader, "MRSEAM")?,
            mr_signer_seam: measurement(reader, "MRSIGNERSEAM")?,
            seam_attributes: reader.array("SEAMATTRIBUTES")?,
            attributes: reader.u64_le("TDATTRIBUTES").map(TdAttributes)?,
            xfam: reader.u64_le("XFAM").map(Xfam)?,
            mr_td: measurement(reader, "MRTD")?,
            mr_config_id: measurement(reader, "MRCONFIGID")?,
            mr_owner: measurement(reader, "MROWNER")?,
            mr_owner_config: measurement(reader, "MROWNERCONFIG")?,
            rtmr: [
                measurement(reader, "RTMR0")?,
                measurement(reader, "RTMR1")?,
                measurement(reader, "RTMR2")?,
                measurement(reader, "RTMR3")?,
            ],
            report_data: reader.array("REPORTDATA")?,
            td15: None,
        })
    }
}

impl Td15Extended {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            vm_id: reader.u8("VMID")?,
            td_id: reader.array("TD_ID")?,
            device_info: measurement(reader, "DEV_INFO")?,
            initial_service_td: measurement(reader, "INIT_SERVTD_HASH")?,
            initial_service_td_attributes: reader.array("INIT_SERVTD_ATTR")?,
            initial_cpu_svn: reader.array("INIT_CPUSVN")?,
            initial_tee_tcb_svn: reader.array("INIT_TEE_TCB_SVN").map(TeeTcbSvn)?,
            initial_fmspc: reader.array("INIT_TEE_FMSPC")?,
            current_service_td: measurement(reader, "CUR_SERVTD_HASH")?,
            current_service_td_attributes: reader.array("CUR_SERVTD_ATTR")?,
        })
    }
}
