//! The policy file as it is written, and the one way from it to a checked [`super::Policy`].

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::{UnixTime, digests::ManifestDigest};
use serde::Deserialize;

mod gpu;
mod snp;
mod tdx;

pub(super) use gpu::{driver, floor as vbios_floor, vbios};
pub(super) use snp::{Tcb, chips, floors};

use super::{
    BulletinRules, DangerException, Host, PolicyError, exception::exceptable, words::Word,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    version: u64,
    freshness: Option<String>,
    platforms: Option<Vec<String>>,
    maximum_statement_lifetime: Option<u64>,
    minimum_physical: Option<String>,
    #[serde(default)]
    hosts: BTreeMap<String, RawHost>,
    #[serde(default)]
    bulletins: Bulletins,
    #[serde(default)]
    danger_exceptions: BTreeMap<String, Exception>,
    #[serde(default)]
    snp: snp::Snp,
    #[serde(default)]
    tdx: tdx::Tdx,
    #[serde(default)]
    gpu: gpu::Gpu,
    #[serde(default)]
    models: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHost {
    physical: String,
    #[serde(default)]
    chips: Vec<String>,
    #[serde(default)]
    platforms: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulletins {
    #[serde(default)]
    keys: BTreeMap<String, String>,
    need: Option<String>,
    maximum_age: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    reason: String,
    until: String,
}

impl TryFrom<Policy> for super::Policy {
    type Error = PolicyError;

    fn try_from(raw: Policy) -> Result<Self, PolicyError> {
        if raw.version != 1 {
            return Err(PolicyError::Version { found: raw.version });
        }
        let built_in = Self::built_in();
        let platforms = raw.platforms.map(|names| all("platforms", &names)).transpose()?;
        Ok(Self {
            freshness: word("freshness", raw.freshness.as_deref(), built_in.freshness)?,
            platforms: platforms.unwrap_or(built_in.platforms),
            maximum_statement_lifetime: raw.maximum_statement_lifetime,
            minimum_physical: word(
                "minimum_physical",
                raw.minimum_physical.as_deref(),
                built_in.minimum_physical,
            )?,
            hosts: raw.hosts.into_iter().map(host).collect::<Result<_, _>>()?,
            bulletins: bulletins(raw.bulletins, built_in.bulletins)?,
            exceptions: raw
                .danger_exceptions
                .into_iter()
                .map(|(name, raw)| exception(&name, raw))
                .collect::<Result<_, _>>()?,
            snp: snp::read(raw.snp, built_in.snp)?,
            tdx: raw.tdx.try_into()?,
            gpu: raw.gpu.try_into()?,
            models: raw.models.into_iter().map(model).collect::<Result<_, _>>()?,
        })
    }
}

pub(super) fn bad(
    field: impl Into<String>,
    found: &str,
    expected: impl Into<String>,
) -> PolicyError {
    PolicyError::Value { field: field.into(), found: found.to_owned(), expected: expected.into() }
}

/// The value of a word, or what counts where none is given.
fn word<T: Word>(field: &str, text: Option<&str>, otherwise: T) -> Result<T, PolicyError> {
    text.map_or(Ok(otherwise), |text| T::read(field, text))
}

/// The values of several words.
fn all<T: Word, C: FromIterator<T>>(field: &str, names: &[String]) -> Result<C, PolicyError> {
    names.iter().map(|name| T::read(field, name)).collect()
}

fn host((name, raw): (String, RawHost)) -> Result<(String, Host), PolicyError> {
    let field = |key: &str| format!("hosts.{name}.{key}");
    if raw.chips.is_empty() && raw.platforms.is_empty() {
        return Err(bad(field("chips"), "[]", "chips or platforms by which the host is known"));
    }
    let host = Host {
        physical: Word::read(&field("physical"), &raw.physical)?,
        chips: snp::chips(&field("chips"), &raw.chips)?,
        platforms: set(&field("platforms"), &raw.platforms)?,
    };
    Ok((name, host))
}

fn bulletins(raw: Bulletins, built_in: BulletinRules) -> Result<BulletinRules, PolicyError> {
    let key = |(name, digits): (String, String)| {
        let key = bytes::<32>(&digits);
        let field = || format!("bulletins.keys.{name}");
        key.map(|key| (name.clone(), key))
            .ok_or_else(|| bad(field(), &digits, "64 hexadecimal digits: a public key of Ed25519"))
    };
    let keys: BTreeMap<_, _> = raw.keys.into_iter().map(key).collect::<Result<_, _>>()?;
    let need = word("bulletins.need", raw.need.as_deref(), built_in.need)?;
    Ok(BulletinRules { keys, need, maximum_age: raw.maximum_age })
}

fn exception(name: &str, raw: Exception) -> Result<DangerException, PolicyError> {
    let field = |key: &str| format!("danger_exceptions.{name}.{key}");
    let check = exceptable(name);
    let check = check.ok_or_else(|| {
        bad("danger_exceptions", name, "a rule of the policy that may be excepted")
    })?;
    if raw.reason.trim().is_empty() {
        return Err(bad(field("reason"), &raw.reason, "a reason"));
    }
    let until = time(&field("until"), &raw.until)?;
    Ok(DangerException { check, reason: raw.reason, until })
}

pub(super) fn time(field: &str, text: &str) -> Result<UnixTime, PolicyError> {
    let time = UnixTime::from_rfc3339(text);
    time.ok_or_else(|| bad(field, text, "a time in UTC, as 2026-06-01T00:00:00Z"))
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

/// Exactly `N` bytes in hexadecimal digits.
pub(super) fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
}

pub(super) fn set<const N: usize>(
    field: &str,
    values: &[String],
) -> Result<BTreeSet<[u8; N]>, PolicyError> {
    let expected = || format!("{} hexadecimal digits", 2 * N);
    let read = |digits: &String| bytes(digits).ok_or_else(|| bad(field, digits, expected()));
    values.iter().map(read).collect()
}
