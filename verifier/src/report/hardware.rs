//! The hardware's claims in JSON, one shape for each platform; `platform` says which.

use sealroom_attestation::{
    node::HardwareClaims,
    snp::{self, SnpClaims},
    tdx::{self, Body, TcbClaims, TdReport, TdxClaims},
};
use serde::Serialize;

/// What the hardware claims.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum HardwareReport {
    /// AMD SEV-SNP.
    Snp(Box<SnpReport>),
    /// Intel TDX or SGX.
    Tdx(Box<TdxReport>),
}

#[derive(Debug, Serialize)]
pub(super) struct SnpReport {
    platform: &'static str,
    generation: Option<&'static str>,
    vek: Option<String>,
    chip_id: String,
    report_version: u32,
    vmpl: u32,
    measurement: String,
    report_data: String,
    host_data: String,
    guest_policy: String,
    platform_info: String,
    reported_tcb: String,
    revocation: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct TdxReport {
    platform: &'static str,
    quote_version: u16,
    report_data: String,
    fmspc: Option<String>,
    ppid: Option<String>,
    platform_instance_id: Option<String>,
    tcb: Option<TcbReport>,
    td: Option<TdFields>,
    mr_enclave: Option<String>,
    mr_signer: Option<String>,
    revocation: &'static str,
}

#[derive(Debug, Serialize)]
struct TcbReport {
    status: &'static str,
    platform: &'static str,
    module: Option<&'static str>,
    quoting_enclave: &'static str,
    present: Option<&'static str>,
    date: String,
    advisories: Vec<String>,
    shortfall: Vec<String>,
    evaluation_number: u32,
    qe_evaluation_number: u32,
}

#[derive(Debug, Serialize)]
struct TdFields {
    tee_tcb_svn: String,
    tee_tcb_svn2: Option<String>,
    mr_seam: String,
    mr_td: String,
    rtmr: Vec<String>,
    mr_config_id: String,
    mr_owner: String,
    mr_owner_config: String,
    mr_service_td: Option<String>,
    attributes: String,
    xfam: String,
}

impl HardwareReport {
    pub(super) fn of(hardware: &HardwareClaims) -> Self {
        match hardware {
            HardwareClaims::Snp(claims) => Self::Snp(Box::new((&**claims).into())),
            HardwareClaims::Tdx(claims) => Self::Tdx(Box::new((&**claims).into())),
        }
    }
}

impl From<&SnpClaims> for SnpReport {
    fn from(claims: &SnpClaims) -> Self {
        let SnpClaims { report, generation, vek, .. } = claims;
        let tcb = report.reported_tcb;
        let bare = || hex::encode(tcb.0);
        Self {
            platform: "snp",
            generation: generation.map(|generation| generation.name()),
            vek: vek.as_ref().map(|vek| vek.kind.to_string()),
            chip_id: report.chip_id.to_string(),
            report_version: report.version,
            vmpl: report.vmpl,
            measurement: report.measurement.to_string(),
            report_data: report.report_data.to_string(),
            host_data: hex::encode(report.host_data),
            guest_policy: report.policy.to_string(),
            platform_info: report.platform_info.to_string(),
            reported_tcb: generation.map_or_else(bare, |name| tcb.components(name).to_string()),
            revocation: match claims.revocation {
                snp::Revocation::Checked => "checked",
                snp::Revocation::NotGiven => "not-checked",
            },
        }
    }
}

impl From<&TdxClaims> for TdxReport {
    fn from(claims: &TdxClaims) -> Self {
        let pck = claims.pck.as_ref().map(|pck| &pck.extensions);
        let enclave = match &claims.quote.body {
            Body::Enclave(report) => Some(report),
            Body::Td(_) => None,
        };
        Self {
            platform: match claims.quote.tee {
                tdx::Tee::Tdx => "tdx",
                tdx::Tee::Sgx => "sgx",
            },
            quote_version: claims.quote.version,
            report_data: hex::encode(claims.quote.body.report_data()),
            fmspc: pck.map(|pck| hex::encode(pck.fmspc.0)),
            ppid: pck.map(|pck| hex::encode(pck.ppid)),
            platform_instance_id: pck.and_then(|pck| pck.platform_instance_id.map(hex::encode)),
            tcb: claims.tcb.as_ref().map(TcbReport::from),
            td: claims.quote.body.td().map(TdFields::from),
            mr_enclave: enclave.map(|report| hex::encode(report.mr_enclave)),
            mr_signer: enclave.map(|report| hex::encode(report.mr_signer)),
            revocation: match claims.revocation {
                tdx::Revocation::Checked => "checked",
                tdx::Revocation::NotGiven => "not-checked",
            },
        }
    }
}

impl From<&TcbClaims> for TcbReport {
    fn from(tcb: &TcbClaims) -> Self {
        Self {
            status: tcb.status.name(),
            platform: tcb.platform.status.name(),
            module: tcb.module.as_ref().map(|level| level.status.name()),
            quoting_enclave: tcb.qe.status.name(),
            present: tcb.current.map(tdx::TcbStatus::name),
            date: tcb.date.to_string(),
            advisories: tcb.advisories.clone(),
            shortfall: tcb.shortfall.iter().map(ToString::to_string).collect(),
            evaluation_number: tcb.evaluation_number,
            qe_evaluation_number: tcb.qe_evaluation_number,
        }
    }
}

impl From<&TdReport> for TdFields {
    fn from(td: &TdReport) -> Self {
        let td15 = td.td15.as_ref();
        Self {
            tee_tcb_svn: td.tee_tcb_svn.to_string(),
            tee_tcb_svn2: td15.map(|td15| td15.tee_tcb_svn2.to_string()),
            mr_seam: td.mr_seam.to_string(),
            mr_td: td.mr_td.to_string(),
            rtmr: td.rtmr.iter().map(ToString::to_string).collect(),
            mr_config_id: td.mr_config_id.to_string(),
            mr_owner: td.mr_owner.to_string(),
            mr_owner_config: td.mr_owner_config.to_string(),
            mr_service_td: td15.map(|td15| td15.mr_service_td.to_string()),
            attributes: td.attributes.to_string(),
            xfam: td.xfam.to_string(),
        }
    }
}
