//! Everything that evidence stands on is fetched, verified, and fetched no more.

use std::sync::Arc;

use sealroom_attestation::{endorsements::Endorsements, x509};
use sealroom_forge::{Fake, gpu::CertificateStatus};
use sealroom_tests::{canary::Canary, vendors::Service};
use sealroom_verifier::endorsements::{FetchError, Resource};

use super::{
    NOW, SEED,
    desk::{Machine, folder, gathered, machines, problems, services, store, vendors},
};

#[tokio::test]
async fn endorsements_fetched_once_prove_every_platform_and_later_without_any_service() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        let first = gathered(&online, &machine, NOW).await;
        assert_eq!((problems(&first), machine.proven(&first, NOW)), (vec![], Ok(())));
        let asked = vendors.count(|_| true);
        let again = gathered(&online, &machine, NOW.plus(60)).await;
        assert_eq!(machine.proven(&again, NOW.plus(60)), Ok(()));
        assert_eq!(vendors.count(|_| true), asked, "what was kept is asked for no more");
        // Another process, without any network.
        let offline = store(folder.path(), None, &machine);
        let kept = gathered(&offline, &machine, NOW.plus(60)).await;
        assert_eq!((problems(&kept), machine.proven(&kept, NOW.plus(60))), (vec![], Ok(())));
        assert_eq!(vendors.count(|_| true), asked);
        vendors.forget();
    }
}

#[tokio::test]
async fn endorsements_that_are_not_at_hand_offline_are_missing_and_nothing_passes() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let offline = store(folder.path(), None, &machine);
        let nothing = gathered(&offline, &machine, NOW).await;
        assert_eq!(problems(&nothing), ["endorsements.fetch"]);
        assert!(nothing.found.is_empty());
    }
    assert_eq!(vendors.count(|_| true), 0);
}

/// Anybody can make certificates, and have a responder asked about them.
#[tokio::test]
async fn endorsements_of_certificates_under_no_trusted_root_are_asked_of_nobody() {
    let vendors = vendors();
    let device = Fake::gpu(SEED);
    vendors.knows_gpu(&device);
    let stranger = Machine { root: [0; 32], ..Machine::nvidia(&device) };
    let asked = || vendors.count(|request| request.service == Service::Ocsp);
    for (machine, is_asked) in [(stranger, false), (Machine::nvidia(&device), true)] {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        drop(gathered(&online, &machine, NOW).await);
        assert_eq!(asked() > 0, is_asked);
    }
}

/// What is said against a certificate is a statement like any other: kept, and told again to whoever asks.
#[tokio::test]
async fn endorsements_against_a_device_refuse_it_again_and_again() {
    let vendors = vendors();
    let device = Fake::gpu(SEED);
    vendors.knows_gpu(&device);
    let machine = Machine::nvidia(&device);
    let chain = String::from_utf8(device.sign().chain_pem).expect("PEM");
    let blocks = x509::blocks(&chain).expect("PEM");
    let identity = blocks.get(1).expect("the identity key's certificate");
    let serial = x509::Certificate::decode(&identity.der).expect("a certificate").serial;
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    assert_eq!(machine.proven(&gathered(&online, &machine, NOW).await, NOW), Ok(()), "the control");
    vendors.publish(vendors.edition().next(NOW));
    vendors.says(&serial, CertificateStatus::Revoked(NOW.0 - 60, None));
    // Seven hours later it is asked for anew: whoever would rather wait hears of it at once.
    let later = NOW.plus(7 * 3600);
    let eager = online.eager();
    for store in [&eager, &online, &eager] {
        let gathered = gathered(store, &machine, later).await;
        assert_eq!(machine.proven(&gathered, later), Err("gpu.ocsp.revoked"));
    }
    let restarted = store(folder.path(), None, &machine);
    let kept = gathered(&restarted, &machine, later).await;
    assert_eq!(machine.proven(&kept, later), Err("gpu.ocsp.revoked"), "from disk");
}

/// A session's patience may end between a chain and what stands below it.
#[tokio::test]
async fn endorsements_below_a_chain_are_verified_under_what_is_held_when_they_land() {
    let vendors = vendors();
    let [amd, intel, _] = machines(&vendors);
    let nothing = Arc::new(Endorsements::default());
    let (folder, needs) = (folder(), amd.needs());
    let online = store(folder.path(), Some(services(&vendors)), &amd);
    let early = online.get(&needs.rest[0], &nothing, NOW).await;
    assert!(matches!(early, Err(FetchError::Unfit(_))), "{early:?}");
    for store in [&online, &store(folder.path(), None, &amd)] {
        for resource in needs.above.iter().chain(&needs.rest) {
            let found = store.get(resource, &nothing, NOW).await;
            assert!(found.is_ok(), "{resource}: {found:?}");
        }
    }
    let online = store(folder.path(), Some(services(&vendors)), &intel);
    let (above, list) = (&intel.needs().above[0], Resource::IntelRootList);
    let early = online.get(&list, &nothing, NOW).await;
    assert!(matches!(early, Err(FetchError::Unfit(_))), "{early:?}");
    let mut chain = Endorsements::default();
    for file in &online.get(above, &nothing, NOW).await.expect("a list").entry.files {
        chain.add_file(file).expect("read before");
    }
    let late = online.get(&list, &Arc::new(chain), NOW).await;
    assert!(late.is_ok(), "nobody pauses for what the asker lacked: {late:?}");
}

/// Addresses in certificates are an attacker's to choose.
#[tokio::test]
async fn endorsements_are_never_fetched_from_an_address_in_a_certificate() {
    let (vendors, canary) = (vendors(), Canary::start().expect("a port"));
    let chip = Fake::snp(SEED).vek(canary.named()).authority(canary.named());
    let platform = Fake::tdx(SEED).pck(canary.named()).tcb_signer(canary.named());
    let device = Fake::gpu(SEED).leaf(canary.named());
    vendors.knows_snp(&chip);
    vendors.knows_tdx(&platform);
    vendors.knows_gpu(&device);
    for machine in [Machine::amd(&chip), Machine::intel(&platform), Machine::nvidia(&device)] {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        drop(gathered(&online, &machine, NOW).await);
    }
    assert!(vendors.count(|_| true) > 0);
    println!("canary connections: {}", canary.connections());
    assert_eq!(canary.connections(), 0);
}
