//! The `[snp]` table as it is written, and the one way from it to checked rules.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::snp::{Generation, Measurement, TcbComponents};
use serde::Deserialize;

use super::{all, bad, bytes, set, time, word};
use crate::policy::{
    FirmwareFloor, Flag, PolicyError, Rule, SnpPolicy, TcbGrace, UnknownBits, words::Word,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snp {
    generations: Option<Vec<String>>,
    #[serde(default)]
    measurements: BTreeMap<String, String>,
    vmpls: Option<Vec<u32>>,
    revocation: Option<String>,
    #[serde(default)]
    minimum_tcb: BTreeMap<String, Tcb>,
    #[serde(default)]
    grace: BTreeMap<String, Grace>,
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

/// A floor, component by component.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tcb {
    fmc: Option<u8>,
    boot_loader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grace {
    until: String,
    fmc: Option<u8>,
    boot_loader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
}

pub(super) fn read(raw: Snp, built_in: SnpPolicy) -> Result<SnpPolicy, PolicyError> {
    let generations = raw.generations.map(|names| all("snp.generations", &names)).transpose()?;
    let vmpls = raw.vmpls.unwrap_or(built_in.vmpls);
    if let Some(level) = vmpls.iter().find(|level| **level > 3) {
        return Err(bad("snp.vmpls", &level.to_string(), "a level from 0 to 3"));
    }
    let minimum_tcb = floors(raw.minimum_tcb)?;
    Ok(SnpPolicy {
        generations: generations.unwrap_or(built_in.generations),
        measurements: raw.measurements.into_iter().map(measurement).collect::<Result<_, _>>()?,
        vmpls,
        revocation: word("snp.revocation", raw.revocation.as_deref(), built_in.revocation)?,
        grace: raw
            .grace
            .into_iter()
            .map(|entry| grace(entry, &minimum_tcb))
            .collect::<Result<_, _>>()?,
        minimum_tcb,
        provisional_firmware: word(
            "snp.provisional_firmware",
            raw.provisional_firmware.as_deref(),
            built_in.provisional_firmware,
        )?,
        minimum_firmware: raw.minimum_firmware.map(|least| {
            let Firmware { major, minor, build } = least;
            FirmwareFloor { major, minor, build }
        }),
        required_mitigations: raw.required_mitigations,
        flags: raw.flags.iter().map(flag).collect::<Result<_, _>>()?,
        unknown_bits: UnknownBits {
            policy: raw.unknown_policy_bits.unwrap_or(built_in.unknown_bits.policy),
            platform: raw.unknown_platform_bits.unwrap_or(built_in.unknown_bits.platform),
        },
        veks: raw.veks.map_or(Ok(built_in.veks), |kinds| all("snp.veks", &kinds))?,
        chips_allowed: chips("snp.chips_allowed", &raw.chips_allowed)?,
        chips_denied: chips("snp.chips_denied", &raw.chips_denied)?,
        pins: pins(&raw.pins)?,
    })
}

fn flag((name, rule): (&String, &String)) -> Result<(Flag, Rule), PolicyError> {
    let known = Flag::ALL.into_iter().find(|(known, _)| known == name);
    let (_, flag) = known.ok_or_else(|| bad("snp.flags", name, "a flag of the policy page"))?;
    Ok((flag, Rule::read(&format!("snp.flags.{name}"), rule)?))
}

/// Hardware ids: 64 bytes, or 8 from Turin.
pub(in crate::policy) fn chips(
    field: &str,
    names: &[String],
) -> Result<BTreeSet<Vec<u8>>, PolicyError> {
    let parsed = names.iter().map(|digits| {
        let bytes = hex::decode(digits).ok().filter(|bytes| matches!(bytes.len(), 8 | 64));
        bytes.ok_or_else(|| bad(field, digits, "16 or 128 hexadecimal digits"))
    });
    parsed.collect()
}

fn pins(raw: &Pins) -> Result<crate::policy::Pins, PolicyError> {
    Ok(crate::policy::Pins {
        host_data: set("snp.pins.host_data", &raw.host_data)?,
        family_ids: set("snp.pins.family_ids", &raw.family_ids)?,
        image_ids: set("snp.pins.image_ids", &raw.image_ids)?,
        id_keys: set("snp.pins.id_keys", &raw.id_keys)?,
        author_keys: set("snp.pins.author_keys", &raw.author_keys)?,
        minimum_guest_svn: raw.minimum_guest_svn,
    })
}

fn measurement((name, digits): (String, String)) -> Result<(String, Measurement), PolicyError> {
    let digest = bytes::<48>(&digits)
        .ok_or_else(|| bad(format!("snp.measurements.{name}"), &digits, "96 hexadecimal digits"))?;
    Ok((name, Measurement(digest)))
}

/// Floors by the names of generations.
pub(in crate::policy) fn floors(
    raw: BTreeMap<String, Tcb>,
) -> Result<BTreeMap<Generation, TcbComponents>, PolicyError> {
    let mut floors = BTreeMap::new();
    for (name, tcb) in raw {
        let generation = Generation::read("snp.minimum_tcb", &name)?;
        floors.insert(generation, floor("snp.minimum_tcb", generation, &tcb)?);
    }
    Ok(floors)
}

/// A lower floor that counts until a date, and only where there is a floor above it.
fn grace(
    (name, raw): (String, Grace),
    floors: &BTreeMap<Generation, TcbComponents>,
) -> Result<(Generation, TcbGrace), PolicyError> {
    let generation = Generation::read("snp.grace", &name)?;
    if !floors.contains_key(&generation) {
        let expected = "a generation that has a floor under snp.minimum_tcb";
        return Err(bad("snp.grace", &name, expected));
    }
    let Grace { until, fmc, boot_loader, tee, snp, microcode } = raw;
    let floor = floor("snp.grace", generation, &Tcb { fmc, boot_loader, tee, snp, microcode })?;
    let until = time(&format!("snp.grace.{name}.until"), &until)?;
    Ok((generation, TcbGrace { floor, until }))
}

fn floor(table: &str, generation: Generation, raw: &Tcb) -> Result<TcbComponents, PolicyError> {
    let field = format!("{table}.{}.fmc", generation.word());
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
