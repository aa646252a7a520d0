//! Reports of NVIDIA GPUs and switches: two messages of SPDM 1.1, and NVIDIA's fields beside the measurements.

mod opaque;

use sealroom_attestation::{
    evidence::GpuClass,
    gpu::{Report, entry_from_files},
};

use super::field::{Shape, Table, field, number};
use super::layout::Layout;
use super::{Document, ExplainError};

const RESPONSE_CLAUSE: &str = "DMTF DSP0274 1.1, 10.11 (MEASUREMENTS)";

const REQUEST: Table = Table {
    clause: "DMTF DSP0274 1.1, 10.11 (GET_MEASUREMENTS)",
    fields: &[
        field(0, 1, "SPDMVersion", Shape::Own(version), "version of SPDM"),
        field(1, 1, "RequestResponseCode", Shape::Named(CODES), "what the message is"),
        field(2, 1, "Param1", Shape::Named(ASKED), "what is asked for"),
        field(3, 1, "Param2", Shape::Named(BLOCKS), "which measurements"),
        field(4, 32, "Nonce", Shape::Bytes, "the verifier's: makes the answer fresh"),
        field(36, 1, "SlotIDParam", Shape::Number, "which certificate chain shall sign"),
    ],
};

/// Offsets from 37.
const RESPONSE: Table = Table {
    clause: RESPONSE_CLAUSE,
    fields: &[
        field(0, 1, "SPDMVersion", Shape::Own(version), "version of SPDM"),
        field(1, 1, "RequestResponseCode", Shape::Named(CODES), "what the message is"),
        field(2, 1, "Param1", Shape::Number, "number of blocks, where that was asked"),
        field(3, 1, "Param2", Shape::Number, "which certificate chain signed"),
        field(4, 1, "NumberOfBlocks", Shape::Number, "measurement blocks that follow"),
        field(5, 3, "MeasurementRecordLength", Shape::Number, "bytes of them"),
    ],
};

/// Offsets from each block; NVIDIA's reference values count blocks from 0.
const BLOCK: Table = Table {
    clause: "DMTF DSP0274 1.1, 10.11.1 (measurement block)",
    fields: &[
        field(0, 1, "Index", Shape::Number, "from 1; reference values count from 0"),
        field(1, 1, "MeasurementSpecification", Shape::Named(&[(1, "DMTF")]), "whose layout"),
        field(2, 2, "MeasurementSize", Shape::Number, "bytes of the measurement"),
        field(4, 1, "DMTFSpecMeasurementValueType", Shape::Named(KINDS), "what was measured"),
        field(5, 2, "DMTFSpecMeasurementValueSize", Shape::Number, "bytes of the value"),
        field(7, 48, "DMTFSpecMeasurementValue", Shape::Bytes, "SHA-384 digest"),
    ],
};

const AFTER_BLOCKS: Table = Table {
    clause: RESPONSE_CLAUSE,
    fields: &[
        field(0, 32, "Nonce", Shape::Bytes, "the device's: random"),
        field(32, 2, "OpaqueLength", Shape::Number, "bytes of NVIDIA's fields"),
    ],
};

const SIGNATURE: Table = Table {
    clause: RESPONSE_CLAUSE,
    fields: &[field(0, 96, "Signature", Shape::Bytes, "over both messages: R and S on P-384")],
};

const CODES: &[(u64, &str)] =
    &[(0xe0, "GET_MEASUREMENTS"), (0x60, "MEASUREMENTS"), (0x7f, "ERROR")];
const ASKED: &[(u64, &str)] = &[(0, "no signature"), (1, "a signature")];
const BLOCKS: &[(u64, &str)] = &[(0, "their number"), (0xff, "all")];
const KINDS: &[(u64, &str)] = &[
    (0, "digest of immutable ROM"),
    (1, "digest of mutable firmware"),
    (2, "digest of hardware configuration"),
    (3, "digest of firmware configuration"),
];

fn version(bytes: &[u8]) -> String {
    let byte = number(bytes);
    format!("{}.{}", byte >> 4, byte & 0xf)
}

/// The class says by which rules the fields are read; without one it is taken from the number of measurements.
pub(super) fn document(
    path: &str,
    class: Option<GpuClass>,
    bytes: &[u8],
) -> Result<Document, ExplainError> {
    let by_count = || entry_from_files(bytes, &[]).map_or(GpuClass::Hopper, |entry| entry.class);
    let class = class.unwrap_or_else(by_count);
    let report = Report::decode(class, bytes)?;
    let mut layout = Layout::new(path, bytes);
    layout.table("request", &REQUEST)?;
    layout.table("response", &RESPONSE)?;
    for index in 1..=report.measurements.len() {
        layout.table(&format!("response/block {index}"), &BLOCK)?;
    }
    layout.table("response", &AFTER_BLOCKS)?;
    while layout.left() > 96 {
        opaque::field(&mut layout, class)?;
    }
    layout.table("response", &SIGNATURE)?;
    Ok(layout.finish()?)
}
