//! Asking under a condition saves bodies, and freezes nothing.

use std::sync::Arc;

use sealroom_attestation::endorsements::Endorsements;
use sealroom_tests::vendors::{Fault, Request, Service, Vendors};
use sealroom_verifier::endorsements::{Resource, Services, Store};

use super::{
    NOW,
    desk::{Machine, folder, machines, services, store, vendors},
};

const HOUR: u64 = 3600;

/// Intel's documents come with their chains.
async fn ask(store: &Store, machine: &Machine, hours: u64) {
    let resource = machine.needs().above.into_iter().find(is_info).expect("TCB info");
    let nothing = Arc::new(Endorsements::default());
    let found = store.eager().get(&resource, &nothing, NOW.plus(hours * HOUR)).await;
    assert!(found.is_ok(), "{found:?}");
}

fn is_info(resource: &Resource) -> bool {
    matches!(resource, Resource::TcbInfo { .. })
}

/// What each request asked under, and its status.
fn asked(vendors: &Vendors) -> Vec<(bool, Option<u16>)> {
    let one = |request: &Request| (request.header("if-none-match").is_some(), request.status);
    let all = vendors.requests().iter().map(one).collect();
    vendors.forget();
    all
}

#[tokio::test]
async fn endorsements_are_asked_for_whole_at_least_once_a_day() {
    let vendors = vendors();
    let ([_, intel, _], folder) = (machines(&vendors), folder());
    let online = store(folder.path(), Some(services(&vendors)), &intel);
    for hours in [0, 7, 14, 21, 28, 35] {
        ask(&online, &intel, hours).await;
    }
    let (whole, same) = ((false, Some(200)), (true, Some(304)));
    assert_eq!(asked(&vendors), [whole, same, same, same, whole, same]);
}

#[tokio::test]
async fn endorsements_named_by_one_mirror_are_asked_of_another_under_no_condition() {
    let (one, other) = (vendors(), vendors());
    let ([_, intel, _], _) = (machines(&one), machines(&other));
    let folder = folder();
    let mirrors: [Services; 2] = [services(&one), services(&other)];
    for (mirror, hours) in mirrors.into_iter().zip([0, 7]) {
        ask(&store(folder.path(), Some(mirror), &intel), &intel, hours).await;
    }
    assert_eq!(asked(&other), [(false, Some(200))]);
}

#[tokio::test]
async fn endorsements_of_a_service_that_refuses_conditions_are_asked_for_without() {
    let vendors = vendors();
    let [_, intel, _] = machines(&vendors);
    for status in [431, 404, 412] {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &intel);
        ask(&online, &intel, 0).await;
        vendors.forget();
        vendors.set(Service::Pcs, Fault::Unconditional(status));
        let restarted = store(folder.path(), Some(services(&vendors)), &intel);
        ask(&restarted, &intel, 7).await;
        assert_eq!(asked(&vendors), [(true, Some(status)), (false, Some(200))], "{status}");
        vendors.clear(Service::Pcs);
    }
}
