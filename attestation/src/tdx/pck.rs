//! The certificate of the key that certifies quoting enclaves, with Intel's SGX extensions (Intel SGX PCK Certificate
//! and CRL Profile Specification, section 1.3.5).

use crate::reader::Reader;
use crate::x509::Certificate;
use crate::x509::der::{self, Element, SEQUENCE};

/// The extension that holds all others.
pub(super) const SGX_EXTENSIONS: &str = "1.2.840.113741.1.13.1";
/// Its OID as encoded; every name inside begins with it.
const ARC: &[u8] = b"\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01";
const BOOLEAN: u8 = 1;
const INTEGER: u8 = 2;
const OCTET_STRING: u8 = 4;
const OBJECT: u8 = 6;
const ENUMERATED: u8 = 10;

/// Why a certificate's extensions are not those of a PCK certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// A value that every such certificate has.
    #[error("SGX extension {field} is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// Not the type or the length that the specification gives.
    #[error("SGX extension {field} is not encoded as the specification says")]
    Encoding {
        /// Which.
        field: &'static str,
    },
    /// It appears twice.
    #[error("SGX extension {field} appears twice")]
    Duplicate {
        /// Which.
        field: &'static str,
    },
    /// Under Intel's arc, and not known.
    #[error("an SGX extension is not known: {oid}")]
    Unknown {
        /// Its encoded name, in hexadecimal.
        oid: String,
    },
}

/// FMSPC: the platform's model, by which TCB information is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fmspc(pub [u8; 6]);

/// Whether memory is protected against replay (specification, "SGX Type").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SgxType {
    /// Encrypted with integrity tree.
    Standard,
    /// Encrypted.
    Scalable,
    /// Encrypted, with integrity.
    ScalableWithIntegrity,
}

/// What a platform that registers with Intel says of its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Packages can be added while it is in use; none said.
    pub dynamic_platform: Option<bool>,
    /// Intel keeps the platform's root keys.
    pub cached_keys: Option<bool>,
    /// Simultaneous multithreading is on.
    pub smt: Option<bool>,
}

/// What Intel's extensions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckExtensions {
    /// PPID: the platform.
    pub ppid: [u8; 16],
    /// SGX TCB component versions 1 to 16.
    pub components: [u8; 16],
    /// PCESVN.
    pub pce_svn: u16,
    /// CPUSVN, raw.
    pub cpu_svn: [u8; 16],
    /// PCE-ID.
    pub pce_id: [u8; 2],
    /// FMSPC.
    pub fmspc: Fmspc,
    /// SGX type.
    pub sgx_type: SgxType,
    /// PIID: this instance of the platform, in certificates of the Platform CA.
    pub platform_instance_id: Option<[u8; 16]>,
    /// Configuration, in certificates of the Platform CA.
    pub configuration: Configuration,
}

/// Values as they are found, each at most once.
#[derive(Default)]
struct Found {
    ppid: Option<[u8; 16]>,
    components: [Option<u8>; 16],
    pce_svn: Option<u16>,
    cpu_svn: Option<[u8; 16]>,
    pce_id: Option<[u8; 2]>,
    fmspc: Option<[u8; 6]>,
    sgx_type: Option<SgxType>,
    platform_instance_id: Option<[u8; 16]>,
    configuration: Configuration,
}

impl PckExtensions {
    /// Reads them all; one that is not known is refused.
    pub(super) fn decode(certificate: &Certificate) -> Result<Self, ExtensionError> {
        let missing = |field| ExtensionError::Missing { field };
        let extension = certificate.extension(SGX_EXTENSIONS).ok_or(missing("list"))?;
        let mut found = Found::default();
        let mut reader = Reader::new(&extension.value);
        let all = element(&mut reader, SEQUENCE, "list")?;
        finish(reader, "list")?;
        each(all.content, "list", &mut |oid, value| found.top(oid, value))?;
        let mut components = [0; 16];
        for (component, level) in components.iter_mut().zip(found.components) {
            *component = level.ok_or(missing("TCB component"))?;
        }
        Ok(Self {
            ppid: found.ppid.ok_or(missing("PPID"))?,
            components,
            pce_svn: found.pce_svn.ok_or(missing("PCESVN"))?,
            cpu_svn: found.cpu_svn.ok_or(missing("CPUSVN"))?,
            pce_id: found.pce_id.ok_or(missing("PCE-ID"))?,
            fmspc: Fmspc(found.fmspc.ok_or(missing("FMSPC"))?),
            sgx_type: found.sgx_type.ok_or(missing("SGX type"))?,
            platform_instance_id: found.platform_instance_id,
            configuration: found.configuration,
        })
    }
}

