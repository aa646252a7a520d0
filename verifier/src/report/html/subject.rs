//! What was judged, and when.

use std::fmt::Display;

use sealroom_attestation::{
    gpu::GpuClaims,
    node::{Freshness, HardwareClaims, NodeClaims},
    receipt::{Receipt, Usage},
    snp::{Chip, SnpClaims},
    tdx::{Body, TdxClaims, Tee},
};

use super::{markup::Html, tables};
use crate::{
    report::provenance::devices,
    verdict::{Claims, Crypto, Verdict},
};

/// The section, with the time and the evidence's name last.
pub(super) fn section(verdict: &Verdict, out: &mut Html) {
    out.raw("<section aria-labelledby=\"judged\">\n<h2 id=\"judged\">What was judged</h2>\n");
    if verdict.crypto != Crypto::Genuine {
        out.raw("<p>What follows is what the evidence says of itself. It is not proven.</p>\n");
    }
    out.raw("<dl>\n");
    match verdict.claims.as_ref().and_then(Claims::hardware) {
        Some(HardwareClaims::Snp(claims)) => of_snp(claims, out),
        Some(HardwareClaims::Tdx(claims)) => of_tdx(claims, out),
        None if verdict.claims.is_none() => term(out, "Evidence", "could not be decoded"),
        None => {}
    }
    if let Some(node) = verdict.claims.as_ref().and_then(Claims::node) {
        of_node(node, out);
    }
    if let Some(receipt) = &verdict.receipt {
        of_receipt(receipt, out);
    }
    out.raw("<div><dt>Judged at</dt><dd>").time(verdict.at).raw("</dd></div>\n");
    match verdict.evidence_id() {
        Some(id) => value(out, "Evidence id", id),
        None => term(out, "Evidence id", "none: the signing key's certificate is missing"),
    }
    out.raw("</dl>\n");
    of_devices(&devices(verdict), out);
    out.raw("</section>\n");
}

/// A term and its description, in words.
fn term(out: &mut Html, name: &'static str, text: impl Display) {
    out.element("<div><dt>", name, "</dt>").element("<dd>", text, "</dd></div>\n");
}

/// A term and its value, digit by digit.
fn value(out: &mut Html, name: &'static str, text: impl Display) {
    out.element("<div><dt>", name, "</dt>").element("<dd><code>", text, "</code></dd></div>\n");
}

fn of_receipt(receipt: &Receipt, out: &mut Html) {
    let Usage { prompt, completion, cached } = receipt.usage;
    let words = format!("{prompt} asked, {cached} of them computed before; {completion} answered");
    value(out, "Receipt of request", hex::encode(receipt.request_id));
    term(out, "Its place in this boot", receipt.sequence);
    term(out, "Its tokens", words);
    term(out, "Its time, by the guest's clock", receipt.issued_at);
}

fn of_snp(claims: &SnpClaims, out: &mut Html) {
    let report = &claims.report;
    let generation = claims.generation.map_or("generation unknown", |one| one.name());
    term(out, "Platform", format!("AMD SEV-SNP, {generation}"));
    match claims.chip() {
        Chip::Bound(id) => value(out, "Chip, by its own key", hex::encode(id)),
        Chip::Stated(id) => value(out, "Chip, as the report says", hex::encode(id)),
        Chip::Unknown => term(out, "Chip", "not said"),
    }
    value(out, "Measurement", report.measurement);
    value(out, "Report data", report.report_data);
    term(out, "Privilege level", format!("VMPL {}", report.vmpl));
    let tcb = claims.generation.map(|one| report.reported_tcb.components(one).to_string());
    term(out, "Reported TCB", tcb.unwrap_or_else(|| hex::encode(report.reported_tcb.0)));
}

fn of_tdx(claims: &TdxClaims, out: &mut Html) {
    let tee = match claims.quote.tee {
        Tee::Tdx => "Intel TDX",
        Tee::Sgx => "Intel SGX",
    };
    term(out, "Platform", format!("{tee}, quote of version {}", claims.quote.version));
    if let Some(pck) = &claims.pck {
        value(out, "Model (FMSPC)", hex::encode(pck.extensions.fmspc.0));
        value(out, "Platform (PPID)", hex::encode(pck.extensions.ppid));
    }
    match &claims.quote.body {
        Body::Td(td) => {
            value(out, "Measurement (MRTD)", td.mr_td);
            for (name, rtmr) in ["RTMR0", "RTMR1", "RTMR2", "RTMR3"].into_iter().zip(&td.rtmr) {
                value(out, name, rtmr);
            }
            value(out, "TDX module (MRSEAM)", td.mr_seam);
            term(out, "Attributes", td.attributes);
        }
        Body::Enclave(enclave) => {
            value(out, "Measurement (MRENCLAVE)", hex::encode(enclave.mr_enclave));
            value(out, "Signer (MRSIGNER)", hex::encode(enclave.mr_signer));
        }
    }
    value(out, "Report data", hex::encode(claims.quote.body.report_data()));
    if let Some(tcb) = &claims.tcb {
        term(out, "TCB status", format!("{}, levels of {}", tcb.status, tcb.date));
    }
}

fn of_node(node: &NodeClaims, out: &mut Html) {
    term(out, "Model", &node.manifest.name);
    value(out, "Model's manifest", node.manifest_digest);
    term(out, "Engine", format!("{} {}", node.manifest.engine, node.manifest.build));
    value(out, "Boot", node.boot_id);
    let freshness = match node.freshness {
        Freshness::Cached => "none: no nonce of the reader's own is covered",
        Freshness::Key => "key: the attested identity signed this session",
        Freshness::Hardware => "hardware: the quote is younger than the reader's nonce",
    };
    term(out, "Freshness", freshness);
}

fn of_devices(devices: &[(Option<String>, &GpuClaims)], out: &mut Html) {
    if devices.is_empty() {
        return;
    }
    let columns = ["Device", "Model", "UEID", "Driver", "VBIOS", "Mode", "Measurements"];
    tables::begin(out, "GPUs and switches", &columns);
    for (label, device) in devices {
        let fields = &device.report.fields;
        let identity = device.identity.as_ref();
        tables::row(out, "", label.as_deref().unwrap_or("the device"));
        tables::cell(out, "Model", identity.map_or("not known", |one| one.model.as_str()));
        tables::cell(
            out,
            "UEID",
            identity.map_or_else(|| "not known".to_owned(), |one| one.ueid()),
        );
        tables::cell(out, "Driver", fields.gpu().map_or("none", |gpu| gpu.driver.as_str()));
        tables::cell(out, "VBIOS", &fields.vbios);
        let mode = fields.mode.map_or_else(|| "not said".to_owned(), |mode| format!("{mode:?}"));
        tables::cell(out, "Mode", mode);
        let (all, compared) = (device.report.measurements.len(), &device.compared);
        let matched: usize = compared.iter().map(|one| one.matched).sum();
        tables::cell(
            out,
            "Measurements",
            format!("{all}, of which {matched} equal a reference value"),
        );
        tables::end_row(out);
    }
    tables::end(out);
}
