//! AMD's key distribution service.

use sealroom_attestation::{
    Refusal,
    endorsements::{Anchors, Endorsements},
    snp::{self, Revocation, SnpError},
    x509::Crl,
};
use sealroom_forge::{Fake, FakeSnp, Generation};
use sealroom_tests::{
    canary::Canary,
    vendors::{Fault, Service, Vendors},
};

use super::{
    NOW, SEED,
    client::{Reply, get},
    failed, vendors,
};

const PRODUCTS: [Generation; 3] = [Generation::Milan, Generation::Genoa, Generation::Turin];

/// Where the service has the certificate of the key that signed this report.
fn vcek(product: Generation, report: &[u8]) -> String {
    let (chip, tcb) = (&report[0x1a0..0x1e0], &report[0x180..0x188]);
    if product == Generation::Turin {
        let [fmc, boot, tee, snp, .., microcode] = tcb[..] else { panic!("eight bytes") };
        let levels = format!("blSPL={boot}&teeSPL={tee}&snpSPL={snp}&ucodeSPL={microcode}");
        return format!("/vcek/v1/Turin/{}?fmcSPL={fmc}&{levels}", hex::encode(&chip[..8]));
    }
    let [boot, tee, .., snp, microcode] = tcb[..] else { panic!("eight bytes") };
    let levels = format!("blSPL={boot:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}");
    format!("/vcek/v1/{product}/{}?{levels}", hex::encode_upper(chip))
}

/// Asks for all three, and verifies the report with nothing else.
fn verify(vendors: &Vendors, machine: &FakeSnp) -> Result<(), Refusal<SnpError, snp::SnpClaims>> {
    let (product, evidence) = (machine.product(), machine.sign());
    let targets = [
        vcek(product, &evidence.report),
        format!("/vcek/v1/{product}/cert_chain"),
        format!("/vcek/v1/{product}/crl"),
    ];
    let mut given = Endorsements::default();
    for target in targets {
        let reply = get(&vendors.kds(), &target);
        assert_eq!(reply.status, 200, "{target}");
        given.add_file(&reply.body).expect("an endorsement");
    }
    let root = Fake::snp(SEED).generation(product).sign().root_sha256;
    let anchors = Anchors::production().danger_accept_simulated(root);
    let claims = snp::verify(&evidence.report, &given.snp, &anchors.snp, NOW)?;
    assert_eq!(claims.claims().revocation, Revocation::Checked);
    Ok(())
}

#[test]
fn kds_certifies_each_chip_at_its_tcb() {
    let vendors = vendors();
    for product in PRODUCTS {
        for number in [1, 2] {
            let chip = Fake::snp(SEED).generation(product).chip(number);
            vendors.knows_snp(&chip);
            verify(&vendors, &chip).unwrap_or_else(|refused| panic!("{product}: {refused:?}"));
        }
        let older = Fake::snp(SEED).generation(product).chip(1).tcb([1, 0, 0, 0, 0, 0, 0, 2]);
        verify(&vendors, &older).unwrap_or_else(|refused| panic!("{product}: {refused:?}"));
    }
}

#[test]
fn kds_has_the_authorities_of_providers() {
    let machine = Fake::snp(SEED).vlek();
    let evidence = machine.sign();
    let vendors = vendors();
    let chain = get(&vendors.kds(), "/vlek/v1/Genoa/cert_chain");
    let mut given = Endorsements::default();
    for file in [&chain.body, &evidence.vek] {
        given.add_file(file).expect("certificates");
    }
    let anchors = Anchors::production().danger_accept_simulated(evidence.root_sha256);
    snp::verify(&evidence.report, &given.snp, &anchors.snp, NOW).expect("genuine");
}

#[test]
fn kds_refuses_what_it_does_not_know_or_understand() {
    let vendors = vendors();
    let (chip, turin) = (Fake::snp(SEED), Fake::snp(SEED).generation(Generation::Turin));
    vendors.knows_snp(&chip);
    vendors.knows_snp(&turin);
    let right = vcek(Generation::Genoa, &chip.sign().report);
    let status = |target: &str| get(&vendors.kds(), target).status;
    assert_eq!(status(&right), 200);
    let other = vcek(Generation::Genoa, &Fake::snp(SEED).chip(9).sign().report);
    assert_eq!(status(&other), 404);
    assert_eq!(status(&right.replace("Genoa", "Milan")), 404);
    assert_eq!(status("/vcek/v1/Venice/cert_chain"), 404);
    assert_eq!(status("/vcek/v2/Genoa/cert_chain"), 404);
    let turin = vcek(Generation::Turin, &turin.sign().report);
    let (short, _) = right.rsplit_once('&').expect("parameters");
    let malformed = [
        short.to_owned(),
        format!("{right}&blSPL=1"),
        format!("{right}&fmcSPL=1"),
        right.replace("teeSPL=00", "teeSPL=256"),
        right.replace("teeSPL=00", "teeSPL=+0"),
        right.replace("/Genoa/", "/Genoa/zz"),
        right.replace("/Genoa/", "/Genoa/00"),
        turin.replace("fmcSPL=1&", ""),
    ];
    for target in malformed {
        assert_eq!(status(&target), 400, "{target}");
    }
}

