//! One GPU's evidence: from the driver's buffers to what travels.

use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::gpu::report_from_file;

use super::error::NvmlError;
use super::library::Library;

/// Asks one GPU. Nothing of its answer is verified here.
pub(super) fn collect(
    library: &Library,
    gpu: u32,
    nonce: &[u8; 32],
) -> Result<GpuEntry, NvmlError> {
    let class = class(gpu, library.architecture(gpu)?)?;
    let answer = library.report(gpu, nonce)?;
    let report = filled(gpu, "report", &answer.report, answer.size)?;
    // A driver may count the zeros behind the report into its length; verifiers take one report and nothing else.
    let report = report_from_file(report).ok_or(NvmlError::Report { gpu })?;
    let certificates = library.certificates(gpu)?;
    let (buffer, size) = (&certificates.attestation, certificates.attestation_size);
    let chain = without_zeros(filled(gpu, "certificates", buffer, size)?).to_vec();
    Ok(GpuEntry { class, report, chain })
}

/// By NVML's number of the architecture. It says by which rules the report is read; the certificates must agree.
fn class(gpu: u32, architecture: u32) -> Result<GpuClass, NvmlError> {
    match architecture {
        9 => Ok(GpuClass::Hopper),
        10 => Ok(GpuClass::Blackwell),
        found => Err(NvmlError::Architecture { gpu, found }),
    }
}

/// The length is the driver's, the buffer is ours: compared before use.
fn filled<'b>(
    gpu: u32,
    part: &'static str,
    buffer: &'b [u8],
    size: u32,
) -> Result<&'b [u8], NvmlError> {
    let limit = buffer.len();
    let whole = usize::try_from(size).ok().and_then(|size| buffer.get(..size));
    whole.ok_or(NvmlError::Length { gpu, part, found: size, limit })
}

/// The text ends where the buffer is filled up.
fn without_zeros(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|byte| **byte == 0).count();
    text.get(..text.len().saturating_sub(zeros)).unwrap_or_default()
}
