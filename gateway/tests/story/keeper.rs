//! One session for many requests: what a failed renewal means for all of them.

use std::sync::Arc;

use futures_util::future::join_all;
use sealroom_gateway::{keeper::Keeper, session::RelyingParty};

use crate::{
    answer::Lie,
    node::{Http, Node},
    question, target,
};

async fn keeper(node: &Arc<Node>) -> Keeper {
    let keeper = Keeper::start(target(node), RelyingParty::new(node.trust()));
    keeper.session().await.expect("a good node");
    keeper
}

#[tokio::test]
async fn a_node_whose_renewed_evidence_is_refused_is_sealed_to_no_more() {
    let node = Node::boot(Http::Two).await;
    let keeper = keeper(&node).await;
    node.lie(Lie::Impostor);
    let error = keeper.exchange(&question(true)).await.expect_err("refused");
    assert_eq!(error.check(), "binder.path");
    assert!(keeper.current().is_none(), "the last verdict counts, not the last good one");
    let again = keeper.exchange(&question(true)).await.expect_err("refused");
    assert_eq!(again.check(), "binder.path");
    assert_eq!(node.seen().iter().filter(|what| **what == "sealed").count(), 1);
}

#[tokio::test]
async fn requests_that_fail_together_ask_for_one_renewal() {
    let node = Node::boot(Http::Two).await;
    let keeper = keeper(&node).await;
    node.lie(Lie::Impostor);
    let requests = [(); 20].map(|()| question(true));
    let failed = join_all(requests.iter().map(|request| keeper.exchange(request))).await;
    assert!(failed.iter().all(Result::is_err));
    let asked = node.seen().iter().filter(|what| **what == "hardware").count();
    // One at the start, one for all; one more where this machine was slower than a failure holds.
    assert!((2..=4).contains(&asked), "{asked} challenges");
}
