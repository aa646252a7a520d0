//! The `[tdx]` table as it is written, and the one way from it to checked rules.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::tdx::{Measurement, TcbStatus};
use serde::Deserialize;

use super::{bad, bytes};
use crate::policy::{PolicyError, Revocation, Rule, TdImage, TdxFlag, TdxPolicy};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tdx {
    #[serde(default)]
    images: BTreeMap<String, Image>,
    statuses: Option<Vec<String>>,
    #[serde(default)]
    advisories_denied: BTreeSet<String>,
    #[serde(default)]
    minimum_evaluation: u32,
    maximum_age: Option<u64>,
    revocation: Option<String>,
    #[serde(default)]
    flags: BTreeMap<String, String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    config_ids: Vec<String>,
    #[serde(default)]
    owners: Vec<String>,
    #[serde(default)]
    owner_configs: Vec<String>,
    #[serde(default)]
    platforms_allowed: Vec<String>,
    #[serde(default)]
    platforms_denied: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    mrtd: String,
    rtmr0: Option<String>,
    rtmr1: Option<String>,
    rtmr2: Option<String>,
    rtmr3: Option<String>,
}

impl TryFrom<Tdx> for TdxPolicy {
    type Error = PolicyError;

    fn try_from(raw: Tdx) -> Result<Self, PolicyError> {
        let built_in = Self::built_in();
        let revocation = match raw.revocation.as_deref() {
            None => built_in.revocation,
            Some("required") => Revocation::Required,
            Some("if-given") => Revocation::IfGiven,
            Some(other) => {
                return Err(bad("tdx.revocation", other, "\"required\" or \"if-given\""));
            }
        };
        let statuses = raw.statuses.map(|names| names.iter().map(|name| status(name)).collect());
        let mut flags = built_in.flags;
        for (name, text) in raw.flags {
            let (flag, rule) = flag(&name, &text)?;
            flags.insert(flag, rule);
        }
        Ok(Self {
            images: raw.images.into_iter().map(image).collect::<Result<_, _>>()?,
            statuses: statuses.transpose()?.unwrap_or(built_in.statuses),
            advisories_denied: raw.advisories_denied,
            minimum_evaluation: raw.minimum_evaluation,
            maximum_age: raw.maximum_age,
            revocation,
            flags,
            modules: measurements("tdx.modules", &raw.modules)?,
            config_ids: measurements("tdx.config_ids", &raw.config_ids)?,
            owners: measurements("tdx.owners", &raw.owners)?,
            owner_configs: measurements("tdx.owner_configs", &raw.owner_configs)?,
            platforms_allowed: platforms("tdx.platforms_allowed", &raw.platforms_allowed)?,
            platforms_denied: platforms("tdx.platforms_denied", &raw.platforms_denied)?,
        })
    }
}

/// States by Intel's names. What is revoked is refused before any policy.
fn status(name: &str) -> Result<TcbStatus, PolicyError> {
    const ALL: [TcbStatus; 8] = [
        TcbStatus::UpToDate,
        TcbStatus::SWHardeningNeeded,
        TcbStatus::ConfigurationNeeded,
        TcbStatus::ConfigurationAndSWHardeningNeeded,
        TcbStatus::OutOfDate,
        TcbStatus::OutOfDateConfigurationNeeded,
        TcbStatus::RelaunchAdvised,
        TcbStatus::RelaunchAdvisedConfigurationNeeded,
    ];
    let known = ALL.into_iter().find(|status| status.name() == name);
    known.ok_or_else(|| bad("tdx.statuses", name, "a TCB status as Intel spells it"))
}

fn flag(name: &str, text: &str) -> Result<(TdxFlag, Rule), PolicyError> {
    let known = TdxFlag::ALL.into_iter().find(|(known, _)| *known == name);
    let (_, flag) = known.ok_or_else(|| bad("tdx.flags", name, "a flag of TDX"))?;
    let rule = match text {
        "required" => Rule::Required,
        "refused" => Rule::Refused,
        "any" => Rule::Any,
        other => {
            let field = format!("tdx.flags.{name}");
            return Err(bad(field, other, "\"required\", \"refused\" or \"any\""));
        }
    };
    Ok((flag, rule))
}

fn image((name, raw): (String, Image)) -> Result<(String, TdImage), PolicyError> {
    let field = format!("tdx.images.{name}");
    let read = |digits: String| measurement(&field, &digits);
    let pinned = |digits: Option<String>| digits.map(read).transpose();
    let rtmr = [pinned(raw.rtmr0)?, pinned(raw.rtmr1)?, pinned(raw.rtmr2)?, pinned(raw.rtmr3)?];
    let mr_td = measurement(&field, &raw.mrtd)?;
    Ok((name, TdImage { mr_td, rtmr }))
}

fn measurement(field: &str, digits: &str) -> Result<Measurement, PolicyError> {
    let digest = bytes::<48>(digits);
    digest.map(Measurement).ok_or_else(|| bad(field, digits, "96 hexadecimal digits"))
}

fn measurements(field: &str, digits: &[String]) -> Result<BTreeSet<Measurement>, PolicyError> {
    digits.iter().map(|digits| measurement(field, digits)).collect()
}

fn platforms(field: &str, digits: &[String]) -> Result<BTreeSet<[u8; 16]>, PolicyError> {
    let read = |digits: &String| {
        bytes::<16>(digits).ok_or_else(|| bad(field, digits, "32 hexadecimal digits"))
    };
    digits.iter().map(read).collect()
}
