//! The claims of a result, as JSON has them.

use std::collections::BTreeMap;

use sealroom_attestation::{claims::Finding, node::Freshness};
use serde::{Deserialize, Serialize};

use super::{
    token,
    vector::{Status, Vector},
};
use crate::verdict::{Claims, Verdict};

const PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";
/// Rows about what was given for all devices stand under this name.
const ENDORSEMENTS: &str = "endorsements";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    pub(super) eat_profile: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<String>,
    pub(super) eat_nonce: String,
    pub(super) ear_status: Status,
    pub(super) ear_verifier_id: VerifierId,
    pub(super) submods: BTreeMap<String, Submod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sealroom_evidence_id: Option<String>,
    pub(super) sealroom_freshness: FreshnessClass,
    pub(super) sealroom_simulated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifierId {
    developer: String,
    build: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submod {
    pub(super) ear_status: Status,
    pub(super) ear_trustworthiness_vector: Vector,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ear_appraisal_policy_ids: Vec<String>,
}

/// How fresh evidence was, as results spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FreshnessClass {
    /// No nonce of the verifier's was covered; a bare report never has one.
    None,
    /// The attested identity signed the session.
    Key,
    /// The quote is younger than the verifier's nonce.
    Hardware,
}

impl FreshnessClass {
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict.claims.as_ref().and_then(Claims::node).map(|node| node.freshness) {
            Some(Freshness::Hardware) => Self::Hardware,
            Some(Freshness::Key) => Self::Key,
            Some(Freshness::Cached) | None => Self::None,
        }
    }
}

/// The profile that this version writes and reads.
pub(super) fn profile() -> String {
    PROFILE.to_owned()
}

/// Who judged.
pub(super) fn verifier_id() -> VerifierId {
    let build = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    VerifierId { developer: "Sealroom".to_owned(), build: build.to_owned() }
}

/// One part for the CPU, and one for each device. All of them have the verdict's own status: a node that is refused has
/// no part that is good.
pub(super) fn submods(verdict: &Verdict, policy: Option<[u8; 32]>) -> BTreeMap<String, Submod> {
    // RFC 6920 names a digest so.
    let policy = policy.map(|digest| format!("ni:///sha-256;{}", token::base64(&digest)));
    let part = |about: &dyn Fn(&Finding) -> bool| Submod {
        ear_status: Status::of(verdict),
        ear_trustworthiness_vector: Vector::of(verdict, about),
        ear_appraisal_policy_ids: policy.iter().cloned().collect(),
    };
    match &verdict.claims {
        Some(Claims::Gpu(_)) => [("gpu".to_owned(), part(&|_| true))].into(),
        None => [("evidence".to_owned(), part(&|_| true))].into(),
        Some(Claims::Bare(_)) => [("cpu".to_owned(), part(&|_| true))].into(),
        Some(Claims::Node(node)) => {
            let labels = node.gpus.iter().flat_map(|set| set.named()).map(|(label, _)| label);
            let of_device = labels.map(|label| {
                let about = |row: &Finding| {
                    let subject = row.subject.as_deref();
                    subject == Some(ENDORSEMENTS) || subject == Some(&label)
                };
                (label.clone(), part(&about))
            });
            let cpu = ("cpu".to_owned(), part(&|row| row.subject.is_none()));
            of_device.chain([cpu]).collect()
        }
    }
}

impl Payload {
    /// No part says better than its reasons, and nothing says better than a part; what is simulated is never good.
    ///
    /// # Errors
    /// The name of the part that does not fit.
    pub(super) fn holds_together(&self) -> Result<(), String> {
        if self.submods.is_empty() || (self.sealroom_simulated && self.ear_status.is_good()) {
            return Err("all".to_owned());
        }
        let fits = |one: &Submod| {
            one.ear_status == self.ear_status
                && one.ear_trustworthiness_vector.carries(one.ear_status)
        };
        match self.submods.iter().find(|(_, one)| !fits(one)) {
            Some((name, _)) => Err(name.clone()),
            None => Ok(()),
        }
    }
}
