//! What a device says beside its measurements: fields by number, each with its length. The same number means
//! different things for a GPU and for a switch.

use crate::evidence::GpuClass;
use crate::reader::{ReadError, Reader};

use super::fields::{Device, Fields, Gpu, Mode, Pdi, Switch, Toggle, text, vbios};

/// Why the fields beside the measurements cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpaqueError {
    /// A field that such a device does not have.
    #[error("opaque field {id} is not known for {class:?}")]
    Unknown {
        /// The kind of device.
        class: GpuClass,
        /// The field's number.
        id: u16,
    },
    /// It appears twice.
    #[error("opaque field {field} appears twice")]
    Duplicate {
        /// Which.
        field: &'static str,
    },
    /// A field that every such device has.
    #[error("opaque field {field} is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// Of another length than such a field has.
    #[error("opaque field {field} has {found} bytes: {expected} expected")]
    Length {
        /// Which.
        field: &'static str,
        /// As found.
        found: usize,
        /// As always.
        expected: &'static str,
    },
    /// Text of other characters than letters, digits, dot, hyphen and underscore, or none.
    #[error("opaque field {field} is not a name or a version")]
    Text {
        /// Which.
        field: &'static str,
    },
    /// Neither on nor off.
    #[error("opaque field {field} is {found:#04x}: 0xaa or 0x55 expected")]
    Toggle {
        /// Which.
        field: &'static str,
        /// As found.
        found: u8,
    },
    /// Bytes that no version number has room for.
    #[error("the VBIOS version has bytes that no version shows")]
    Vbios,
    /// A version of these fields that is not known.
    #[error("opaque data version {found} is not supported: 0 or 1 expected")]
    Version {
        /// As found.
        found: u16,
    },
    /// A mode that is not known.
    #[error("feature flag {found} is not known: 0 to 2 expected")]
    Mode {
        /// As found.
        found: u16,
    },
    /// A field that this version of the fields does not have.
    #[error("opaque field {field} does not belong in opaque data version {version}")]
    NotInVersion {
        /// Which.
        field: &'static str,
        /// By its field, or 0 where there is none.
        version: u16,
    },
    /// A field reaches past the end.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Fields that all devices have, by the names that NVIDIA gives them.
const COMMON: &[(u16, &str)] = &[
    (1, "CERT_ISSUER_NAME"),
    (2, "CERT_AUTHORITY_KEY_IDENTIFIER"),
    (3, DRIVER),
    (4, "GPU_INFO"),
    (5, "SKU"),
    (6, VBIOS),
    (7, "MANUFACTURER_ID"),
    (8, "TAMPER_DETECTION"),
    (9, "SMC"),
    (10, "VPR"),
    (11, NVDEC0),
    (12, COUNTS),
    (13, "CPRINFO"),
    (14, BOARD),
    (15, CHIP_SKU),
    (16, "CHIP_SKU_MOD"),
    (17, PROJECT),
    (18, PROJECT_SKU),
    (19, "PROJECT_SKU_MOD"),
    (20, FWID),
    (21, PPCIE),
    (32, "GPU_LINK_CONN"),
    (33, "SYS_ENABLE_STATUS"),
    (34, VERSION),
    (35, CHIP),
    (36, FEATURE),
];
/// What the numbers 22 to 25 are for a GPU.
const GPU: &[(u16, &str)] =
    &[(22, SWITCH_PDI), (23, "FLOORSWEPT_PORTS"), (24, "POSITION_ID"), (25, "LOCK_SWITCH_STATUS")];
/// What the numbers 22 to 26 are for a switch.
const SWITCH: &[(u16, &str)] = &[
    (22, DEVICE_PDI),
    (23, "DISABLED_PORTS"),
    (24, "SWITCH_POSITION_ID"),
    (25, "SWITCH_LOCK_STATUS"),
    (26, SWITCH_GPU_PDIS),
];

