//! Everything that evidence stands on is fetched, verified, and fetched no more.

use sealroom_forge::Fake;
use sealroom_tests::canary::Canary;

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
