//! NVIDIA's RIM service, and devices that are verified with it and the responder.

use sealroom_attestation::{
    Refusal,
    endorsements::{Anchors, Endorsements},
    evidence::{GpuClass, GpuEntry},
    gpu::{self, GpuClaims, GpuError, ocsp::Standing},
    x509::Certificate,
};
use sealroom_forge::{Fake, FakeGpu, FakeRim, GpuClass as Kind, Role};
use sealroom_tests::{
    canary::Canary,
    vendors::{Fault, Service, Vendors},
};

use super::{
    NOW, SEED,
    client::get,
    failed,
    ocsp::{SHA_1, ask, certificates, request},
    vendors,
};

const DRIVER: &str = "/v1/rim/NV_GPU_DRIVER_GH100_550.90.07";

/// Asks for every RIM and for every response, and verifies a report with nothing else.
fn verify(
    vendors: &Vendors,
    device: &FakeGpu,
    class: GpuClass,
) -> Result<(), Box<Refusal<GpuError, GpuClaims>>> {
    let mut given = Endorsements::default();
    let mut chains = vec![certificates(device)[1..].to_vec()];
    for (id, rim) in device.rims() {
        let reply = get(&vendors.rim(), &format!("/v1/rim/{id}"));
        assert_eq!(reply.status, 200, "{id}");
        given.add_file(&reply.body).expect("a RIM");
        let signed = rim.sign().certificates;
        let decode = |der| Certificate::decode(der).expect("a certificate");
        chains.push(signed.iter().map(|der| decode(der)).collect());
    }
    for (subject, issuer) in chains.iter().flat_map(|chain| chain.iter().zip(&chain[1..])) {
        let reply = ask(vendors, &request(SHA_1, &[(subject, issuer)], None));
        given.add_file(&reply.body).expect("a response");
    }
    let evidence = device.sign();
    let root = Fake::gpu(SEED).sign().root_sha256;
    let anchors = Anchors::production().danger_accept_simulated(root);
    let entry = GpuEntry { class, report: evidence.report, chain: evidence.chain_pem };
    let verified = gpu::verify(&entry, &given.gpu, &anchors.gpu, None, NOW)?;
    let claims = verified.claims();
    assert_eq!(claims.compared.len(), device.rims().len());
    let standings = &claims.endorsed.standings;
    assert!(standings.iter().all(|one| one.standing == Some(Standing::Good)), "{standings:?}");
    Ok(())
}

#[test]
fn every_kind_of_device_is_verified_with_what_is_fetched() {
    let vendors = vendors();
    let kinds = [
        (Kind::Hopper, GpuClass::Hopper),
        (Kind::Blackwell, GpuClass::Blackwell),
        (Kind::Ls10, GpuClass::Ls10),
    ];
    for (kind, class) in kinds {
        let device = Fake::gpu(SEED).class(kind).place(1);
        vendors.knows_gpu(&device);
        verify(&vendors, &device, class).unwrap_or_else(|refused| panic!("{kind:?}: {refused:?}"));
    }
    let other = Fake::gpu(SEED).driver("560.35.03").vbios("96.00.74.00.0D");
    vendors.knows_gpu(&other);
    verify(&vendors, &other, GpuClass::Hopper).expect("genuine");
}

#[test]
fn the_service_lists_its_ids_and_knows_no_others() {
    let vendors = vendors();
    let status = |target: &str| get(&vendors.rim(), target).status;
    assert_eq!(status(DRIVER), 404);
    vendors.knows_gpu(&Fake::gpu(SEED));
    assert_eq!((status(DRIVER), status("/v2/rim/ids"), status("/v1/rim/ids?a=b")), (200, 404, 400));
    let ids = String::from_utf8(get(&vendors.rim(), "/v1/rim/ids").body).expect("JSON");
    assert!(ids.starts_with(
        r#"{"ids":["NV_GPU_DRIVER_GH100_550.90.07","NV_GPU_VBIOS_1010_0200_882_96009F0001"],"#
    ));
}

#[test]
fn the_service_signs_wrongly_when_told() {
    let (vendors, device) = (vendors(), Fake::gpu(SEED));
    vendors.knows_gpu(&device);
    let cases = [
        (Fault::Stale, "gpu.rim.validity"),
        (Fault::Tampered, "gpu.rim.digest"),
        (Fault::OtherKey, "gpu.rim.signature"),
        (Fault::OtherVendor, "gpu.rim.chain"),
        (Fault::OtherResource, "gpu.rim.version"),
    ];
    let mut wrong = Vec::new();
    for (fault, check) in cases {
        vendors.set_for(Service::Rim, DRIVER, fault.clone());
        let refused = verify(&vendors, &device, GpuClass::Hopper).expect_err("it is wrong");
        if failed(&refused.ledger).first() != Some(&check) {
            wrong.push((fault, check, failed(&refused.ledger)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The tag's own version.
fn tag_version(vendors: &Vendors) -> String {
    let mut given = Endorsements::default();
    given.add_file(&get(&vendors.rim(), DRIVER).body).expect("a RIM");
    let text = String::from_utf8(given.gpu.rims.remove(0)).expect("XML");
    let (_, rest) = text.split_once("tagVersion=\"").expect("a version");
    rest.split('"').next().map(str::to_owned).expect("digits")
}

#[test]
fn the_service_goes_back_to_older_values_and_on_to_newer_ones() {
    let vendors = vendors();
    vendors.knows_gpu(&Fake::gpu(SEED));
    assert_eq!(tag_version(&vendors), "3");
    vendors.set(Service::Rim, Fault::RolledBack);
    assert_eq!(tag_version(&vendors), "2");
    vendors.clear(Service::Rim);
    vendors.publish(vendors.edition().next(NOW));
    assert_eq!(tag_version(&vendors), "4");
}

#[test]
fn the_service_takes_any_rim_that_a_test_describes() {
    let (vendors, device) = (vendors(), Fake::gpu(SEED));
    vendors.knows_gpu(&device);
    let (id, rim): (String, FakeRim) = device.rims().remove(0);
    vendors.knows_rim(&id, &rim.signed_by(Role::GpuRoot));
    let refused = verify(&vendors, &device, GpuClass::Hopper).expect_err("it is wrong");
    assert_eq!(failed(&refused.ledger), ["gpu.rim.signature"]);
}

#[test]
fn certificates_may_name_places_that_nobody_calls() {
    let (vendors, canary) = (vendors(), Canary::start().expect("a port"));
    let named = Fake::gpu(SEED).leaf(canary.named()).identity(canary.named());
    vendors.knows_gpu(&named);
    verify(&vendors, &named, GpuClass::Hopper).expect("genuine");
    let url = canary.url().into_bytes();
    let leaf = &named.sign().certificates[0];
    assert_eq!(leaf.windows(url.len()).filter(|window| *window == url).count(), 3);
    assert_eq!(canary.connections(), 0);
}