impl Found {
    fn top(&mut self, oid: &[u8], value: &mut Reader<'_>) -> Result<(), ExtensionError> {
        match oid {
            [1] => once(&mut self.ppid, octets(value, "PPID")?, "PPID"),
            [2] => nested(value, "TCB", &mut |oid, value| self.tcb(oid, value)),
            [3] => once(&mut self.pce_id, octets(value, "PCE-ID")?, "PCE-ID"),
            [4] => once(&mut self.fmspc, octets(value, "FMSPC")?, "FMSPC"),
            [5] => once(&mut self.sgx_type, sgx_type(value)?, "SGX type"),
            [6] => once(&mut self.platform_instance_id, octets(value, "PIID")?, "PIID"),
            [7] => nested(value, "configuration", &mut |oid, value| self.flag(oid, value)),
            _ => Err(unknown(oid)),
        }
    }

    fn tcb(&mut self, oid: &[u8], value: &mut Reader<'_>) -> Result<(), ExtensionError> {
        match oid {
            [2, 17] => once(&mut self.pce_svn, integer(value, "PCESVN")?, "PCESVN"),
            [2, 18] => once(&mut self.cpu_svn, octets(value, "CPUSVN")?, "CPUSVN"),
            [2, number] => {
                let field = "TCB component";
                let slot = number.checked_sub(1).map(usize::from);
                let slot = slot.and_then(|index| self.components.get_mut(index));
                let level = u8::try_from(integer(value, field)?);
                let level = level.map_err(|_| ExtensionError::Encoding { field })?;
                once(slot.ok_or_else(|| unknown(oid))?, level, field)
            }
            _ => Err(unknown(oid)),
        }
    }

    fn flag(&mut self, oid: &[u8], value: &mut Reader<'_>) -> Result<(), ExtensionError> {
        let Configuration { dynamic_platform, cached_keys, smt } = &mut self.configuration;
        match oid {
            [7, 1] => once(dynamic_platform, boolean(value)?, "dynamic platform"),
            [7, 2] => once(cached_keys, boolean(value)?, "cached keys"),
            [7, 3] => once(smt, boolean(value)?, "SMT enabled"),
            _ => Err(unknown(oid)),
        }
    }
}

type Entry<'f> = &'f mut dyn FnMut(&[u8], &mut Reader<'_>) -> Result<(), ExtensionError>;

/// Every `SEQUENCE { OBJECT IDENTIFIER, value }` of a list; a name is given without the arc.
fn each(list: &[u8], field: &'static str, entry: Entry<'_>) -> Result<(), ExtensionError> {
    let mut reader = Reader::new(list);
    while reader.left() > 0 {
        let item = element(&mut reader, SEQUENCE, field)?;
        let mut item = Reader::new(item.content);
        let oid = element(&mut item, OBJECT, field)?.content;
        let name = oid.strip_prefix(ARC).ok_or_else(|| unknown(oid))?;
        entry(name, &mut item)?;
        finish(item, field)?;
    }
    Ok(())
}

fn nested(
    value: &mut Reader<'_>,
    field: &'static str,
    entry: Entry<'_>,
) -> Result<(), ExtensionError> {
    let list = element(value, SEQUENCE, field)?;
    each(list.content, field, entry)
}

fn once<T>(slot: &mut Option<T>, value: T, field: &'static str) -> Result<(), ExtensionError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ExtensionError::Duplicate { field }),
    }
}

fn octets<const N: usize>(
    value: &mut Reader<'_>,
    field: &'static str,
) -> Result<[u8; N], ExtensionError> {
    let element = element(value, OCTET_STRING, field)?;
    element.content.try_into().map_err(|_| ExtensionError::Encoding { field })
}

/// INTEGER of 0 to 65535 in its shortest form.
fn integer(value: &mut Reader<'_>, field: &'static str) -> Result<u16, ExtensionError> {
    match *element(value, INTEGER, field)?.content {
        [low] if low < 0x80 => Ok(u16::from(low)),
        [0, low] if low >= 0x80 => Ok(u16::from(low)),
        [high, low] if (1..0x80).contains(&high) => Ok(u16::from_be_bytes([high, low])),
        [0, high, low] if high >= 0x80 => Ok(u16::from_be_bytes([high, low])),
        _ => Err(ExtensionError::Encoding { field }),
    }
}

fn boolean(value: &mut Reader<'_>) -> Result<bool, ExtensionError> {
    let field = "configuration";
    match element(value, BOOLEAN, field)?.content {
        [0] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(ExtensionError::Encoding { field }),
    }
}

fn sgx_type(value: &mut Reader<'_>) -> Result<SgxType, ExtensionError> {
    let field = "SGX type";
    match element(value, ENUMERATED, field)?.content {
        [0] => Ok(SgxType::Standard),
        [1] => Ok(SgxType::Scalable),
        [2] => Ok(SgxType::ScalableWithIntegrity),
        _ => Err(ExtensionError::Encoding { field }),
    }
}

fn element<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Element<'a>, ExtensionError> {
    der::element(reader, tag, field).map_err(|_| ExtensionError::Encoding { field })
}

fn finish(reader: Reader<'_>, field: &'static str) -> Result<(), ExtensionError> {
    der::finish(reader, field).map_err(|_| ExtensionError::Encoding { field })
}

fn unknown(oid: &[u8]) -> ExtensionError {
    ExtensionError::Unknown { oid: hex::encode(oid) }
}
