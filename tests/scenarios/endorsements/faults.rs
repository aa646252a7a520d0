//! Every way in which a service can fail or lie: what is wrong is refused by its check, what was kept still counts, and
//! nothing ever passes that did not before.

use std::time::{Duration, Instant};

use sealroom_tests::vendors::{Edition, Fault, Service, Vendors};
use sealroom_verifier::endorsements::{Asked, Gathered, Origin};

use super::{
    NOW,
    desk::{Machine, folder, gathered, machines, problems, services, store, vendors},
};

/// The fault, and whether a client can see it as anything but a slow service.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("refused", Fault::Refused),
        ("dropped", Fault::Dropped),
        ("status 500", Fault::Status(500)),
        ("status 404", Fault::Status(404)),
        ("429", Fault::TooManyRequests(30)),
        ("truncated", Fault::Truncated),
        ("stale", Fault::Stale),
        ("tampered", Fault::Tampered),
        ("other key", Fault::OtherKey),
        ("other vendor", Fault::OtherVendor),
        ("other resource", Fault::OtherResource),
        ("redirect", Fault::Redirect(302, "http://127.0.0.1:1/".to_owned())),
        ("endless", Fault::Endless),
        ("gzip", Fault::Gzip),
        ("many headers", Fault::ManyHeaders),
        ("garbage", Fault::Garbage),
        ("empty", Fault::Empty),
        ("no HTTP", Fault::NotHttp),
    ]
}

fn set(vendors: &Vendors, fault: &Fault) {
    for service in Service::ALL {
        vendors.set(service, fault.clone());
    }
}

fn clear(vendors: &Vendors) {
    Service::ALL.into_iter().for_each(|service| vendors.clear(service));
}

async fn ask(vendors: &Vendors, machine: &Machine) -> (Gathered, usize) {
    let folder = folder();
    let online = store(folder.path(), Some(services(vendors)), machine);
    let gathered = gathered(&online, machine, NOW).await;
    (gathered, online.cache().list().expect("a cache").len())
}

#[tokio::test]
async fn endorsements_of_a_service_that_fails_or_lies_are_refused_and_not_kept() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        for (name, fault) in faults() {
            set(&vendors, &fault);
            let (wrong, kept) = ask(&vendors, &machine).await;
            clear(&vendors);
            println!("{name}: {:?}, {} came", problems(&wrong), wrong.found.len());
            assert!(!wrong.problems.is_empty(), "{name}");
            assert_eq!(kept, wrong.found.len(), "{name}: only what was verified is kept");
        }
        let (right, _) = ask(&vendors, &machine).await;
        assert_eq!(machine.proven(&right, NOW), Ok(()), "the control");
    }
}

#[tokio::test]
async fn endorsements_that_were_kept_count_on_while_the_services_fail_and_end_with_their_own_date()
{
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        assert_eq!(machine.proven(&gathered(&online, &machine, NOW).await, NOW), Ok(()));
        let end = vendors.edition().window.until;
        for (name, fault) in [("refused", Fault::Refused), ("tampered", Fault::Tampered)] {
            set(&vendors, &fault);
            let last = gathered(&online, &machine, end).await;
            assert_eq!(problems(&last), Vec::<&str>::new(), "{name}, in the last second");
            let late = gathered(&online, &machine, end.plus(1)).await;
            clear(&vendors);
            println!("{name}, a second after the end: {:?}", problems(&late));
            assert_eq!(problems(&late), ["endorsements.fetch"], "{name}");
        }
    }
}

#[tokio::test]
async fn endorsements_of_a_service_that_is_busy_are_not_asked_for_again_before_its_time() {
    let vendors = vendors();
    let [machine, _, _] = machines(&vendors);
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    vendors.set(Service::Kds, Fault::TooManyRequests(30));
    drop(gathered(&online, &machine, NOW).await);
    let asked = vendors.count(|_| true);
    assert_eq!(asked, 1, "what one is told counts for all that the service has");
    vendors.clear(Service::Kds);
    let again = gathered(&online, &machine, NOW).await;
    assert_eq!((vendors.count(|_| true), problems(&again)), (asked, vec!["endorsements.fetch"]));
    let first = &again.problems.first().expect("a problem").error;
    assert!(first.to_string().ends_with("tried again in 30 s"), "{first}");
}

