//! The policy file as it is written, and the one way from it to a checked [`super::Policy`].

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{
    digests::ManifestDigest,
    node::Freshness,
    snp::{Generation, Measurement, TcbComponents, VekKind},
};
use serde::Deserialize;

mod gpu;
mod tdx;

use super::{FirmwareFloor, Flag, PolicyError, Revocation, Rule, SnpPolicy, UnknownBits};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    version: u64,
    freshness: Option<String>,
    #[serde(default)]
    snp: Snp,
    #[serde(default)]
    tdx: tdx::Tdx,
    #[serde(default)]
    gpu: gpu::Gpu,
    #[serde(default)]
    models: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snp {
    generations: Option<Vec<String>>,
    #[serde(default)]
    measurements: BTreeMap<String, String>,
    vmpls: Option<Vec<u32>>,
    revocation: Option<String>,
    #[serde(default)]
    minimum_tcb: BTreeMap<String, Tcb>,
    provisional_firmware: Option<String>,
    minimum_firmware: Option<Firmware>,
    #[serde(default)]
    required_mitigations: u64,
    #[serde(default)]
    flags: BTreeMap<String, String>,
    unknown_policy_bits: Option<u64>,
    unknown_platform_bits: Option<u64>,
    veks: Option<Vec<String>>,
    #[serde(default)]
    chips_allowed: Vec<String>,
    #[serde(default)]
    chips_denied: Vec<String>,
    #[serde(default)]
    pins: Pins,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Firmware {
    major: u8,
    minor: u8,
    build: u8,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pins {
    #[serde(default)]
    host_data: Vec<String>,
    #[serde(default)]
    family_ids: Vec<String>,
    #[serde(default)]
    image_ids: Vec<String>,
    #[serde(default)]
    id_keys: Vec<String>,
    #[serde(default)]
    author_keys: Vec<String>,
    #[serde(default)]
    minimum_guest_svn: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tcb {
    fmc: Option<u8>,
    boot_loader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
}

impl TryFrom<Policy> for super::Policy {
    type Error = PolicyError;

    fn try_from(raw: Policy) -> Result<Self, PolicyError> {
        if raw.version != 1 {
            return Err(PolicyError::Version { found: raw.version });
        }
        let built_in = Self::built_in();
        let freshness = raw.freshness.as_deref().map(freshness).transpose()?;
        let models = raw.models.into_iter().map(model).collect::<Result<_, _>>()?;
        Ok(Self {
            freshness: freshness.unwrap_or(built_in.freshness),
            snp: snp(raw.snp, built_in.snp)?,
            tdx: raw.tdx.try_into()?,
            gpu: raw.gpu.try_into()?,
            models,
        })
    }
}

fn bad(field: impl Into<String>, found: &str, expected: &'static str) -> PolicyError {
    PolicyError::Value { field: field.into(), found: found.to_owned(), expected }
}

fn freshness(text: &str) -> Result<Freshness, PolicyError> {
    match text {
        "hardware" => Ok(Freshness::Hardware),
        "key" => Ok(Freshness::Key),
        "none" => Ok(Freshness::Cached),
        other => Err(bad("freshness", other, "\"hardware\", \"key\" or \"none\"")),
    }
}

fn snp(raw: Snp, built_in: SnpPolicy) -> Result<SnpPolicy, PolicyError> {
    let generations = raw.generations.map(|names| {
        names.iter().map(|name| generation("snp.generations", name)).collect::<Result<Vec<_>, _>>()
    });
    let revocation = match raw.revocation.as_deref() {
        None => built_in.revocation,
        Some("required") => Revocation::Required,
        Some("if-given") => Revocation::IfGiven,
        Some(other) => return Err(bad("snp.revocation", other, "\"required\" or \"if-given\"")),
    };
    let vmpls = raw.vmpls.unwrap_or(built_in.vmpls);
    if let Some(level) = vmpls.iter().find(|level| **level > 3) {
        return Err(bad("snp.vmpls", &level.to_string(), "a level from 0 to 3"));
    }
    let mut minimum_tcb = BTreeMap::new();
    for (name, tcb) in raw.minimum_tcb {
        let generation = generation("snp.minimum_tcb", &name)?;
        minimum_tcb.insert(generation, floor(generation, &tcb)?);
    }
    Ok(SnpPolicy {
        generations: generations.transpose()?.unwrap_or(built_in.generations),
        measurements: raw.measurements.into_iter().map(measurement).collect::<Result<_, _>>()?,
        vmpls,
        revocation,
        minimum_tcb,
        provisional_firmware: match raw.provisional_firmware.as_deref() {
            None => built_in.provisional_firmware,
            Some("refused") => Rule::Refused,
            Some("allowed") => Rule::Any,
            Some(other) => {
                return Err(bad("snp.provisional_firmware", other, "\"refused\" or \"allowed\""));
            }
        },
        minimum_firmware: raw.minimum_firmware.map(|least| {
            let Firmware { major, minor, build } = least;
            FirmwareFloor { major, minor, build }
        }),
        required_mitigations: raw.required_mitigations,
        flags: raw.flags.into_iter().map(flag).collect::<Result<_, _>>()?,
        unknown_bits: UnknownBits {
            policy: raw.unknown_policy_bits.unwrap_or(built_in.unknown_bits.policy),
            platform: raw.unknown_platform_bits.unwrap_or(built_in.unknown_bits.platform),
        },
        veks: raw
            .veks
            .map_or(Ok(built_in.veks), |kinds| kinds.iter().map(|kind| vek(kind)).collect())?,
        chips_allowed: chips("snp.chips_allowed", &raw.chips_allowed)?,
        chips_denied: chips("snp.chips_denied", &raw.chips_denied)?,
        pins: pins(&raw.pins)?,
    })
}

fn flag((name, rule): (String, String)) -> Result<(Flag, Rule), PolicyError> {
    let known = Flag::ALL.into_iter().find(|(known, _)| *known == name);
    let (_, flag) = known.ok_or_else(|| bad("snp.flags", &name, "a flag of the policy page"))?;
    let rule = match rule.as_str() {
        "required" => Rule::Required,
        "refused" => Rule::Refused,
        "any" => Rule::Any,
        other => {
            let field = format!("snp.flags.{name}");
            return Err(bad(field, other, "\"required\", \"refused\" or \"any\""));
        }
    };
    Ok((flag, rule))
}

fn vek(name: &str) -> Result<VekKind, PolicyError> {
    match name {
        "vcek" => Ok(VekKind::Vcek),
        "vlek" => Ok(VekKind::Vlek),
        other => Err(bad("snp.veks", other, "\"vcek\" or \"vlek\"")),
    }
}

/// Hardware ids: 64 bytes, or 8 from Turin.
fn chips(field: &str, names: &[String]) -> Result<BTreeSet<Vec<u8>>, PolicyError> {
    let parsed = names.iter().map(|digits| {
        let bytes = hex::decode(digits).ok().filter(|bytes| matches!(bytes.len(), 8 | 64));
        bytes.ok_or_else(|| bad(field, digits, "16 or 128 hexadecimal digits"))
    });
    parsed.collect()
}

fn pins(raw: &Pins) -> Result<super::Pins, PolicyError> {
    Ok(super::Pins {
        host_data: set("snp.pins.host_data", &raw.host_data)?,
        family_ids: set("snp.pins.family_ids", &raw.family_ids)?,
        image_ids: set("snp.pins.image_ids", &raw.image_ids)?,
        id_keys: set("snp.pins.id_keys", &raw.id_keys)?,
        author_keys: set("snp.pins.author_keys", &raw.author_keys)?,
        minimum_guest_svn: raw.minimum_guest_svn,
    })
}

fn set<const N: usize>(field: &str, values: &[String]) -> Result<BTreeSet<[u8; N]>, PolicyError> {
    let expected = match N {
        16 => "32 hexadecimal digits",
        32 => "64 hexadecimal digits",
        _ => "96 hexadecimal digits",
    };
    let parsed =
        values.iter().map(|digits| bytes(digits).ok_or_else(|| bad(field, digits, expected)));
    parsed.collect()
}

fn generation(field: &str, name: &str) -> Result<Generation, PolicyError> {
    let known = Generation::ALL.into_iter();
    let mut named = known.filter(|known| known.to_string().eq_ignore_ascii_case(name));
    named.next().ok_or_else(|| bad(field, name, "\"milan\", \"genoa\", \"turin\" or \"venice\""))
}

fn measurement((name, digits): (String, String)) -> Result<(String, Measurement), PolicyError> {
    let digest = bytes::<48>(&digits)
        .ok_or_else(|| bad(format!("snp.measurements.{name}"), &digits, "96 hexadecimal digits"))?;
    Ok((name, Measurement(digest)))
}

fn model(
    (name, digests): (String, Vec<String>),
) -> Result<(String, Vec<ManifestDigest>), PolicyError> {
    let field = format!("models.{name}");
    if digests.is_empty() {
        return Err(bad(field, "[]", "at least one manifest digest"));
    }
    let parsed = digests.iter().map(|digits| {
        let digest = bytes::<32>(digits);
        digest.map(ManifestDigest).ok_or_else(|| bad(&*field, digits, "64 hexadecimal digits"))
    });
    let digests = parsed.collect::<Result<_, _>>()?;
    Ok((name, digests))
}

fn floor(generation: Generation, raw: &Tcb) -> Result<TcbComponents, PolicyError> {
    let field = format!("snp.minimum_tcb.{}.fmc", generation.to_string().to_lowercase());
    match (generation, raw.fmc) {
        (Generation::Turin | Generation::Venice, None) => return Err(bad(field, "", "a number")),
        (Generation::Milan | Generation::Genoa, Some(fmc)) => {
            return Err(bad(field, &fmc.to_string(), "nothing: an FMC is there from Turin on"));
        }
        _ => {}
    }
    let Tcb { fmc, boot_loader, tee, snp, microcode } = *raw;
    Ok(TcbComponents { fmc, boot_loader, tee, snp, microcode, reserved: [0; 4] })
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
}
