//! Golden values against measurements: the RIMs that fit one device, and whether it is what they say.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::checks::{self, Check};
use crate::claims::Verified;
use crate::time::{UnixTime, Window};

use super::rim::{Golden, Rim, RimKind};
use super::{Case, Checked, Examined, GpuError, Mismatch};

/// The index that a GPU with its video decoder switched off does not measure as its RIM says.
const DECODER_INDEX: u16 = 35;
/// Of NVDEC0_STATUS: the decoder is switched off.
const DECODER_DISABLED: u8 = 0x55;

/// The checks of one device's RIMs, in their order.
pub const NEEDED: &[&Check] =
    &[&checks::GPU_RIM_VERSION, &checks::GPU_RIM_CONFLICT, &checks::GPU_RIM_MEASUREMENTS];

/// The first video decoder, as a report has it: it decides whether one index is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Switched off: one measurement has no meaning.
    Disabled,
    /// Anything else, and nothing at all: every measurement is compared.
    Other,
}

impl Decoder {
    /// From the report's field, if it has one.
    #[must_use]
    pub const fn from_status(status: Option<u8>) -> Self {
        match status {
            Some(DECODER_DISABLED) => Self::Disabled,
            Some(_) | None => Self::Other,
        }
    }
}

/// What firmware a device says it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware<'a> {
    /// A GPU's driver and VBIOS.
    Gpu {
        /// As `550.90.07`.
        driver: &'a str,
        /// As `96.00.9F.00.01`.
        vbios: &'a str,
    },
    /// A switch's BIOS.
    Switch {
        /// As `96.10.55.00.01`.
        bios: &'a str,
    },
}

/// One device, as its report has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// `GH100`, `GB100`, `LS10` and so on.
    pub product: &'a str,
    /// Versions.
    pub firmware: Firmware<'a>,
    /// The state of NVDEC0.
    pub decoder: Decoder,
    /// In the order of the report's blocks, so that the first has index 0.
    pub measurements: &'a [[u8; 48]],
}

/// A RIM that a device was compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The tag's id.
    pub id: String,
    /// What it is about.
    pub kind: RimKind,
    /// Of the driver, VBIOS or BIOS.
    pub version: String,
    /// The first second of its signer: it is not older than this.
    pub issued: UnixTime,
    /// When its whole chain counts.
    pub validity: Window,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Measurements that are one of the golden values.
    pub matched: usize,
    /// Measurements that it has golden values for.
    pub golden: usize,
    /// The index that was not compared, where the decoder is switched off.
    pub skipped: Option<u16>,
}

/// Why a device is not what the RIMs say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A RIM of a product that no device is.
    #[error("a RIM is about the {rim}: no device here is {product}")]
    Product {
        /// Kind, version and product.
        rim: String,
        /// The product.
        product: String,
    },
    /// No RIM of this kind is about the version that runs.
    #[error("the {kind} is {expected}, the RIM is about {found}")]
    Version {
        /// What it is about.
        kind: RimKind,
        /// By the RIMs.
        found: String,
        /// By the report.
        expected: String,
    },
    /// Two RIMs claim one measurement.
    #[error("index {index} is claimed by the driver's RIM and by the VBIOS RIM")]
    Conflict {
        /// The first such index.
        index: u16,
    },
    /// A golden value for a measurement that the report does not have.
    #[error("the RIM {id} has a value for index {index}, the report has {found} measurements")]
    Beyond {
        /// The RIM's tag.
        id: String,
        /// The first such index.
        index: u16,
        /// Measurements in the report.
        found: usize,
    },
    /// A measurement is none of the golden values.
    #[error("index {index} is none of the values of RIM {id}, issued {issued}")]
    Measurement {
        /// The first such index.
        index: u16,
        /// The RIM's tag.
        id: String,
        /// The first second of the RIM's signer. An old RIM may lack values that NVIDIA added since.
        issued: UnixTime,
    },
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { matched, golden, kind, version, .. } = self;
        write!(f, "{matched} of {golden} values of the RIM for {kind} {version}")?;
        match self.skipped {
            Some(index) => write!(f, "; index {index} not compared: NVDEC0 is disabled"),
            None => Ok(()),
        }
    }
}

impl<'a> Firmware<'a> {
    /// The kinds of RIM that such a device needs, with the version of each.
    fn needs(&self) -> Vec<(RimKind, &'a str)> {
        match *self {
            Self::Gpu { driver, vbios } => {
                vec![(RimKind::Driver, driver), (RimKind::Vbios, vbios)]
            }
            Self::Switch { bios } => vec![(RimKind::SwitchBios, bios)],
        }
    }
}

/// Compares one device with RIMs that were verified, without anything else of its report.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and how far each RIM matched.
pub fn verify(rims: &Verified<Vec<Arc<Rim>>>, device: &Device<'_>) -> Examined<Compared> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    products(&mut case, rims.claims(), &[device.product]);
    let compared = examine(&mut case, rims.claims(), device);
    case.conclude(compared, true).map_err(Box::new)
}

/// Every RIM is about the product of some device: one that is about none looks like a check and is none.
pub(crate) fn products(case: &mut Case, rims: &[Arc<Rim>], products: &[&str]) {
    if rims.is_empty() {
        return case.not_given(&[&checks::GPU_RIM_PRODUCT], "no RIM was given");
    }
    let foreign = rims.iter().find(|rim| !products.contains(&rim.product.as_str()));
    let found = match foreign {
        None => Ok(format!("{} RIMs", rims.len())),
        Some(rim) => {
            let (shown, product) = (rim.to_string(), rim.product.clone());
            let error = CompareError::Product { rim: shown.clone(), product };
            Err(Mismatch::new(error, shown, products.join(", ")))
        }
    };
    case.check(&checks::GPU_RIM_PRODUCT, found);
}