#[test]
fn kds_signs_wrongly_when_told() {
    let vendors = vendors();
    let chip = Fake::snp(SEED).chip(1);
    vendors.knows_snp(&chip);
    let cases = [
        (Fault::Stale, "snp.vek.validity"),
        (Fault::Tampered, "snp.vek.hwid"),
        (Fault::OtherKey, "snp.chain.signature"),
        (Fault::OtherVendor, "snp.chain.signature"),
        (Fault::OtherResource, "snp.vek.hwid"),
    ];
    let target = vcek(Generation::Genoa, &chip.sign().report);
    for (fault, check) in cases {
        vendors.set_for(Service::Kds, &target, fault.clone());
        let refused = verify(&vendors, &chip).expect_err("it is wrong");
        assert_eq!(failed(&refused.ledger).first(), Some(&check), "{fault:?}");
    }
    let cases = [
        (Fault::Stale, "snp.crl.validity"),
        (Fault::Tampered, "snp.crl.signature"),
        (Fault::OtherKey, "snp.crl.signature"),
        (Fault::OtherVendor, "snp.crl.signature"),
        (Fault::OtherResource, "snp.crl.issuer"),
    ];
    vendors.clear(Service::Kds);
    for (fault, check) in cases {
        vendors.set_for(Service::Kds, "/vcek/v1/Genoa/crl", fault.clone());
        let refused = verify(&vendors, &chip).expect_err("it is wrong");
        assert_eq!(failed(&refused.ledger).first(), Some(&check), "{fault:?}");
    }
    vendors.clear(Service::Kds);
    vendors.set_for(Service::Kds, "/vcek/v1/Genoa/cert_chain", Fault::OtherVendor);
    let refused = verify(&vendors, &chip).expect_err("it is wrong");
    assert_eq!(failed(&refused.ledger).first(), Some(&"snp.chain.root"));
    vendors.set(Service::Kds, Fault::OtherVendor);
    let refused = verify(&vendors, &chip).expect_err("a whole vendor of somebody else's");
    assert_eq!(failed(&refused.ledger).first(), Some(&"snp.chain.root"));
    vendors.clear(Service::Kds);
    verify(&vendors, &chip).expect("all is well again");
}

/// The number of a list, and the second from which it counts.
fn edition(list: &Reply) -> (Vec<u8>, u64) {
    let list = Crl::decode(&list.body).expect("a list");
    (list.number.expect("lists have numbers"), list.validity.from.0)
}

#[test]
fn kds_goes_back_to_an_older_list_and_on_to_a_newer_one() {
    let vendors = vendors();
    let list = || get(&vendors.kds(), "/vcek/v1/Turin/crl");
    let (number, from) = edition(&list());
    assert_eq!(number, [10]);
    vendors.set(Service::Kds, Fault::RolledBack);
    assert_eq!(edition(&list()), (vec![9], from - 86_400));
    vendors.clear(Service::Kds);
    vendors.publish(vendors.edition().next(NOW.plus(60)));
    assert_eq!(edition(&list()), (vec![11], from + 60));
}

#[test]
fn certificates_may_name_places_that_nobody_calls() {
    let (vendors, canary) = (vendors(), Canary::start().expect("a port"));
    let chip = Fake::snp(SEED).chip(1).vek(canary.named()).authority(canary.named());
    vendors.knows_snp(&chip);
    verify(&vendors, &chip).expect("genuine");
    let certificate = get(&vendors.kds(), &vcek(Generation::Genoa, &chip.sign().report)).body;
    let url = canary.url().into_bytes();
    assert_eq!(certificate.windows(url.len()).filter(|window| *window == url).count(), 3);
    assert_eq!(canary.connections(), 0);
}
