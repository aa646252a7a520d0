//! Every key of a policy file: evidence that it lets pass, and a policy that differs in this key alone and does not.

mod general;
mod gpu;
mod snp;
mod tdx;

use std::collections::{BTreeMap, BTreeSet};

use sealroom_attestation::Outcome;
use sealroom_verifier::{Decision, KEYS, Key, Policy, PolicyError, Verdict};

use crate::scene::{IMAGE, Scene, accepted, refused};

/// Two policies that differ in one key.
struct Case {
    /// Dotted, with a name where a key of the list has `*`.
    key: String,
    /// Signs the evidence.
    scene: Box<dyn Fn() -> Scene>,
    /// Keys with the same values in both.
    rest: BTreeMap<String, String>,
    accepts: Option<String>,
    refuses: Option<String>,
    end: End,
}

/// What the second policy comes to.
#[derive(Clone, Copy)]
enum End {
    /// This check alone fails.
    Refused(&'static str),
    /// This check alone has no answer.
    Undecided(&'static str),
    /// The policy is not read, because of this field.
    Unread(&'static str),
}

/// An auditor's policy with the image of every machine here, and no more yet.
fn case(key: &str, scene: impl Fn() -> Scene + 'static) -> Case {
    let usual = [
        ("freshness", text("none")),
        ("snp.measurements.image", hex(&IMAGE)),
        ("tdx.images.image.mrtd", hex(&IMAGE)),
    ];
    let rest = usual.map(|(key, value)| (key.to_owned(), value)).into();
    let (key, scene) = (key.to_owned(), Box::new(scene));
    Case { key, scene, rest, accepts: None, refuses: None, end: End::Unread("") }
}

/// A string of TOML.
fn text(value: &str) -> String {
    format!("\"{value}\"")
}

fn hex(bytes: &[u8]) -> String {
    text(&hex::encode(bytes))
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

impl Case {
    /// With another key, the same in both policies.
    fn beside(mut self, key: &str, value: impl Into<String>) -> Self {
        self.rest.insert(key.to_owned(), value.into());
        self
    }

    fn accepts(self, value: impl Into<String>) -> Self {
        Self { accepts: Some(value.into()), ..self }
    }

    fn refuses(self, value: impl Into<String>, id: &'static str) -> Self {
        Self { refuses: Some(value.into()), end: End::Refused(id), ..self }
    }

    fn leaves_open(self, value: impl Into<String>, id: &'static str) -> Self {
        Self { refuses: Some(value.into()), end: End::Undecided(id), ..self }
    }

    fn stays_unread(self, value: impl Into<String>, field: &'static str) -> Self {
        Self { refuses: Some(value.into()), end: End::Unread(field), ..self }
    }

    fn policy(&self, value: Option<&String>) -> Result<Policy, PolicyError> {
        let mut lines = self.rest.clone();
        lines.extend(value.map(|value| (self.key.clone(), value.clone())));
        let lines = lines.iter().map(|(key, value)| format!("{key} = {value}\n"));
        Policy::from_toml(&format!("version = 1\n{}", lines.collect::<String>()))
    }

    fn holds(&self) {
        let scene = (self.scene)();
        let told = |error| panic!("{}: {error}", self.key);
        accepted(&scene.judged(self.policy(self.accepts.as_ref()).unwrap_or_else(told)));
        let policy = self.policy(self.refuses.as_ref());
        match self.end {
            End::Refused(id) => {
                let verdict = scene.judged(policy.unwrap_or_else(told));
                assert_eq!(refused(&verdict), id, "{}", self.key);
            }
            End::Undecided(id) => {
                let verdict = scene.judged(policy.unwrap_or_else(told));
                assert_eq!(open(&verdict), [id], "{}", self.key);
            }
            End::Unread(expected) => {
                let Err(PolicyError::Value { field, .. }) = policy else { panic!("{policy:?}") };
                assert_eq!(field, expected);
            }
        }
    }
}

/// The checks that have no answer.
fn open(verdict: &Verdict) -> Vec<&'static str> {
    assert_eq!(verdict.decision, Decision::Undecided, "{:?}", verdict.decisive());
    let rows = verdict.ledger.findings().iter();
    rows.filter(|row| row.outcome == Outcome::Missing).map(|row| row.check.id).collect()
}

#[test]
fn each_key_of_every_policy_accepts_and_refuses() {
    general::cases().iter().for_each(Case::holds);
}

#[test]
fn each_key_for_snp_accepts_and_refuses() {
    snp::cases().iter().for_each(Case::holds);
}

#[test]
fn each_key_for_tdx_accepts_and_refuses() {
    tdx::cases().iter().for_each(Case::holds);
}

#[test]
fn each_key_for_gpus_accepts_and_refuses() {
    gpu::cases().iter().for_each(Case::holds);
}

/// A new key needs a case, and so does every check that it is said to decide.
#[test]
fn every_key_and_every_check_of_it_has_a_case() {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in [general::cases(), snp::cases(), tdx::cases(), gpu::cases()].iter().flatten() {
        let key = Key::of(&case.key).unwrap_or_else(|| panic!("{} is no key", case.key));
        let ids = found.entry(key.path).or_default();
        if let End::Refused(id) | End::Undecided(id) = case.end {
            ids.insert(id);
        }
    }
    for key in KEYS {
        let ids = found.get(key.path).unwrap_or_else(|| panic!("{} has no case", key.path));
        let said: BTreeSet<_> = key.checks.iter().copied().collect();
        assert!(key.checks.is_empty() || *ids == said, "{}: {ids:?}", key.path);
    }
}
