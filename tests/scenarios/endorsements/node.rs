//! A gateway that fetches what its node stands on.

use std::time::{Duration, Instant};

use sealroom_attestation::endorsements::{Anchors, Endorsements};
use sealroom_gateway::session::{RelyingParty, Session, Sources};
use sealroom_tests::{
    clock,
    echo::Echo,
    hardware::Chip,
    vendors::{Fault, Service, Vendors},
    world,
};
use sealroom_verifier::{
    Trust,
    endorsements::{Cache, Ratchet, Store, Update},
};

use super::desk::{folder, services};
use crate::support::{ground, machine};

/// The ground's trust without a single endorsement.
fn bare(ground: &sealroom_tests::attacks::Ground) -> Trust {
    let anchors = Anchors::production().danger_accept_simulated(ground.chip.root_sha256());
    Trust::new(ground.trust().policy, &Endorsements::default(), &anchors)
}

#[tokio::test]
async fn endorsements_are_fetched_by_the_gateway_before_it_seals_and_kept_young_behind_it() {
    let seed = world::seed();
    let mut ground = ground(Echo::default());
    ground.chip = world::chip(seed);
    let vendors = Vendors::start(seed, clock::present()).expect("loopback ports");
    let Chip::Snp(chip) = &ground.chip else { panic!("a chip of AMD's") };
    vendors.knows_snp(chip);
    let node = machine(&ground).boot().await.expect("a node");
    let target = world::target(node.address()).expect("an address");

    let without = RelyingParty::new(bare(&ground));
    let error = Session::open(&target, &without).await.expect_err("no revocation list");
    assert_eq!(error.check(), "snp.revocation");

    let folder = folder();
    let cache = Cache::open(&folder.path().join("cache")).expect("a cache");
    let ratchet = Ratchet::open(&folder.path().join("state")).expect("a ratchet");
    let anchors = bare(&ground).anchors().clone();
    let store = Store::new(Some(services(&vendors)), anchors, cache, ratchet);
    let sources = Sources::new(store, Update::Standard, None);
    let party = RelyingParty::new(bare(&ground)).with_sources(sources);

    vendors.set(Service::Kds, Fault::Tampered);
    let error = Session::open(&target, &party).await.expect_err("nothing genuine");
    assert_eq!(error.check(), "snp.revocation");
    vendors.clear(Service::Kds);
    // A failure is remembered for five seconds.
    tokio::time::sleep(Duration::from_millis(5_200)).await;

    // The chain is late by a second, and the list that comes before it can be verified blames nobody.
    vendors.set(Service::Kds, Fault::Slow(Duration::from_secs(4)));
    let begin = Instant::now();
    let error = Session::open(&target, &party).await.expect_err("nothing in time");
    assert_eq!(error.check(), "snp.revocation");
    assert!(begin.elapsed() < Duration::from_secs(7), "a session waits 3 s for each of two steps");
    vendors.clear(Service::Kds);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let session = Session::open(&target, &party).await.expect("what it needs is fetched");
    assert!(vendors.count(|_| true) > 0);
    vendors.set(Service::Kds, Fault::Refused);
    session.renew().await.expect("what was fetched still counts");
    Session::open(&target, &party).await.expect("and opens further sessions");
    node.shutdown().await;
}
