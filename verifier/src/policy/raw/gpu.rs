//! The `[gpu]` table as it is written, and the one way from it to checked rules.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{evidence::GpuClass, gpu::Mode};
use serde::Deserialize;

use super::bad;
use crate::policy::{
    Architecture, GpuPolicy, PolicyError, Required, Revocation, Suspended, Version,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpu {
    required: Option<String>,
    count: Option<usize>,
    architectures: Option<Vec<String>>,
    #[serde(default)]
    modes: Vec<String>,
    minimum_driver: Option<String>,
    #[serde(default)]
    drivers_denied: Vec<String>,
    #[serde(default)]
    minimum_vbios: BTreeMap<String, String>,
    #[serde(default)]
    vbios_denied: Vec<String>,
    reference_values: Option<String>,
    revocation: Option<String>,
    suspended_signers: Option<String>,
    maximum_rim_age: Option<u64>,
    maximum_ocsp_age: Option<u64>,
}

impl TryFrom<Gpu> for GpuPolicy {
    type Error = PolicyError;

    fn try_from(raw: Gpu) -> Result<Self, PolicyError> {
        let built_in = Self::built_in();
        let architectures = raw.architectures.map(|names| {
            names.iter().map(|name| class("gpu.architectures", name)).collect::<Result<_, _>>()
        });
        let required = match raw.required.as_deref() {
            None => built_in.required,
            Some("when-used") => Required::WhenUsed,
            Some("always") => Required::Always,
            Some(other) => return Err(bad("gpu.required", other, "\"when-used\" or \"always\"")),
        };
        let suspended_signers = match raw.suspended_signers.as_deref() {
            None => built_in.suspended_signers,
            Some("refused") => Suspended::Refused,
            Some("allowed") => Suspended::Allowed,
            Some(other) => {
                return Err(bad("gpu.suspended_signers", other, "\"refused\" or \"allowed\""));
            }
        };
        let least = raw.minimum_driver.map(|text| driver("gpu.minimum_driver", &text));
        Ok(Self {
            required,
            count: raw.count,
            architectures: architectures.transpose()?.unwrap_or(built_in.architectures),
            modes: raw.modes.iter().map(|name| mode(name)).collect::<Result<_, _>>()?,
            minimum_driver: least.transpose()?,
            drivers_denied: set(&raw.drivers_denied, |text| driver("gpu.drivers_denied", text))?,
            minimum_vbios: raw.minimum_vbios.into_iter().map(floor).collect::<Result<_, _>>()?,
            vbios_denied: set(&raw.vbios_denied, |text| vbios("gpu.vbios_denied", text))?,
            reference_values: need("gpu.reference_values", raw.reference_values.as_deref())?,
            revocation: need("gpu.revocation", raw.revocation.as_deref())?,
            suspended_signers,
            maximum_rim_age: raw.maximum_rim_age,
            maximum_ocsp_age: raw.maximum_ocsp_age,
        })
    }
}

fn need(field: &str, text: Option<&str>) -> Result<Revocation, PolicyError> {
    match text {
        None | Some("required") => Ok(Revocation::Required),
        Some("if-given") => Ok(Revocation::IfGiven),
        Some(other) => Err(bad(field, other, "\"required\" or \"if-given\"")),
    }
}

fn class(field: &str, name: &str) -> Result<GpuClass, PolicyError> {
    match name {
        "hopper" => Ok(GpuClass::Hopper),
        "blackwell" => Ok(GpuClass::Blackwell),
        other => Err(bad(field, other, "\"hopper\" or \"blackwell\"")),
    }
}

fn mode(name: &str) -> Result<Mode, PolicyError> {
    match name {
        "single" => Ok(Mode::Single),
        "multi" => Ok(Mode::Multi),
        "protected-pcie" => Ok(Mode::ProtectedPcie),
        other => Err(bad("gpu.modes", other, "\"single\", \"multi\" or \"protected-pcie\"")),
    }
}

fn floor((name, text): (String, String)) -> Result<(Architecture, Version), PolicyError> {
    let field = format!("gpu.minimum_vbios.{name}");
    let architecture = Architecture::of(class("gpu.minimum_vbios", &name)?);
    let architecture = architecture.ok_or_else(|| bad(&*field, &name, "a GPU"))?;
    Ok((architecture, vbios(&field, &text)?))
}

fn driver(field: &str, text: &str) -> Result<Version, PolicyError> {
    Version::driver(text).ok_or_else(|| bad(field, text, "a driver version, as 550.90.07"))
}

fn vbios(field: &str, text: &str) -> Result<Version, PolicyError> {
    Version::vbios(text).ok_or_else(|| bad(field, text, "a VBIOS version, as 96.00.9F.00.01"))
}

fn set(
    texts: &[String],
    read: impl Fn(&str) -> Result<Version, PolicyError>,
) -> Result<BTreeSet<Version>, PolicyError> {
    texts.iter().map(|text| read(text)).collect()
}