/// Compares one device with the RIMs of its product and versions. Kinds of RIM that were not given are rows of their
/// own.
pub(crate) fn examine(case: &mut Case, rims: &[Arc<Rim>], device: &Device<'_>) -> Vec<Compared> {
    let mut chosen = Vec::new();
    let mut absent = Vec::new();
    for (kind, version) in device.firmware.needs() {
        let fits = |rim: &&Rim| rim.kind == kind && rim.product == device.product;
        let given: Vec<&Rim> = rims.iter().map(Arc::as_ref).filter(fits).collect();
        if given.is_empty() {
            absent.push(kind);
            continue;
        }
        let found = versioned(&given, kind, version);
        let rim = found.as_ref().ok().copied();
        case.check(&checks::GPU_RIM_VERSION, found.map(|rim| format!("{rim}, {}", rim.id)));
        match rim {
            Some(rim) => chosen.push(rim),
            None => case.missing_all(&[&checks::GPU_RIM_MEASUREMENTS]),
        }
    }
    match chosen.as_slice() {
        [one, other] => {
            case.check(&checks::GPU_RIM_CONFLICT, conflict(one, other));
        }
        _ => case.not_given(&[&checks::GPU_RIM_CONFLICT], "there are no two RIMs to compare"),
    }
    for rim in &chosen {
        case.check(&checks::GPU_RIM_MEASUREMENTS, measurements(rim, device));
    }
    for kind in absent {
        let reason = format!("no {kind} RIM of {} was given", device.product);
        case.not_given(&[&checks::GPU_RIM_VERSION, &checks::GPU_RIM_MEASUREMENTS], &reason);
    }
    chosen.into_iter().map(|rim| compared(rim, device)).collect()
}

/// The RIM for the version that runs, whatever the case of its letters. Of several the one that was signed last: NVIDIA
/// issues RIMs anew with more values.
fn versioned<'r>(given: &[&'r Rim], kind: RimKind, version: &str) -> Result<&'r Rim, Mismatch> {
    let fitting = given.iter().filter(|rim| rim.version.eq_ignore_ascii_case(version));
    fitting.max_by_key(|rim| rim.issued).copied().ok_or_else(|| {
        let found = given.iter().map(|rim| rim.version.as_str()).collect::<Vec<_>>().join(", ");
        let expected = version.to_owned();
        let error = CompareError::Version { kind, found: found.clone(), expected };
        Mismatch::new(error, found, version)
    })
}

fn conflict(one: &Rim, other: &Rim) -> Checked {
    let indices = |rim: &Rim| rim.golden.iter().map(|golden| golden.index).collect::<BTreeSet<_>>();
    match indices(one).intersection(&indices(other)).next() {
        None => Ok(format!("{} and {} indices", one.golden.len(), other.golden.len())),
        Some(index) => {
            let error = CompareError::Conflict { index: *index };
            Err(Mismatch::because(error, "every index in one RIM only"))
        }
    }
}

fn measured<'d>(device: &Device<'d>, golden: &Golden) -> Option<&'d [u8; 48]> {
    device.measurements.get(usize::from(golden.index))
}

/// The one index that is not compared, and only where the report says that the decoder is off.
fn skipped(rim: &Rim, device: &Device<'_>) -> Option<u16> {
    let has = rim.golden.iter().any(|golden| golden.index == DECODER_INDEX);
    (device.decoder == Decoder::Disabled && has).then_some(DECODER_INDEX)
}

fn compared(rim: &Rim, device: &Device<'_>) -> Compared {
    let skipped = skipped(rim, device);
    let counted = rim.golden.iter().filter(|golden| Some(golden.index) != skipped);
    let matches = |golden: &&Golden| {
        measured(device, golden).is_some_and(|found| golden.alternatives.contains(found))
    };
    Compared {
        id: rim.id.clone(),
        kind: rim.kind,
        version: rim.version.clone(),
        issued: rim.issued,
        validity: rim.validity,
        sha256: rim.sha256,
        matched: counted.clone().filter(matches).count(),
        golden: counted.count(),
        skipped,
    }
}

/// Every golden index has a measurement, and it is one of the values.
fn measurements(rim: &Rim, device: &Device<'_>) -> Checked {
    if let Some(golden) = rim.golden.iter().find(|golden| measured(device, golden).is_none()) {
        let (id, found) = (rim.id.clone(), device.measurements.len());
        let error = CompareError::Beyond { id, index: golden.index, found };
        return Err(Mismatch::because(error, "no index beyond the report"));
    }
    let outcome = compared(rim, device);
    let differs = |golden: &&Golden| {
        Some(golden.index) != outcome.skipped
            && measured(device, golden).is_none_or(|found| !golden.alternatives.contains(found))
    };
    let different: Vec<_> = rim.golden.iter().filter(differs).map(|golden| golden.index).collect();
    let Some(index) = different.first().copied() else { return Ok(outcome.to_string()) };
    let error = CompareError::Measurement { index, id: rim.id.clone(), issued: rim.issued };
    let indices = different.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let found = format!("{outcome}; different at {indices}");
    Err(Mismatch::new(error, found, format!("RIM {}, issued {}", rim.id, rim.issued)))
}
