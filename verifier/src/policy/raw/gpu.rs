//! The `[gpu]` table as it is written, and the one way from it to checked rules.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::evidence::GpuClass;
use serde::Deserialize;

use super::{all, bad, word};
use crate::policy::{Architecture, GpuPolicy, PolicyError, Version, words::Word};

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
        let architectures = raw.architectures.map(|names| all("gpu.architectures", &names));
        let least = raw.minimum_driver.map(|text| driver("gpu.minimum_driver", &text));
        Ok(Self {
            required: word("gpu.required", raw.required.as_deref(), built_in.required)?,
            count: raw.count,
            architectures: architectures.transpose()?.unwrap_or(built_in.architectures),
            modes: all("gpu.modes", &raw.modes)?,
            minimum_driver: least.transpose()?,
            drivers_denied: versions(&raw.drivers_denied, |text| {
                driver("gpu.drivers_denied", text)
            })?,
            minimum_vbios: raw.minimum_vbios.into_iter().map(floor).collect::<Result<_, _>>()?,
            vbios_denied: versions(&raw.vbios_denied, |text| vbios("gpu.vbios_denied", text))?,
            reference_values: word(
                "gpu.reference_values",
                raw.reference_values.as_deref(),
                built_in.reference_values,
            )?,
            revocation: word("gpu.revocation", raw.revocation.as_deref(), built_in.revocation)?,
            suspended_signers: word(
                "gpu.suspended_signers",
                raw.suspended_signers.as_deref(),
                built_in.suspended_signers,
            )?,
            maximum_rim_age: raw.maximum_rim_age,
            maximum_ocsp_age: raw.maximum_ocsp_age,
        })
    }
}

pub(in crate::policy) fn floor(
    (name, text): (String, String),
) -> Result<(Architecture, Version), PolicyError> {
    let field = format!("gpu.minimum_vbios.{name}");
    let architecture = Architecture::of(GpuClass::read("gpu.minimum_vbios", &name)?);
    let architecture = architecture.ok_or_else(|| bad(&*field, &name, "a GPU"))?;
    Ok((architecture, vbios(&field, &text)?))
}

pub(in crate::policy) fn driver(field: &str, text: &str) -> Result<Version, PolicyError> {
    Version::driver(text).ok_or_else(|| bad(field, text, "a driver version, as 550.90.07"))
}

pub(in crate::policy) fn vbios(field: &str, text: &str) -> Result<Version, PolicyError> {
    Version::vbios(text).ok_or_else(|| bad(field, text, "a VBIOS version, as 96.00.9F.00.01"))
}

fn versions(
    texts: &[String],
    read: impl Fn(&str) -> Result<Version, PolicyError>,
) -> Result<BTreeSet<Version>, PolicyError> {
    texts.iter().map(|text| read(text)).collect()
}
