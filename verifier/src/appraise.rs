//! Appraisal: the policy over the claims. Pure; claims and policy in, rows out.

use sealroom_attestation::{
    Ledger, Outcome,
    checks::{self, Check},
    node::{Freshness, NodeClaims},
    snp::{self, Generation, SnpClaims, TcbComponents},
};

use crate::{
    policy::{Policy, Revocation, SnpPolicy},
    verdict::Claims,
};

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
    snp(&policy.snp, claims.snp(), &mut ledger);
    match claims.node() {
        Some(node) => self::node(policy, node, &mut ledger),
        None => bare_report(policy, &mut ledger),
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

fn snp(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let report = &claims.report;
    generation(policy, claims.generation, ledger);
    let forbidden = |ledger: &mut Ledger, check, set: bool| {
        ledger.require(check, !set, if set { "allowed" } else { "not allowed" }, "not allowed");
    };
    forbidden(ledger, &checks::SNP_POLICY_DEBUG, report.policy.debug());
    forbidden(ledger, &checks::SNP_POLICY_MIGRATE_MA, report.policy.migrate_ma());
    let levels = list(policy.vmpls.iter());
    let level = report.vmpl;
    ledger.require(&checks::SNP_VMPL, policy.vmpls.contains(&level), level.to_string(), levels);
    measurement(policy, claims, ledger);
    if let Some(generation) = claims.generation {
        tcb(policy, claims, generation, ledger);
    }
    match (claims.revocation, policy.revocation) {
        (snp::Revocation::Checked, _) => {
            ledger.pass(&checks::SNP_REVOCATION, "the authorities are not revoked");
        }
        (snp::Revocation::NotGiven, Revocation::Required) => {
            ledger.missing(
                &checks::SNP_REVOCATION,
                "no revocation list was given, and the policy needs one",
            );
        }
        (snp::Revocation::NotGiven, Revocation::IfGiven) => {
            ledger.not_given(&checks::SNP_REVOCATION, "no revocation list was given");
        }
    }
}

fn generation(policy: &SnpPolicy, found: Option<Generation>, ledger: &mut Ledger) {
    let check: &'static Check = &checks::SNP_PRODUCT_GENERATION;
    match found {
        None => ledger.missing(check, "no chain says which product it is"),
        Some(found) => {
            let expected = list(policy.generations.iter());
            ledger.require(check, policy.generations.contains(&found), found.to_string(), expected);
        }
    }
}

fn measurement(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let check = &checks::SNP_MEASUREMENT;
    let found = claims.report.measurement;
    if policy.measurements.is_empty() {
        ledger.missing(check, format!("{found}: the policy pins none"));
        return;
    }
    match policy.measurements.iter().find(|(_, pinned)| **pinned == found) {
        Some((name, _)) => ledger.pass(check, format!("{found} ({name})")),
        None => ledger.fail(check, found.to_string(), list(policy.measurements.keys())),
    }
}

fn tcb(policy: &SnpPolicy, claims: &SnpClaims, generation: Generation, ledger: &mut Ledger) {
    let check = &checks::SNP_TCB_REPORTED;
    let has = claims.report.reported_tcb.components(generation);
    let Some(needs) = policy.minimum_tcb.get(&generation) else {
        ledger.not_given(check, format!("{has}: the policy names no least TCB for {generation}"));
        return;
    };
    let behind = shortfall(&has, needs);
    let found = if behind.is_empty() { has.to_string() } else { behind.join(", ") };
    ledger.require(check, behind.is_empty(), found, format!("at least {needs}"));
}

/// Which components are behind, and how far.
fn shortfall(has: &TcbComponents, needs: &TcbComponents) -> Vec<String> {
    let components = [
        ("fmc", has.fmc.unwrap_or(0), needs.fmc.unwrap_or(0)),
        ("boot loader", has.boot_loader, needs.boot_loader),
        ("tee", has.tee, needs.tee),
        ("snp", has.snp, needs.snp),
        ("microcode", has.microcode, needs.microcode),
    ];
    let behind = components.iter().filter(|(_, has, needs)| has < needs);
    behind.map(|(name, has, needs)| format!("{name} is {has}, needs {needs}")).collect()
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
