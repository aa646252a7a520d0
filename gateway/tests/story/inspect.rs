//! What an auditor sees of a live node, without sealing anything to it.

use ring::rand::SystemRandom;
use sealroom_attestation::{endpoints::Proof, node::Freshness};
use sealroom_gateway::{Clock as _, SystemClock, session::Target};
use sealroom_verifier::{
    Decision, Evidence, Input, Mode, Verdict, check,
    contact::{Contact, ContactError, Shown},
    inspect,
};

use crate::{
    answer::Lie,
    node::{self, Http, Node},
    target,
};

async fn shown(node: &Target, proof: Proof) -> Result<Shown, ContactError> {
    Contact::dial(node).await?.challenge(proof, &SystemRandom::new()).await
}

fn judged(node: &Node, shown: &Result<Shown, ContactError>) -> Verdict {
    inspect(shown.as_ref(), &node.trust(), SystemClock::new().wall())
}

fn decided(verdict: &Verdict) -> (Decision, Option<&'static str>) {
    (verdict.decision, verdict.decisive().map(|row| row.check.id))
}

#[tokio::test]
async fn a_good_node_is_accepted_and_nothing_but_evidence_was_asked_for() {
    for http in [Http::One, Http::Two] {
        let node = Node::boot(http).await;
        let verdict = judged(&node, &shown(&target(&node), Proof::Hardware).await);
        assert_eq!(decided(&verdict), (Decision::Accepted, None), "{http:?}");
        assert_eq!(node.seen(), ["hardware"]);
    }
}

/// Only this end of the connection can say what the binder covers: for everybody else it is cached evidence.
#[tokio::test]
async fn what_was_shown_can_be_kept_and_is_no_fresher_than_any_file() {
    let node = Node::boot(Http::Two).await;
    let shown = shown(&target(&node), Proof::Hardware).await.expect("a good node");
    let evidence = Evidence::from_file(&shown.bundle).expect("a bundle");
    let input = Input { evidence, nonce: None, mode: Mode::Policy, at: SystemClock::new().wall() };
    let mut trust = node.trust();
    let open = decided(&check(&input, &trust));
    assert_eq!(open, (Decision::Undecided, Some("statement.freshness")));
    trust.policy.freshness = Freshness::Cached;
    assert_eq!(decided(&check(&input, &trust)), (Decision::Accepted, None));
}

#[tokio::test]
async fn a_node_that_shows_the_evidence_of_another_session_is_refused() {
    let node = Node::boot(Http::Two).await;
    node.lie(Lie::OtherSession);
    let verdict = judged(&node, &shown(&target(&node), Proof::Hardware).await);
    assert_eq!(decided(&verdict), (Decision::Refused, Some("binder.path")));
}

#[tokio::test]
async fn whoever_shows_a_certificate_without_its_key_is_refused() {
    let node = Node::boot(Http::Two).await;
    let thief = format!("https://{}", node::show_without_key(&node).await);
    let thief = Target::from_url(&thief).expect("a loopback address");
    let verdict = judged(&node, &shown(&thief, Proof::Hardware).await);
    assert_eq!(decided(&verdict), (Decision::Refused, Some("tls.certificate_verify")));
}