#[tokio::test]
async fn endorsements_of_a_service_that_drips_end_within_their_deadline() {
    let vendors = vendors();
    let [machine, _, _] = machines(&vendors);
    vendors.set(Service::Kds, Fault::Drip(Duration::from_millis(500)));
    let begin = Instant::now();
    let (wrong, _) = ask(&vendors, &machine).await;
    assert_eq!(problems(&wrong), ["endorsements.fetch"]);
    println!("given up after {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(30));
}

/// Six hours old, and asked for anew in the background: nobody waits for a slow service.
#[tokio::test]
async fn endorsements_that_age_are_given_at_once_while_a_slow_service_is_asked_behind() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        drop(gathered(&online, &machine, NOW).await);
        let asked = vendors.count(|_| true);
        set(&vendors, &Fault::Slow(Duration::from_secs(2)));
        let (begin, later) = (Instant::now(), NOW.plus(7 * 3600));
        let ageing = gathered(&online, &machine, later).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        assert_eq!(machine.proven(&ageing, later), Ok(()));
        for (resource, Asked { entry, origin }) in &ageing.found {
            let kept =
                if entry.statement.edition.is_some() { Origin::Ageing } else { Origin::Kept };
            assert_eq!(*origin, kept, "{resource}");
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        clear(&vendors);
        assert!(vendors.count(|_| true) > asked, "asked behind");
        let young = gathered(&online, &machine, later).await;
        assert!(young.found.iter().all(|(_, asked)| asked.origin == Origin::Kept));
    }
}

/// The gateway was started again, the entries are seven hours old, and the services hang: no session waits for them.
#[tokio::test]
async fn endorsements_that_age_on_disk_are_given_at_once_after_a_restart() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        drop(gathered(&online, &machine, NOW).await);
        vendors.forget();
        set(&vendors, &Fault::Slow(Duration::from_secs(2)));
        let restarted = store(folder.path(), Some(services(&vendors)), &machine);
        let (begin, later) = (Instant::now(), NOW.plus(7 * 3600));
        let ageing = gathered(&restarted.patient(Duration::from_secs(1)), &machine, later).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        assert_eq!(machine.proven(&ageing, later), Ok(()));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(vendors.count(|_| true) > 0, "asked behind");
        // Whoever would rather wait is given what is there when the time is up.
        let restarted = store(folder.path(), Some(services(&vendors)), &machine).eager();
        let ageing =
            gathered(&restarted.patient(Duration::from_millis(300)), &machine, later).await;
        assert_eq!(machine.proven(&ageing, later), Ok(()));
        clear(&vendors);
    }
}

/// An old list is validly signed: only memory tells it from the newest.
#[tokio::test]
async fn endorsements_never_go_back_also_after_a_restart_and_without_a_cache() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        vendors.publish(Edition::at(NOW).next(NOW));
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        let newest = gathered(&online, &machine, NOW).await;
        assert_eq!(machine.proven(&newest, NOW), Ok(()));
        std::fs::remove_dir_all(folder.path().join("cache")).expect("the cache is gone");
        set(&vendors, &Fault::RolledBack);
        let restarted = store(folder.path(), Some(services(&vendors)), &machine);
        let older = gathered(&restarted, &machine, NOW).await;
        clear(&vendors);
        let refused = older.problems.iter();
        let refused = refused.map(|one| (one.resource.to_string(), one.error.check().id));
        let mut refused: Vec<_> = refused.collect();
        println!("rolled back: {refused:?}");
        // A simulated root comes only with what was refused; Intel's own needs not come.
        refused.retain(|one| *one != ("intel/crl/root".to_owned(), "tdx.crl.root.signature"));
        assert!(
            !refused.is_empty() && refused.iter().all(|(_, id)| *id == "endorsements.rollback")
        );
        let again = store(folder.path(), Some(services(&vendors)), &machine);
        let control = gathered(&again, &machine, NOW).await;
        assert_eq!(machine.proven(&control, NOW), Ok(()), "the control");
        vendors.publish(Edition::at(NOW));
    }
}

/// Two processes share one ratchet: what one of them learned is over for the other.
#[tokio::test]
async fn endorsements_that_another_process_saw_replaced_are_given_no_more() {
    let vendors = vendors();
    let [_, machine, _] = machines(&vendors);
    let (folder, later) = (folder(), NOW.plus(7 * 3600));
    let one = store(folder.path(), Some(services(&vendors)), &machine);
    drop(gathered(&one, &machine, NOW).await);
    let old = vendors.edition();
    vendors.publish(old.next(NOW));
    let other = store(folder.path(), Some(services(&vendors)), &machine);
    assert_eq!(problems(&gathered(&other.eager(), &machine, later).await), Vec::<&str>::new());
    vendors.publish(old);
    // A mirror that is behind says the old one again; only now this process hears that it is old.
    set(&vendors, &Fault::RolledBack);
    let older = gathered(&one.eager(), &machine, later).await;
    let newest = gathered(&one, &machine, later).await;
    clear(&vendors);
    assert!(problems(&older).contains(&"endorsements.rollback"), "{:?}", older.problems);
    assert_eq!(machine.proven(&newest, later), Ok(()), "what the other process kept");
    let editions =
        newest.found.iter().filter_map(|(_, asked)| asked.entry.statement.edition.clone());
    let numbers: Vec<_> = editions.map(|edition| edition.number).collect();
    // The root's own list could not be verified without the others' chain, so that it was not found to be old.
    assert_eq!(numbers.get(..3), Some(&[vec![11], vec![21], vec![21]][..]));
}
