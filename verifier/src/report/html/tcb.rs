//! What is behind: versions that an operator must update.

use sealroom_attestation::{Outcome, claims::Finding, node::HardwareClaims, tdx::TcbClaims};

use super::{markup::Html, tables};
use crate::verdict::{Claims, Verdict};

/// Checks about versions of firmware and microcode.
const ABOUT_VERSIONS: [&str; 8] = [
    "snp.tcb.",
    "snp.firmware.",
    "snp.mitigations",
    "tdx.tcb.",
    "tdx.module.level",
    "tdx.qe.level",
    "gpu.driver",
    "gpu.vbios",
];

/// The section, where something is behind.
pub(super) fn section(verdict: &Verdict, out: &mut Html) {
    let tcb = match verdict.claims.as_ref().and_then(Claims::hardware) {
        Some(HardwareClaims::Tdx(claims)) => claims.tcb.as_ref(),
        Some(HardwareClaims::Snp(_)) | None => None,
    };
    let about = |row: &&Finding| ABOUT_VERSIONS.iter().any(|id| row.check.id.starts_with(id));
    let rows = verdict.ledger.findings().iter();
    let failed: Vec<_> = rows.filter(|row| row.outcome == Outcome::Fail).filter(about).collect();
    let behind = tcb.filter(|tcb| !tcb.shortfall.is_empty() || !tcb.advisories.is_empty());
    if failed.is_empty() && behind.is_none() {
        return;
    }
    out.raw("<section aria-labelledby=\"behind\">\n<h2 id=\"behind\">What is behind</h2>\n");
    if let Some(tcb) = behind {
        levels(tcb, out);
        shortfalls(tcb, out);
    }
    if !failed.is_empty() {
        rules(&failed, out);
    }
    out.raw("</section>\n");
}

fn levels(tcb: &TcbClaims, out: &mut Html) {
    out.element("<p>Status: <strong>", tcb.status, "</strong>. ");
    out.element("Platform ", tcb.platform.status, ", ");
    if let Some(module) = &tcb.module {
        out.element("TDX module ", module.status, ", ");
    }
    out.element("quoting enclave ", tcb.qe.status, ". ");
    if let Some(current) = tcb.current {
        out.element("Now, after updates without a restart: ", current, ". ");
    }
    let advisories = tcb.advisories.join(", ");
    let none = "none".to_owned();
    let advisories = if advisories.is_empty() { none } else { advisories };
    out.element("Intel's advisories: ", advisories, ".</p>\n");
}

fn shortfalls(tcb: &TcbClaims, out: &mut Html) {
    if tcb.shortfall.is_empty() {
        return;
    }
    tables::begin(
        out,
        "Versions below the newest level",
        &["Version", "Has", "Needs", "What to update"],
    );
    for one in &tcb.shortfall {
        tables::row(out, "bad", &one.part);
        tables::cell(out, "Has", one.has);
        tables::cell(out, "Needs", one.needs);
        let update = if one.update.is_empty() { "Intel does not say" } else { &one.update };
        tables::cell(out, "What to update", update);
        tables::end_row(out);
    }
    tables::end(out);
}

fn rules(failed: &[&Finding], out: &mut Html) {
    let columns = ["Check", "About", "Found", "Wanted", "What to do"];
    tables::begin(out, "Rules about versions that fail", &columns);
    for row in failed {
        tables::row(out, "bad", row.check.id);
        tables::cell(out, "About", row.subject.as_deref().unwrap_or("the platform"));
        tables::cell(out, "Found", &row.found);
        tables::cell(out, "Wanted", &row.expected);
        tables::cell(out, "What to do", row.check.fix);
        tables::end_row(out);
    }
    tables::end(out);
}