const DRIVER: &str = "DRIVER_VERSION";
const VBIOS: &str = "VBIOS_VERSION";
const NVDEC0: &str = "NVDEC0_STATUS";
const COUNTS: &str = "MSRSCNT";
const BOARD: &str = "BOARD_ID";
const CHIP_SKU: &str = "CHIP_SKU";
const PROJECT: &str = "PROJECT";
const PROJECT_SKU: &str = "PROJECT_SKU";
const FWID: &str = "FWID";
const PPCIE: &str = "PROTECTED_PCIE_STATUS";
const VERSION: &str = "OPAQUE_DATA_VERSION";
const CHIP: &str = "CHIP_INFO";
const FEATURE: &str = "FEATURE_FLAG";
const SWITCH_PDI: &str = "SWITCH_PDI";
const DEVICE_PDI: &str = "DEVICE_PDI";
const SWITCH_GPU_PDIS: &str = "SWITCH_GPU_PDIS";

/// The fields as they stand, each taken out when it is read.
struct Found<'a> {
    fields: Vec<(&'static str, &'a [u8])>,
}

/// Reads every field of a device of this kind.
pub(super) fn decode(class: GpuClass, opaque: &[u8]) -> Result<Fields, OpaqueError> {
    let mut found = Found::split(class, opaque)?;
    let version = match found.number(VERSION)? {
        Some(found) if found > 1 => return Err(OpaqueError::Version { found }),
        version => version,
    };
    let device = match class {
        GpuClass::Hopper | GpuClass::Blackwell => Device::Gpu(Box::new(found.gpu()?)),
        GpuClass::Ls10 => Device::Switch(Box::new(found.switch()?)),
    };
    let vbios = found.required(VBIOS)?;
    Ok(Fields {
        vbios: match class {
            GpuClass::Hopper | GpuClass::Blackwell => gpu_vbios(vbios)?,
            GpuClass::Ls10 => text(VBIOS, vbios)?,
        },
        mode: found.mode(version.unwrap_or(0))?,
        version,
        fwid: found.array(FWID, "48")?,
        ppcie: found.toggle(PPCIE)?,
        nvdec0: found.toggle(NVDEC0)?,
        board_id: found.array(BOARD, "4")?.map(u32::from_le_bytes),
        measurement_counts: found.counts()?,
        device,
        unread: found.fields.into_iter().map(|(name, value)| (name, value.to_vec())).collect(),
    })
}

fn gpu_vbios(bytes: &[u8]) -> Result<String, OpaqueError> {
    let (field, found) = (VBIOS, bytes.len());
    let bytes =
        bytes.try_into().map_err(|_| OpaqueError::Length { field, found, expected: "8" })?;
    vbios(bytes).ok_or(OpaqueError::Vbios)
}

fn name(class: GpuClass, id: u16) -> Option<&'static str> {
    let own = match class {
        GpuClass::Hopper | GpuClass::Blackwell => GPU,
        GpuClass::Ls10 => SWITCH,
    };
    COMMON.iter().chain(own).find(|(known, _)| *known == id).map(|(_, name)| *name)
}

impl<'a> Found<'a> {
    fn split(class: GpuClass, opaque: &'a [u8]) -> Result<Self, OpaqueError> {
        let mut reader = Reader::new(opaque);
        let mut fields: Vec<(&'static str, &'a [u8])> = Vec::new();
        while reader.left() > 0 {
            let id = reader.u16_le("number of an opaque field")?;
            let field = name(class, id).ok_or(OpaqueError::Unknown { class, id })?;
            let length = reader.u16_le(field)?;
            let value = reader.bytes(field, usize::from(length))?;
            if fields.iter().any(|(earlier, _)| *earlier == field) {
                return Err(OpaqueError::Duplicate { field });
            }
            fields.push((field, value));
        }
        Ok(Self { fields })
    }

