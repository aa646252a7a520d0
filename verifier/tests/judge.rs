//! Nothing is sealed on cached evidence, whatever a policy for auditors says.

#[path = "support/bound_node.rs"]
mod node;

use node::{NOW, Node, session};
use sealroom_attestation::node::{Context, Freshness};
use sealroom_verifier::{Decision, Evidence, Input, Mode, Trust, Verdict, check, judge};

/// A node's bundle, and what its reader must trust to accept it at the freshness given.
fn shown(fresh: bool, freshness: Freshness) -> (Vec<u8>, Trust) {
    Node { fresh, ..Node::default() }.shown(|policy| policy.freshness = freshness)
}

fn reason(verdict: &Verdict) -> (Decision, &'static str) {
    (verdict.decision, verdict.decisive().expect("a row").check.id)
}

#[test]
fn an_auditor_may_accept_cached_evidence_and_a_session_never_opens_on_it() {
    let (bundle, trust) = shown(false, Freshness::Cached);
    let (evidence, mode) = (Evidence::Bundle(bundle.clone()), Mode::Policy);
    let audited = check(&Input { evidence, nonce: None, mode, at: NOW }, &trust);
    assert_eq!(audited.decision, Decision::Accepted);
    let context = Context::File { nonce: None };
    let verdict = judge(&bundle, context, &trust, NOW).expect_err("nothing fresh");
    assert_eq!(reason(&verdict), (Decision::Undecided, "statement.freshness"));
}

#[test]
fn a_session_opens_on_fresh_evidence_under_the_same_policies() {
    for freshness in [Freshness::Cached, Freshness::Key, Freshness::Hardware] {
        let (bundle, trust) = shown(true, freshness);
        let accepted = judge(&bundle, Context::Session(&session()), &trust, NOW);
        let accepted = accepted.expect("its own session");
        assert_eq!(accepted.claims().freshness, Freshness::Hardware);
        assert_eq!(accepted.valid_until(), NOW.plus(3600));
    }
}
