//! A thousand verifications at once: one request for each statement, and warm ones that need no service.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use sealroom_attestation::endorsements::Endorsements;
use sealroom_forge::Fake;
use sealroom_tests::vendors::{Fault, Service};

use super::{
    NOW, SEED,
    desk::{Machine, folder, gathered, services, store, vendors},
};

const PLATFORMS: u32 = 250;
const VERIFICATIONS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn endorsements_for_a_thousand_verifications_are_asked_for_once_each() {
    let vendors = vendors();
    let chips = (0..PLATFORMS).map(|number| Fake::snp(SEED).chip(number));
    let machines: Vec<_> = chips
        .map(|chip| {
            vendors.knows_snp(&chip);
            Machine::amd(&chip)
        })
        .collect();
    let machines: Vec<_> = machines.into_iter().map(Arc::new).collect();
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machines[0]);
    let cold = ask_all(&online, &machines).await;
    let mut asked = BTreeMap::<String, usize>::new();
    for request in vendors.requests() {
        *asked.entry(request.target).or_default() += 1;
    }
    let most = asked.values().max().copied();
    println!("{} targets, at most {most:?} requests each; cold {cold:?}", asked.len());
    assert_eq!((asked.len(), most), (PLATFORMS as usize + 2, Some(1)));
    let warm = ask_all(&online, &machines).await;
    vendors.set(Service::Kds, Fault::Refused);
    let down = ask_all(&online, &machines).await;
    println!("warm {warm:?}; with the service down {down:?}");
    assert_eq!(vendors.requests().len(), PLATFORMS as usize + 2);
}

/// Seven hours later all of them ask for what ages: one request for the list, behind everybody. Certificates stay young.
#[tokio::test(flavor = "multi_thread")]
async fn endorsements_that_age_are_asked_for_once_behind_a_thousand_verifications() {
    let vendors = vendors();
    let chip = Fake::snp(SEED);
    vendors.knows_snp(&chip);
    let (machine, folder) = (Arc::new(Machine::amd(&chip)), folder());
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    drop(gathered(&online, &machine, NOW).await);
    vendors.forget();
    vendors.set(Service::Kds, Fault::Slow(std::time::Duration::from_millis(300)));
    let later = NOW.plus(7 * 3600);
    let asking = (0..VERIFICATIONS).map(|_| {
        let (store, machine) = (online.clone(), Arc::clone(&machine));
        tokio::spawn(async move { gathered(&store, &machine, later).await.problems.len() })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert_eq!(asked.await.expect("no panic"), 0);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let mut asked = BTreeMap::<String, usize>::new();
    for request in vendors.requests() {
        *asked.entry(request.target).or_default() += 1;
    }
    assert!(asked.len() == 1 && asked.values().all(|count| *count == 1), "{asked:?}");
}

/// All at once; every one gets everything.
async fn ask_all(
    store: &sealroom_verifier::endorsements::Store,
    machines: &[Arc<Machine>],
) -> std::time::Duration {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..VERIFICATIONS)
        .map(|number| {
            let (store, machine) = (store.clone(), Arc::clone(&machines[number % machines.len()]));
            tokio::spawn(async move { gathered(&store, &machine, NOW).await })
        })
        .collect();
    for task in tasks {
        let gathered = task.await.expect("no panic");
        assert!(gathered.problems.is_empty(), "{:?}", gathered.problems);
        assert_ne!(gathered.endorsements, Endorsements::default());
    }
    begin.elapsed()
}
