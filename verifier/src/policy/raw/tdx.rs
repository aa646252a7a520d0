//! The `[tdx]` table as it is written, and the one way from it to checked rules.

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::tdx::{Measurement, TcbStatus, TeeTcbSvn};
use serde::Deserialize;

use super::{all, bad, bytes, set, time, word};
use crate::policy::{
    EventLogRules, ExpectedEvent, PolicyError, Rule, StatusGrace, TdImage, TdxFlag, TdxPolicy,
    words::Word,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tdx {
    #[serde(default)]
    images: BTreeMap<String, Image>,
    statuses: Option<Vec<String>>,
    grace: Option<Grace>,
    #[serde(default)]
    advisories_denied: BTreeSet<String>,
    #[serde(default)]
    minimum_evaluation: u32,
    minimum_tcb_date: Option<String>,
    minimum_tee_tcb_svn: Option<String>,
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
    #[serde(default)]
    event_log: EventLog,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grace {
    statuses: Vec<String>,
    until: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLog {
    need: Option<String>,
    #[serde(default)]
    allowed: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    expected: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    register: String,
    digests: Vec<String>,
}

impl TryFrom<Tdx> for TdxPolicy {
    type Error = PolicyError;

    fn try_from(raw: Tdx) -> Result<Self, PolicyError> {
        let built_in = Self::built_in();
        let statuses = raw.statuses.map(|names| all("tdx.statuses", &names)).transpose()?;
        let mut flags = built_in.flags;
        for (name, text) in raw.flags {
            let (flag, rule) = flag(&name, &text)?;
            flags.insert(flag, rule);
        }
        let date = raw.minimum_tcb_date.map(|text| time("tdx.minimum_tcb_date", &text));
        let svn = raw.minimum_tee_tcb_svn.map(|digits| {
            let svn = bytes::<16>(&digits).map(TeeTcbSvn);
            svn.ok_or_else(|| bad("tdx.minimum_tee_tcb_svn", &digits, "32 hexadecimal digits"))
        });
        Ok(Self {
            images: raw.images.into_iter().map(image).collect::<Result<_, _>>()?,
            statuses: statuses.unwrap_or(built_in.statuses),
            grace: raw.grace.map(grace).transpose()?,
            advisories_denied: raw.advisories_denied,
            minimum_evaluation: raw.minimum_evaluation,
            minimum_tcb_date: date.transpose()?,
            minimum_tee_tcb_svn: svn.transpose()?,
            maximum_age: raw.maximum_age,
            revocation: word("tdx.revocation", raw.revocation.as_deref(), built_in.revocation)?,
            flags,
            modules: measurements("tdx.modules", &raw.modules)?,
            config_ids: measurements("tdx.config_ids", &raw.config_ids)?,
            owners: measurements("tdx.owners", &raw.owners)?,
            owner_configs: measurements("tdx.owner_configs", &raw.owner_configs)?,
            platforms_allowed: set("tdx.platforms_allowed", &raw.platforms_allowed)?,
            platforms_denied: set("tdx.platforms_denied", &raw.platforms_denied)?,
            event_log: event_log(raw.event_log, built_in.event_log)?,
        })
    }
}

fn flag(name: &str, text: &str) -> Result<(TdxFlag, Rule), PolicyError> {
    let known = TdxFlag::ALL.into_iter().find(|(known, _)| *known == name);
    let (_, flag) = known.ok_or_else(|| bad("tdx.flags", name, "a flag of TDX"))?;
    Ok((flag, Rule::read(&format!("tdx.flags.{name}"), text)?))
}

fn image((name, raw): (String, Image)) -> Result<(String, TdImage), PolicyError> {
    let field = format!("tdx.images.{name}");
    let read = |digits: String| measurement(&field, &digits);
    let pinned = |digits: Option<String>| digits.map(read).transpose();
    let rtmr = [pinned(raw.rtmr0)?, pinned(raw.rtmr1)?, pinned(raw.rtmr2)?, pinned(raw.rtmr3)?];
    let mr_td = measurement(&field, &raw.mrtd)?;
    Ok((name, TdImage { mr_td, rtmr }))
}

fn grace(raw: Grace) -> Result<StatusGrace, PolicyError> {
    let statuses: Vec<TcbStatus> = all("tdx.grace.statuses", &raw.statuses)?;
    Ok(StatusGrace { statuses, until: time("tdx.grace.until", &raw.until)? })
}

fn event_log(raw: EventLog, built_in: EventLogRules) -> Result<EventLogRules, PolicyError> {
    let mut allowed = BTreeMap::new();
    for (name, digests) in raw.allowed {
        let field = format!("tdx.event_log.allowed.{name}");
        allowed.insert(register(&field, &name)?, measurements(&field, &digests)?);
    }
    let mut expected = BTreeMap::new();
    for (name, raw) in raw.expected {
        let field = |key: &str| format!("tdx.event_log.expected.{name}.{key}");
        if raw.digests.is_empty() {
            return Err(bad(field("digests"), "[]", "at least one digest"));
        }
        let register = register(&field("register"), &raw.register)?;
        let digests = measurements(&field("digests"), &raw.digests)?;
        expected.insert(name, ExpectedEvent { register, digests });
    }
    let need = word("tdx.event_log.need", raw.need.as_deref(), built_in.need)?;
    Ok(EventLogRules { need, allowed, expected })
}

fn register(field: &str, name: &str) -> Result<usize, PolicyError> {
    let known = ["rtmr0", "rtmr1", "rtmr2"].iter().position(|known| *known == name);
    known.ok_or_else(|| bad(field, name, "\"rtmr0\", \"rtmr1\" or \"rtmr2\""))
}

fn measurement(field: &str, digits: &str) -> Result<Measurement, PolicyError> {
    let digest = bytes::<48>(digits);
    digest.map(Measurement).ok_or_else(|| bad(field, digits, "96 hexadecimal digits"))
}

fn measurements(field: &str, digits: &[String]) -> Result<BTreeSet<Measurement>, PolicyError> {
    digits.iter().map(|digits| measurement(field, digits)).collect()
}