    fn take(&mut self, field: &'static str) -> Option<&'a [u8]> {
        let place = self.fields.iter().position(|(name, _)| *name == field)?;
        Some(self.fields.remove(place).1)
    }

    fn required(&mut self, field: &'static str) -> Result<&'a [u8], OpaqueError> {
        self.take(field).ok_or(OpaqueError::Missing { field })
    }

    fn array<const N: usize>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<[u8; N]>, OpaqueError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let found = value.len();
        let array = value.try_into().map_err(|_| OpaqueError::Length { field, found, expected })?;
        Ok(Some(array))
    }

    fn number(&mut self, field: &'static str) -> Result<Option<u16>, OpaqueError> {
        Ok(self.array(field, "2")?.map(u16::from_le_bytes))
    }

    fn toggle(&mut self, field: &'static str) -> Result<Option<Toggle>, OpaqueError> {
        match self.array(field, "1")? {
            None => Ok(None),
            Some([0xaa]) => Ok(Some(Toggle::On)),
            Some([0x55]) => Ok(Some(Toggle::Off)),
            Some([found]) => Err(OpaqueError::Toggle { field, found }),
        }
    }

    /// The feature flag came with version 1 of these fields.
    fn mode(&mut self, version: u16) -> Result<Option<Mode>, OpaqueError> {
        match (self.number(FEATURE)?, version) {
            (None, _) => Ok(None),
            (Some(_), 0) => Err(OpaqueError::NotInVersion { field: FEATURE, version }),
            (Some(0), _) => Ok(Some(Mode::Single)),
            (Some(1), _) => Ok(Some(Mode::Multi)),
            (Some(2), _) => Ok(Some(Mode::ProtectedPcie)),
            (Some(found), _) => Err(OpaqueError::Mode { found }),
        }
    }

    fn counts(&mut self) -> Result<Vec<u32>, OpaqueError> {
        let value = self.take(COUNTS).unwrap_or_default();
        let (counts, rest) = value.as_chunks::<4>();
        if !rest.is_empty() {
            let (field, found) = (COUNTS, value.len());
            return Err(OpaqueError::Length { field, found, expected: "a multiple of 4" });
        }
        Ok(counts.iter().map(|count| u32::from_le_bytes(*count)).collect())
    }

    fn text(&mut self, field: &'static str) -> Result<String, OpaqueError> {
        text(field, self.required(field)?)
    }

    fn gpu(&mut self) -> Result<Gpu, OpaqueError> {
        let chip = self.take(CHIP).map(|value| text(CHIP, value)).transpose()?;
        let links: Option<[u8; 144]> = self.array(SWITCH_PDI, "144")?;
        let links = links.map(|links| {
            let mut pdis = [Pdi::NONE; 18];
            let (parts, _) = links.as_chunks::<8>();
            pdis.iter_mut().zip(parts).for_each(|(pdi, bytes)| *pdi = Pdi::reversed(*bytes));
            pdis
        });
        Ok(Gpu {
            driver: self.text(DRIVER)?,
            project: self.text(PROJECT)?,
            project_sku: self.text(PROJECT_SKU)?,
            chip_sku: self.text(CHIP_SKU)?,
            chip,
            links,
        })
    }

    fn switch(&mut self) -> Result<Switch, OpaqueError> {
        let field = DEVICE_PDI;
        let pdi = self.array(field, "8")?.ok_or(OpaqueError::Missing { field })?;
        let gpus: Option<[u8; 128]> = self.array(SWITCH_GPU_PDIS, "128")?;
        let gpus = gpus.map(|bytes| {
            let mut pdis = [Pdi::NONE; 8];
            let (parts, _) = bytes.as_chunks::<8>();
            pdis.iter_mut().zip(parts).for_each(|(pdi, bytes)| *pdi = Pdi(*bytes));
            pdis
        });
        let ports = self.take("DISABLED_PORTS").unwrap_or_default().to_vec();
        Ok(Switch { pdi: Pdi(pdi), gpus, disabled_ports: ports })
    }
}
