//! The auditor's door: evidence of any kind from a file, with whatever endorsements came along.

use sealroom_attestation::{UnixTime, digests::Nonce, gpu, node::Context, snp, tdx};

use crate::{
    judge::{Examined, Trust},
    verdict::Verdict,
};

/// Evidence, recognised by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A node's bundle.
    Bundle(Vec<u8>),
    /// A bare SEV-SNP report, as the firmware returned it.
    SnpReport(Vec<u8>),
    /// A bare TDX or SGX quote, without the padding of the buffer that it was made in.
    TdxQuote(Vec<u8>),
    /// A bare report of a GPU or a switch; its certificates are among the endorsements.
    GpuReport(Vec<u8>),
}

/// The file holds no evidence that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{length} bytes that are neither an evidence bundle nor an SEV-SNP report (binary or hexadecimal) nor a TDX quote nor a GPU's report"
)]
pub struct UnknownEvidence {
    /// Bytes in the file.
    pub length: usize,
}

impl Evidence {
    /// Recognises what a file holds.
    ///
    /// # Errors
    /// [`UnknownEvidence`] where nothing fits.
    pub fn from_file(file: &[u8]) -> Result<Self, UnknownEvidence> {
        // A bundle is a CBOR map of eight pairs whose first key is 1.
        if file.starts_with(&[0xa8, 0x01]) {
            return Ok(Self::Bundle(file.to_vec()));
        }
        if let Some(quote) = tdx::quote_from_file(file) {
            return Ok(Self::TdxQuote(quote));
        }
        if let Some(report) = snp::report_from_file(file) {
            return Ok(Self::SnpReport(report));
        }
        let report = gpu::report_from_file(file);
        report.map(Self::GpuReport).ok_or(UnknownEvidence { length: file.len() })
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Is it acceptable? Verification, then the policy.
    Policy,
    /// Is it genuinely the vendor's? Verification alone; the decision stays undecided.
    CryptoOnly,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Input {
    /// The evidence.
    pub evidence: Evidence,
    /// The nonce for which a bundle was made, if the reader knows one.
    pub nonce: Option<Nonce>,
    /// What is asked.
    pub mode: Mode,
    /// The time at which it is asked: never read from a clock here.
    pub at: UnixTime,
}

/// Answers one question.
#[must_use]
pub fn check(input: &Input, trust: &Trust) -> Verdict {
    let examined = match &input.evidence {
        Evidence::Bundle(bundle) => {
            Examined::bundle(bundle, Context::File { nonce: input.nonce }, trust, input.at)
        }
        Evidence::SnpReport(report) => Examined::snp_report(report, trust, input.at),
        Evidence::TdxQuote(quote) => Examined::tdx_quote(quote, trust, input.at),
        Evidence::GpuReport(report) => {
            let entry = trust.known.gpu.entry(report);
            Examined::gpu_report(&entry, input.nonce, trust, input.at)
        }
    };
    match input.mode {
        Mode::Policy => examined.conclude(input.at, Some(trust.appraiser(input.at))),
        Mode::CryptoOnly => examined.conclude(input.at, None),
    }
}
