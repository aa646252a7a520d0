//! The two SPDM messages of a report: GET_MEASUREMENTS and its answer (DMTF DSP0274 version 1.1, §10.11).

use crate::evidence::GpuClass;
use crate::reader::{ReadError, Reader};

use super::opaque::OpaqueError;

/// The longest report that is read at all: the driver's own buffer.
pub const LONGEST_REPORT: usize = 0x2000;
/// SPDM 1.1, the one version whose reports begin with the request.
const VERSION: u8 = 0x11;
const GET_MEASUREMENTS: u8 = 0xe0;
const MEASUREMENTS: u8 = 0x60;
const ERROR: u8 = 0x7f;
/// GET_VERSION of SPDM 1.0: how a log that holds the negotiation begins.
const GET_VERSION: [u8; 2] = [0x10, 0x84];
/// A block is index, specification, size, and a digest of SHA-384 behind its type and its own size.
const BLOCK: usize = 55;
const BLOCK_HEADER: [(&str, u16); 4] =
    [("specification", 1), ("size", 51), ("type of value", 1), ("size of value", 48)];
/// R and S on P-384.
pub(super) const SIGNATURE: usize = 96;

/// Why bytes are not a report that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than anything that is read.
    #[error("{found} bytes are more than the {LONGEST_REPORT} that are read")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// The log of SPDM 1.2 or later, which begins with the negotiation of versions.
    #[error(
        "the report begins with SPDM's negotiation of versions: SPDM 1.2 or later is not supported"
    )]
    Negotiation,
    /// Another version of SPDM.
    #[error("the {message} is of SPDM version {found:#04x}: 0x11 expected")]
    Version {
        /// Request or response.
        message: &'static str,
        /// As found.
        found: u8,
    },
    /// The device answered with an error.
    #[error("the device answered with SPDM error {code:#04x}")]
    Refused {
        /// Its first parameter.
        code: u8,
    },
    /// A byte that is the same in every report.
    #[error("{field} is {found:#04x}: {expected:#04x} expected")]
    Header {
        /// Which.
        field: &'static str,
        /// As found.
        found: u8,
        /// As always.
        expected: u8,
    },
    /// No measurement, or more than such a device has.
    #[error("{found} measurements: 1 to {limit} expected of {class:?}")]
    Count {
        /// The kind of device.
        class: GpuClass,
        /// As found.
        found: u8,
        /// The most.
        limit: u8,
    },
    /// The record is not exactly as long as its blocks.
    #[error("the measurements' record has {found} bytes: {expected} expected")]
    Record {
        /// By its length field.
        found: u32,
        /// By the number of blocks.
        expected: u32,
    },
    /// A block that is not the next one.
    #[error("measurement block {found} in place of block {expected}")]
    Index {
        /// By its index.
        found: u8,
        /// By its place, counted from 1.
        expected: u8,
    },
    /// A block that is not a digest of SHA-384.
    #[error("measurement block {index}: {field} is {found}, {expected} expected")]
    Block {
        /// Counted from 1.
        index: u8,
        /// Which field.
        field: &'static str,
        /// As found.
        found: u16,
        /// As always.
        expected: u16,
    },
    /// What the device says beside its measurements.
    #[error(transparent)]
    Opaque(#[from] OpaqueError),
    /// Too short, or bytes left over.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Both messages, taken apart.
pub(super) struct Messages<'a> {
    pub(super) nonce: [u8; 32],
    pub(super) measurements: Vec<[u8; 48]>,
    pub(super) responder_nonce: [u8; 32],
    pub(super) opaque: &'a [u8],
    /// Everything before the signature.
    pub(super) signed: &'a [u8],
    pub(super) signature: [u8; SIGNATURE],
}

impl<'a> Messages<'a> {
    pub(super) fn decode(class: GpuClass, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > LONGEST_REPORT {
            return Err(DecodeError::TooLong { found: bytes.len() });
        }
        if bytes.starts_with(&GET_VERSION) {
            return Err(DecodeError::Negotiation);
        }
        let mut reader = Reader::new(bytes);
        let nonce = request(&mut reader)?;
        response(&mut reader)?;
        let measurements = measurements(&mut reader, class)?;
        let responder_nonce = reader.array("responder's nonce")?;
        let length = reader.u16_le("opaque data")?;
        let opaque = reader.bytes("opaque data", usize::from(length))?;
        let signed = Reader::new(bytes).bytes("signed part", reader.offset())?;
        let signature = reader.array("signature")?;
        reader.finish()?;
        Ok(Self { nonce, measurements, responder_nonce, opaque, signed, signature })
    }
}

