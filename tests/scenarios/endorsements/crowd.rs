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
