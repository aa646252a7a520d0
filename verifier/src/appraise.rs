//! Appraisal: the policy over the claims. Pure; claims and policy in, rows out.

use sealroom_attestation::{
    Ledger, Outcome, UnixTime, checks,
    manifest::Manifest,
    node::{Freshness, HardwareClaims, NodeClaims},
};

use crate::{
    policy::{Bulletin, DangerException, Platform, Policy},
    verdict::Claims,
};

mod bulletin;
mod ends;
mod gpu;
mod host;
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

/// What claims are held against: a policy, bulletins of publishers that it names, and a time.
#[derive(Clone, Copy, Debug)]
pub struct Appraiser<'a> {
    /// What is accepted.
    pub policy: &'a Policy,
    /// Each was opened with the policy's own keys.
    pub bulletins: &'a [Bulletin],
    /// The time of the judgement.
    pub at: UnixTime,
}

impl Appraiser<'_> {
    /// Appraises claims: one row for each rule, and what is excepted named as that.
    #[must_use]
    pub fn appraise(&self, claims: &Claims, standing: Standing) -> Ledger {
        let mut ledger = Ledger::new();
        let policy = bulletin::apply(self, &mut ledger);
        self.platform(&policy, claims, &mut ledger);
        match claims {
            Claims::Node(node) => self::node(&policy, node, self.at, &mut ledger),
            Claims::Bare(_) => bare_report(&policy, &mut ledger),
            Claims::Gpu(claims) => {
                gpu::bare(&policy.gpu, claims, self.at, &mut ledger);
                bare_report(&policy, &mut ledger);
            }
        }
        let mut ledger = match standing {
            Standing::Proven => ledger,
            Standing::Claimed => unproven(&ledger),
        };
        for exception in policy.exceptions.iter().filter(|one| one.counts(self.at)) {
            let DangerException { check, reason, until } = exception;
            ledger.except(check, &format!("excepted until {until}: {reason}"));
        }
        ledger
    }

    /// The last second in which these rules still accept claims that they accept now: a grace or an exception ends, a
    /// bulletin ends or begins, a document grows too old.
    #[must_use]
    pub fn until(&self, claims: &Claims) -> UnixTime {
        ends::until(self, claims)
    }

    fn platform(&self, policy: &Policy, claims: &Claims, ledger: &mut Ledger) {
        let Some(hardware) = claims.hardware() else { return };
        let (found, name) = match hardware {
            HardwareClaims::Snp(_) => (Platform::Snp, "SEV-SNP"),
            HardwareClaims::Tdx(_) => (Platform::Tdx, "TDX"),
        };
        let accepted = policy.platforms.contains(&found);
        let expected = list(policy.platforms.iter().map(|one| format!("{one:?}")));
        ledger.require(&checks::POLICY_PLATFORM, accepted, name, expected);
        match hardware {
            HardwareClaims::Snp(claims) => snp::appraise(&policy.snp, claims, self.at, ledger),
            HardwareClaims::Tdx(claims) => tdx::appraise(&policy.tdx, claims, self.at, ledger),
        }
        host::physical(policy, hardware, ledger);
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
            Outcome::NotGiven | Outcome::Excepted => rows.not_given(row.check, &*row.found),
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

fn node(policy: &Policy, node: &NodeClaims, at: UnixTime, ledger: &mut Ledger) {
    gpu::node(&policy.gpu, node, at, ledger);
    let (found, least) = (name(node.freshness), name(policy.freshness));
    match node.freshness {
        fresh if fresh >= policy.freshness => ledger.pass(&checks::POLICY_FRESHNESS, found),
        Freshness::Cached => ledger.missing(
            &checks::STATEMENT_FRESHNESS,
            format!("no nonce of the reader's own is covered, and the policy needs {least}"),
        ),
        _ => ledger.fail(&checks::POLICY_FRESHNESS, found, format!("at least {least}")),
    }
    lifetime(policy, node, ledger);
    let Manifest { name: model, engine, build, .. } = &node.manifest;
    let found = format!("{model} {} on {engine} {build}", node.manifest_digest);
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

fn lifetime(policy: &Policy, node: &NodeClaims, ledger: &mut Ledger) {
    let (from, until) = (node.statement.issued_at, node.statement.expires_at);
    let found = until.0.saturating_sub(from.0);
    let (check, shown) = (&checks::POLICY_STATEMENT_LIFETIME, format!("{found} s"));
    match policy.maximum_statement_lifetime {
        None => ledger.not_given(check, format!("{shown}: the policy names no most")),
        Some(most) => {
            ledger.require(check, found <= most, shown, format!("at most {most} s"));
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