fn version(reader: &mut Reader<'_>, message: &'static str) -> Result<(), DecodeError> {
    match reader.u8(message)? {
        VERSION => Ok(()),
        found => Err(DecodeError::Version { message, found }),
    }
}

fn header(reader: &mut Reader<'_>, field: &'static str, expected: u8) -> Result<(), DecodeError> {
    let found = reader.u8(field)?;
    if found == expected { Ok(()) } else { Err(DecodeError::Header { field, found, expected }) }
}

/// The request: a signature over every block is asked of slot 0, for this nonce.
fn request(reader: &mut Reader<'_>) -> Result<[u8; 32], DecodeError> {
    version(reader, "request")?;
    header(reader, "request code", GET_MEASUREMENTS)?;
    header(reader, "request attributes", 1)?;
    header(reader, "requested measurements", 0xff)?;
    let nonce = reader.array("nonce")?;
    header(reader, "slot", 0)?;
    Ok(nonce)
}

fn response(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    version(reader, "response")?;
    match reader.u8("response code")? {
        MEASUREMENTS => {}
        ERROR => return Err(DecodeError::Refused { code: reader.u8("error code")? }),
        found => {
            let field = "response code";
            return Err(DecodeError::Header { field, found, expected: MEASUREMENTS });
        }
    }
    header(reader, "first parameter of the response", 0)?;
    header(reader, "slot of the response", 0)
}

/// The blocks, in order and complete; their number and the record's length are bounded before anything is kept.
fn measurements(reader: &mut Reader<'_>, class: GpuClass) -> Result<Vec<[u8; 48]>, DecodeError> {
    let limit = most_blocks(class);
    let count = reader.u8("number of measurements")?;
    if !(1..=limit).contains(&count) {
        return Err(DecodeError::Count { class, found: count, limit });
    }
    let [low, middle, high] = reader.array("length of the record")?;
    let found = u32::from_le_bytes([low, middle, high, 0]);
    let length = usize::from(count).saturating_mul(BLOCK);
    let expected = u32::try_from(length).unwrap_or(u32::MAX);
    if found != expected {
        return Err(DecodeError::Record { found, expected });
    }
    let mut record = Reader::new(reader.bytes("record", length)?);
    (1..=count).map(|index| block(&mut record, index)).collect()
}

const fn most_blocks(class: GpuClass) -> u8 {
    match class {
        GpuClass::Hopper | GpuClass::Blackwell => 64,
        GpuClass::Ls10 => 31,
    }
}

fn block(record: &mut Reader<'_>, index: u8) -> Result<[u8; 48], DecodeError> {
    let found = record.u8("block index")?;
    if found != index {
        return Err(DecodeError::Index { found, expected: index });
    }
    for (place, (field, expected)) in BLOCK_HEADER.into_iter().enumerate() {
        let found = match place {
            0 | 2 => record.u8(field)?.into(),
            _ => record.u16_le(field)?,
        };
        if found != expected {
            return Err(DecodeError::Block { index, field, found, expected });
        }
    }
    Ok(record.array("digest")?)
}

/// True where bytes begin like a report, of whatever version.
pub(super) fn begins_a_report(bytes: &[u8]) -> bool {
    bytes.starts_with(&[VERSION, GET_MEASUREMENTS]) || bytes.starts_with(&GET_VERSION)
}

/// Where a report ends by its own lengths.
pub(super) fn end(bytes: &[u8]) -> Result<usize, ReadError> {
    let mut reader = Reader::new(bytes);
    reader.bytes("request and response header", 41)?;
    reader.u8("number of measurements")?;
    let [low, middle, high] = reader.array("length of the record")?;
    let record = u32::from_le_bytes([low, middle, high, 0]);
    reader.bytes("record", usize::try_from(record).unwrap_or(usize::MAX))?;
    reader.bytes("responder's nonce", 32)?;
    let opaque = reader.u16_le("opaque data")?;
    reader.bytes("opaque data", usize::from(opaque))?;
    reader.bytes("signature", SIGNATURE)?;
    Ok(reader.offset())
}

/// How many blocks a report says it has: one sign of the kind of device.
pub(super) fn count(bytes: &[u8]) -> Option<u8> {
    bytes.get(41).copied()
}
