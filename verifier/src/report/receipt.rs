//! What a receipt says, for people and for programs.

use std::fmt::{self, Write};

use sealroom_attestation::receipt::{Finish, Receipt, Timing, Usage};
use serde::Serialize;

/// A receipt as programs read it. Its commitments are digests that only their owner can open.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptReport {
    boot_id: String,
    sequence: u64,
    request_id: String,
    request_digest: String,
    billing_nonce: Option<String>,
    kem_configuration: String,
    manifest: String,
    tokens: Tokens,
    microseconds: Microseconds,
    finish: &'static str,
    issued_at: String,
}

#[derive(Debug, Serialize)]
struct Tokens {
    prompt: u64,
    completion: u64,
    cached: u64,
}

#[derive(Debug, Serialize)]
struct Microseconds {
    queue: u64,
    first_token: u64,
    total: u64,
}

impl From<&Receipt> for ReceiptReport {
    fn from(receipt: &Receipt) -> Self {
        let Usage { prompt, completion, cached } = receipt.usage;
        let Timing { queue, first_token, total } = receipt.timing;
        Self {
            boot_id: receipt.boot_id.to_string(),
            sequence: receipt.sequence,
            request_id: hex::encode(receipt.request_id),
            request_digest: receipt.request_digest.to_string(),
            billing_nonce: receipt.billing_nonce.map(hex::encode),
            kem_configuration: receipt.kem.to_string(),
            manifest: receipt.manifest.to_string(),
            tokens: Tokens { prompt, completion, cached },
            microseconds: Microseconds { queue, first_token, total },
            finish: finish(receipt.finish),
            issued_at: receipt.issued_at.to_string(),
        }
    }
}

const fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool",
        Finish::Cancelled => "cancelled",
        Finish::Error => "error",
    }
}

/// Three lines: which answer, how much, how fast.
pub(super) fn lines(receipt: &Receipt, out: &mut String) -> fmt::Result {
    let Usage { prompt, completion, cached } = receipt.usage;
    let Timing { queue, first_token, total } = receipt.timing;
    let (sequence, issued_at, end) = (receipt.sequence, receipt.issued_at, finish(receipt.finish));
    let id = hex::encode(receipt.request_id);
    writeln!(
        out,
        "receipt {sequence} of its boot, request {id}, {issued_at} by the guest's clock"
    )?;
    writeln!(
        out,
        "  tokens: {prompt} asked ({cached} of them computed before), {completion} answered; ended by {end}"
    )?;
    writeln!(
        out,
        "  microseconds: {queue} waiting, {first_token} to the first token, {total} in all\n"
    )
}
