//! A GPU's or a switch's claims in JSON.

use sealroom_attestation::{
    evidence::GpuClass,
    gpu::{Challenge, GpuClaims, compare::Compared},
};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct GpuReport {
    class: &'static str,
    model: Option<String>,
    serial: Option<String>,
    pdi: Option<String>,
    driver: Option<String>,
    vbios: String,
    mode: Option<String>,
    protected_pcie: Option<bool>,
    nonce: String,
    nonce_compared: bool,
    measurements: usize,
    compared: Vec<ComparedReport>,
}

#[derive(Debug, Serialize)]
struct ComparedReport {
    rim: String,
    kind: String,
    version: String,
    issued: String,
    matched: usize,
    golden: usize,
}

impl From<&GpuClaims> for GpuReport {
    fn from(claims: &GpuClaims) -> Self {
        let fields = &claims.report.fields;
        let identity = claims.identity.as_ref();
        Self {
            class: match claims.report.class {
                GpuClass::Hopper => "hopper",
                GpuClass::Blackwell => "blackwell",
                GpuClass::Ls10 => "ls10",
            },
            model: identity.map(|identity| identity.model.clone()),
            serial: identity.map(|identity| hex::encode(&identity.serial)),
            pdi: identity.and_then(|identity| identity.pdi).map(|pdi| pdi.to_string()),
            driver: fields.gpu().map(|gpu| gpu.driver.clone()),
            vbios: fields.vbios.clone(),
            mode: fields.mode.map(|mode| format!("{mode:?}")),
            protected_pcie: fields
                .ppcie
                .map(|toggle| toggle == sealroom_attestation::gpu::Toggle::On),
            nonce: hex::encode(claims.report.nonce),
            nonce_compared: claims.challenge == Challenge::Answered,
            measurements: claims.report.measurements.len(),
            compared: claims.compared.iter().map(ComparedReport::from).collect(),
        }
    }
}

impl From<&Compared> for ComparedReport {
    fn from(one: &Compared) -> Self {
        Self {
            rim: one.id.clone(),
            kind: one.kind.to_string(),
            version: one.version.clone(),
            issued: one.issued.to_string(),
            matched: one.matched,
            golden: one.golden,
        }
    }
}
