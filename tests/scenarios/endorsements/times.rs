//! What time changes: a recovery is published, an edition ends, a clock is wrong and is set right.

use std::time::Duration;

use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
};
use sealroom_forge::{Fake, FakeTdx, Generation};
use sealroom_gateway::session::{Session, SessionError, Sources};
use sealroom_tests::{
    clock,
    echo::Echo,
    hardware::{Chip, Platform},
    vendors::{Edition, Fault, Service, Vendors},
    world,
};
use sealroom_verifier::{
    Trust,
    endorsements::{Cache, Gathered, Ratchet, Store, Update},
};
use tokio::time::sleep;

use super::{
    NOW, SEED,
    desk::{folder, gathered, machines, problems, services, store, vendors},
};
use crate::support::{ground, machine};

const YEAR: u64 = 365 * 86_400;
/// Longer than what was fetched stays young.
const LATER: Duration = Duration::from_secs(7 * 3600);

/// The platform after Intel found a hole in it.
fn recovered(platform: FakeTdx) -> FakeTdx {
    platform.tcb_info(|info| {
        for level in &mut info.levels {
            level.status = "OutOfDate".into();
            level.advisories = vec!["INTEL-SA-09999".into()];
        }
    })
}

#[tokio::test]
async fn endorsements_of_a_recovery_drain_a_node_within_a_minute_and_name_the_advisory() {
    let mut ground = ground(Echo::default());
    let seed = world::seed();
    ground.chip = Chip::new(Platform::Tdx, seed);
    let Chip::Tdx(platform) = ground.chip.clone() else { panic!("a platform of Intel's") };
    let vendors = Vendors::start(seed, clock::present()).expect("loopback ports");
    vendors.knows_tdx(&platform);
    let machine = machine(&ground);
    let clock = machine.clock.clone();
    let node = machine.boot().await.expect("a node");
    let target = world::target(node.address()).expect("an address");

    let folder = folder();
    let cache = Cache::open(&folder.path().join("cache")).expect("a cache");
    let ratchet = Ratchet::open(&folder.path().join("state")).expect("a ratchet");
    let anchors = Anchors::production().danger_accept_simulated(ground.chip.root_sha256());
    let store = Store::new(Some(services(&vendors)), anchors.clone(), cache, ratchet);
    let trust = Trust::new(ground.trust().policy, &Endorsements::default(), &anchors);
    let party = world::party(trust, &clock);
    let party = party.with_sources(Sources::new(store, Update::Standard, None));
    let session = Session::open(&target, &party).await.expect("up to date");

    vendors.knows_tdx(&recovered(*platform));
    vendors.publish(vendors.edition().next(clock::present()));
    clock.pass(LATER);
    let drained = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match session.renew().await {
                // What was kept still counts: nobody waits for the network. Or the node is making the keys that are due.
                Ok(_) | Err(SessionError::Contact(_)) => sleep(Duration::from_millis(50)).await,
                Err(error) => return error,
            }
        }
    });
    let error = drained.await.expect("within a minute");
    assert_eq!(error.check(), "tdx.tcb.status");
    let error = Session::open(&target, &party).await.expect_err("nor anew");
    assert!(format!("{error:?}").contains("INTEL-SA-09999"), "{error:?}");
    node.shutdown().await;
}

/// When the first of what was gathered begins to count, and when the first of it ends.
fn window(gathered: &Gathered) -> (UnixTime, UnixTime) {
    let windows = gathered.found.iter().map(|(_, asked)| asked.entry.statement.validity);
    let from = windows.clone().map(|window| window.from).max();
    (from.expect("a window"), windows.map(|window| window.until).min().expect("a window"))
}

#[tokio::test]
async fn endorsements_count_from_their_first_second_to_their_last_and_not_one_more() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        let (from, until) = window(&gathered(&online, &machine, NOW).await);
        for (now, counts) in
            [(UnixTime(from.0 - 1), false), (from, true), (until, true), (until.plus(1), false)]
        {
            let offline = store(folder.path(), None, &machine);
            let kept = gathered(&offline, &machine, now).await;
            assert_eq!(machine.proven(&kept, now).is_ok(), counts, "{now}");
            assert_eq!(kept.problems.is_empty(), counts, "{now}");
        }
    }
}

#[tokio::test]
async fn endorsements_under_a_clock_that_is_wrong_by_a_year_refuse_and_leave_nothing_behind() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        for wrong in [UnixTime(NOW.0 - YEAR), NOW.plus(YEAR)] {
            let gathered = gathered(&online, &machine, wrong).await;
            assert!(machine.proven(&gathered, wrong).is_err(), "{wrong}");
        }
        // The clock is set right, and the program started again: a failure is remembered in memory alone.
        let restarted = store(folder.path(), Some(services(&vendors)), &machine);
        assert_eq!(machine.proven(&gathered(&restarted, &machine, NOW).await, NOW), Ok(()));
        // What was kept outlives the next wrong time.
        drop(gathered(&restarted, &machine, NOW.plus(YEAR)).await);
        assert_eq!(machine.proven(&gathered(&restarted, &machine, NOW).await, NOW), Ok(()));
    }
}

/// The RIMs take two seconds, and whatever signed them is asked about after that.
#[tokio::test]
async fn endorsements_that_are_signed_when_somebody_asks_count_when_they_land() {
    let now = clock::present();
    let vendors = Vendors::start(SEED, now).expect("loopback ports");
    let [_, _, machine] = machines(&vendors);
    vendors.signs_on_demand();
    vendors.set(Service::Rim, Fault::Slow(Duration::from_secs(2)));
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    let gathered = gathered(&online, &machine, now).await;
    assert_eq!(problems(&gathered), Vec::<&str>::new());
    assert_eq!(machine.proven(&gathered, clock::present()), Ok(()));
}

/// A folder that somebody filled a month ago, beside what is fetched now.
#[tokio::test]
async fn endorsements_that_were_given_and_have_ended_do_not_refuse_what_was_fetched_since() {
    let vendors = vendors();
    for mut machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        let old = gathered(&online, &machine, NOW).await;
        let later = NOW.plus(31 * 86_400);
        machine.own.extend(old.endorsements);
        let nothing = Gathered::default();
        assert!(machine.proven(&nothing, later).is_err(), "the control: the old ones have ended");
        vendors.publish(vendors.edition().next(later));
        let fetched = gathered(&online, &machine, later).await;
        assert_eq!(machine.proven(&fetched, later), Ok(()));
        vendors.publish(Edition::at(NOW));
    }
}

/// A site with two generations of AMD's has the lists of both in one folder.
#[tokio::test]
async fn endorsements_of_another_generation_in_the_same_folder_do_not_refuse() {
    let vendors = vendors();
    let [mut machine, _, _] = machines(&vendors);
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    let fetched = gathered(&online, &machine, NOW).await;
    let turin = Fake::snp(SEED).generation(Generation::Turin).sign();
    machine.own.snp.crls.push(turin.crl);
    assert_eq!(machine.proven(&Gathered::default(), NOW), Err("snp.vek.present"));
    assert_eq!(machine.proven(&fetched, NOW), Ok(()));
}
