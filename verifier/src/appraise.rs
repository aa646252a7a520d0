//! Appraisal: the policy over the claims. Pure; claims and policy in, rows out.

use sealroom_attestation::{
    Ledger, Outcome, checks,
    node::{Freshness, HardwareClaims, NodeClaims},
};

use crate::{policy::Policy, verdict::Claims};

mod gpu;
mod snp;
mod tdx;

/// Whether the claims that are appraised were proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// By a verification that returned `Ok`.
    Proven,
    /// Only decoded. A rule that they break refuses them; a rule that they keep proves nothing.
    Claimed,
}

/// Appraises claims by a policy.
#[must_use]
pub fn appraise(policy: &Policy, claims: &Claims, standing: Standing) -> Ledger {
    let mut ledger = Ledger::new();
    match claims.hardware() {
        Some(HardwareClaims::Snp(claims)) => snp::appraise(&policy.snp, claims, &mut ledger),
        Some(HardwareClaims::Tdx(claims)) => tdx::appraise(&policy.tdx, claims, &mut ledger),
        None => {}
    }
    match claims {
        Claims::Node(node) => self::node(policy, node, &mut ledger),
        Claims::Bare(_) => bare_report(policy, &mut ledger),
        Claims::Gpu(claims) => {
            gpu::bare(&policy.gpu, claims, &mut ledger);
            bare_report(policy, &mut ledger);
        }
    }
    match standing {
        Standing::Proven => ledger,
        Standing::Claimed => unproven(&ledger),
    }
}

/// The same rows, with nothing passed.
fn unproven(ledger: &Ledger) -> Ledger {
    let mut rows = Ledger::new();
    for row in ledger.findings() {
        match row.outcome {
            Outcome::Fail => rows.fail(row.check, &*row.found, &*row.expected),
            Outcome::Pass => rows.missing(row.check, format!("{}: claimed, not proven", row.found)),
            Outcome::Missing => rows.missing(row.check, &*row.found),
            Outcome::NotGiven => rows.not_given(row.check, &*row.found),
        }
    }
    rows
}

/// A report alone names no session and no model: what the policy asks of a node is missing, never passed.
fn bare_report(policy: &Policy, ledger: &mut Ledger) {
    if policy.freshness > Freshness::Cached {
        let least = name(policy.freshness);
        let reason = format!("a bare report covers no session, and the policy needs {least}");
        ledger.missing(&checks::STATEMENT_FRESHNESS, reason);
    }
    if !policy.models.is_empty() {
        let reason = "a bare report names no model, and the policy pins some";
        ledger.missing(&checks::POLICY_MODEL, reason);
    }
}

fn node(policy: &Policy, node: &NodeClaims, ledger: &mut Ledger) {
    gpu::node(&policy.gpu, node, ledger);
    let (found, least) = (name(node.freshness), name(policy.freshness));
    match node.freshness {
        fresh if fresh >= policy.freshness => ledger.pass(&checks::POLICY_FRESHNESS, found),
        Freshness::Cached => ledger.missing(
            &checks::STATEMENT_FRESHNESS,
            format!("no nonce of the reader's own is covered, and the policy needs {least}"),
        ),
        _ => ledger.fail(&checks::POLICY_FRESHNESS, found, format!("at least {least}")),
    }
    let model = &node.manifest.name;
    let found = format!("{model} {}", node.manifest_digest);
    match policy.models.get(model) {
        _ if policy.models.is_empty() => {
            ledger.missing(&checks::POLICY_MODEL, format!("{found}: the policy pins none"));
        }
        None => ledger.fail(&checks::POLICY_MODEL, found, list(policy.models.keys())),
        Some(pinned) => {
            let known = pinned.contains(&node.manifest_digest);
            ledger.require(&checks::POLICY_MODEL, known, found, list(pinned.iter()));
        }
    }
}

const fn name(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Cached => "none",
        Freshness::Key => "key",
        Freshness::Hardware => "hardware",
    }
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(" or ")
}
