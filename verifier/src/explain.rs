//! Evidence taken apart: every field with its place, its value, what it means, and where that is written.
//!
//! Nothing here is proven. Each format is one list of fields; what is placed from it must cover every byte exactly once,
//! or nothing is shown.

mod bundle;
mod field;
mod gpu;
mod layout;
mod snp;
mod tdx;
mod text;

use sealroom_attestation::{cbor::CborError, gpu as device, snp as amd, tdx as intel};
use serde::Serialize;

use crate::check::Evidence;

pub use layout::UncoveredError;
pub use text::text;

/// The schema of the JSON form.
pub const SCHEMA: u32 = 1;
/// What every output says first.
pub const NOTICE: &str = "decoded, not verified: anybody can write these bytes";

/// Why evidence cannot be explained.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The bytes are no report of SEV-SNP.
    #[error(transparent)]
    Snp(#[from] amd::DecodeError),
    /// The bytes are no quote.
    #[error(transparent)]
    Tdx(#[from] intel::DecodeError),
    /// The bytes are no report of a GPU or a switch.
    #[error(transparent)]
    Gpu(#[from] device::DecodeError),
    /// The bytes are no bundle, or one of its parts is not what it should be.
    #[error(transparent)]
    Bundle(#[from] CborError),
    /// A part of a bundle cannot be explained.
    #[error("{part}: {reason}")]
    Part {
        /// Which, by its path.
        part: String,
        /// Why.
        reason: Box<Self>,
    },
    /// The fields do not cover the bytes: a mistake in a list here.
    #[error(transparent)]
    Uncovered(#[from] UncoveredError),
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Bytes from the beginning of the document that the path begins with.
    pub offset: usize,
    /// Bytes; of a flag, the bytes of the field that holds it.
    pub length: usize,
    /// The field's name in its standard.
    pub name: String,
    /// The value, whole.
    pub value: String,
    /// What it means.
    pub meaning: String,
    /// Where that is written.
    pub clause: &'static str,
    /// Document, groups within it, and name, between slashes.
    pub path: String,
    /// What the line is about; not part of the JSON form, where the path says it.
    #[serde(skip)]
    pub kind: Kind,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A field: together these cover every byte of their document once.
    Field,
    /// A bit or a component of the field above.
    Component,
}

/// One structure with offsets of its own: the evidence, or a part of it that is evidence itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// How its paths begin.
    pub path: String,
    /// How many bytes it has.
    pub length: usize,
    /// Its lines, by offset.
    pub lines: Vec<Line>,
}

/// Explains evidence: the document itself, then those inside it.
///
/// # Errors
/// [`ExplainError`] where the bytes are not exactly one such document.
///
/// ```
/// use sealroom_verifier::{Evidence, explain::{ExplainError, explain}};
/// let short = Evidence::SnpReport(vec![0; 100]);
/// assert_eq!(explain(&short).unwrap_err().to_string(), "a report has 1184 bytes, 100 were given");
/// ```
pub fn explain(evidence: &Evidence) -> Result<Vec<Document>, ExplainError> {
    Ok(match evidence {
        Evidence::Bundle(bytes) => bundle::documents(bytes)?,
        Evidence::SnpReport(bytes) => vec![snp::document("snp-report", bytes)?],
        Evidence::TdxQuote(bytes) => vec![tdx::document("quote", bytes)?],
        Evidence::GpuReport(bytes) => vec![gpu::document("gpu-report", None, bytes)?],
    })
}
