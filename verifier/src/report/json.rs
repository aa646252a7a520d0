//! The JSON form of a verdict: stable names, one schema version, nothing that is not in the ledger.

use sealroom_attestation::{
    Window,
    claims::{Finding, Outcome},
    node::{Freshness, NodeClaims},
};
use serde::Serialize;

use super::gpu::GpuReport;
use super::hardware::HardwareReport;
use super::receipt::ReceiptReport;
use crate::policy::DangerException;
use crate::verdict::{Claims, Verdict};

/// The version of the schema. It changes when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// The JSON Schema (2020-12) of [`VerdictReport`].
pub const JSON_SCHEMA: &str = include_str!("../../schema/verdict-1.json");

/// A verdict as programs read it.
#[derive(Debug, Serialize)]
pub struct VerdictReport<'a> {
    schema: u32,
    verdict: &'static str,
    crypto: &'static str,
    simulated: bool,
    exceptions: Vec<ExceptionReport<'a>>,
    at: String,
    evidence_id: Option<String>,
    claims: Option<ClaimsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptReport>,
    checks: Vec<CheckReport<'a>>,
}

/// A rule that the policy's owner lets break.
#[derive(Debug, Serialize)]
struct ExceptionReport<'a> {
    check: &'static str,
    reason: &'a str,
    until: String,
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct CheckReport<'a> {
    id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    result: &'static str,
    found: &'a str,
    expected: &'a str,
    why: &'static str,
    fix: &'static str,
}

#[derive(Debug, Serialize)]
struct ClaimsReport {
    #[serde(flatten)]
    hardware: Option<HardwareReport>,
    valid: Option<Validity>,
    node: Option<NodeReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gpus: Vec<GpuReport>,
}

#[derive(Debug, Serialize)]
struct Validity {
    from: String,
    until: String,
}

#[derive(Debug, Serialize)]
struct NodeReport {
    boot_id: String,
    statement: String,
    model: String,
    manifest: String,
    engine: String,
    freshness: &'static str,
    kem_epoch: u64,
    issued_at: String,
    expires_at: String,
}

impl<'a> From<&'a Verdict> for VerdictReport<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self {
            schema: SCHEMA,
            verdict: verdict.decision.name(),
            crypto: verdict.crypto.name(),
            simulated: verdict.simulated(),
            exceptions: exceptions(verdict),
            at: verdict.at.to_string(),
            evidence_id: verdict.evidence_id().map(|id| id.to_string()),
            claims: verdict.claims.as_ref().map(ClaimsReport::from),
            receipt: verdict.receipt.as_ref().map(ReceiptReport::from),
            checks: verdict.ledger.findings().iter().map(CheckReport::from).collect(),
        }
    }
}

fn exception<'a>(one: &'a DangerException, state: &'static str) -> ExceptionReport<'a> {
    let (check, until) = (one.check.id, one.until.to_string());
    ExceptionReport { check, reason: &one.reason, until, state }
}

fn exceptions(verdict: &Verdict) -> Vec<ExceptionReport<'_>> {
    verdict.exceptions.iter().map(|one| exception(one, verdict.state(one))).collect()
}

impl<'a> From<&'a Finding> for CheckReport<'a> {
    fn from(row: &'a Finding) -> Self {
        let result = match row.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Missing | Outcome::NotGiven => "not-checked",
            Outcome::Excepted => "excepted",
        };
        let (found, expected) = (&*row.found, &*row.expected);
        let (subject, why, fix) = (row.subject.as_deref(), row.check.why, row.check.fix);
        Self { id: row.check.id, subject, result, found, expected, why, fix }
    }
}

impl From<&Claims> for ClaimsReport {
    fn from(claims: &Claims) -> Self {
        let node = claims.node().map(NodeReport::from);
        let hardware = claims.hardware().map(HardwareReport::of);
        let valid = Some(claims.validity()).filter(|window| *window != Window::ALWAYS);
        let gpus = match claims {
            Claims::Gpu(gpu) => vec![GpuReport::from(&**gpu)],
            other => {
                let set = other.node().and_then(|node| node.gpus.as_ref());
                set.into_iter().flat_map(|set| &set.devices).map(GpuReport::from).collect()
            }
        };
        Self { hardware, valid: valid.map(Validity::from), node, gpus }
    }
}

impl From<Window> for Validity {
    fn from(window: Window) -> Self {
        Self { from: window.from.to_string(), until: window.until.to_string() }
    }
}

impl From<&NodeClaims> for NodeReport {
    fn from(node: &NodeClaims) -> Self {
        Self {
            boot_id: node.boot_id.to_string(),
            statement: node.statement_digest.to_string(),
            model: node.manifest.name.clone(),
            manifest: node.manifest_digest.to_string(),
            engine: format!("{} {}", node.manifest.engine, node.manifest.build),
            freshness: match node.freshness {
                Freshness::Cached => "none",
                Freshness::Key => "key",
                Freshness::Hardware => "hardware",
            },
            kem_epoch: node.statement.kem_epoch,
            issued_at: node.statement.issued_at.to_string(),
            expires_at: node.statement.expires_at.to_string(),
        }
    }
}
