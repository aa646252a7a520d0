//! NVIDIA's OCSP responder, asked by requests that are written byte by byte.

use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, digest};
use sealroom_attestation::{
    gpu::ocsp::{self, Owner, Standing},
    x509::Certificate,
};
use sealroom_forge::{Fake, FakeGpu, gpu::CertificateStatus};
use sealroom_tests::vendors::{Fault, Service, Vendors};

use super::{
    NOW, SEED,
    client::{Reply, get, post},
    failed, vendors,
};

/// Hash, and the AlgorithmIdentifier for it.
type Hash = (&'static Algorithm, &'static [u8]);

pub(super) const SHA_1: Hash =
    (&SHA1_FOR_LEGACY_USE_ONLY, b"\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00");
const SHA_256: Hash = (&SHA256, b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01");
const SHA_384: Hash = (&SHA384, b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02");
const NONCE: [u8; 32] = [0xa5; 32];

/// One element; the forge's encoder is not used, so that one mistake is not made twice.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let length: &[u8] = match content.len() {
        0..0x80 => &length[1..],
        0x80..0x100 => &[0x81, length[1]],
        _ => &[0x82, length[0], length[1]],
    };
    [&[tag], length, &content].concat()
}

/// A request about some certificates, each with its issuer.
pub(super) fn request(
    (algorithm, identifier): Hash,
    about: &[(&Certificate, &Certificate)],
    nonce: Option<&[u8]>,
) -> Vec<u8> {
    let requests = about.iter().map(|(subject, issuer)| {
        let name = digest(algorithm, &issuer.subject.der);
        let key = digest(algorithm, issuer.key.bytes());
        let (name, key) = (element(4, &[name.as_ref()]), element(4, &[key.as_ref()]));
        let sign: &[u8] = if subject.serial[0] < 0x80 { &[] } else { &[0] };
        let serial = element(2, &[sign, &subject.serial]);
        element(0x30, &[&element(0x30, &[identifier, &name, &key, &serial])])
    });
    let list = element(0x30, &[&requests.collect::<Vec<_>>().concat()]);
    let extensions = nonce.map_or(Vec::new(), |nonce| {
        let oid = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02";
        let nonce = element(4, &[&element(4, &[nonce])]);
        element(0xa2, &[&element(0x30, &[&element(0x30, &[oid, &nonce])])])
    });
    element(0x30, &[&element(0x30, &[&list, &extensions])])
}

pub(super) fn ask(vendors: &Vendors, request: &[u8]) -> Reply {
    post(&vendors.ocsp(), "application/ocsp-request", request)
}

/// A device's certificates, its own key's first.
pub(super) fn certificates(device: &FakeGpu) -> Vec<Certificate> {
    let signed = device.sign().certificates;
    signed.iter().map(|der| Certificate::decode(der).expect("a certificate")).collect()
}

/// The device's identity and its issuer; a responder that knows them.
fn scene() -> (Vendors, Vec<Certificate>) {
    let (vendors, device) = (vendors(), Fake::gpu(SEED));
    vendors.knows_gpu(&device);
    (vendors, certificates(&device))
}

/// What the responses prove of the device's chain.
fn standings(
    chain: &[Certificate],
    responses: &[Vec<u8>],
) -> Result<Vec<Option<Standing>>, Vec<&'static str>> {
    let links = ocsp::links(chain, Owner::Device);
    match ocsp::verify(responses, &links, NOW) {
        Ok(all) => Ok(all.claims().iter().map(|one| one.standing).collect()),
        Err(refused) => Err(failed(&refused.ledger)),
    }
}

#[test]
fn answers_in_the_hash_that_was_asked_in() {
    let (vendors, chain) = scene();
    let good = [SHA_1, SHA_384].map(|hash| {
        let asked = request(hash, &[(&chain[1], &chain[2])], None);
        let reply = ask(&vendors, &asked);
        assert_eq!(reply.header("content-type"), Some("application/ocsp-response"));
        assert_eq!(
            standings(&chain, std::slice::from_ref(&reply.body)).expect("it verifies")[0],
            Some(Standing::Good)
        );
        reply.body
    });
    assert_ne!(good[0], good[1]);
    // Nobody at NVIDIA uses SHA-256, so the verifier does not read it; the responder does.
    let reply = ask(&vendors, &request(SHA_256, &[(&chain[1], &chain[2])], None));
    assert_eq!(reply.body[4..7], [0x0a, 1, 0], "an answer");
    assert_eq!(standings(&chain, &[reply.body]), Err(vec!["gpu.ocsp.decode"]));
}

#[test]
fn gives_the_nonce_back_or_says_nothing_of_one() {
    let (vendors, chain) = scene();
    let echoes = |nonce: Option<&[u8]>| {
        let reply = ask(&vendors, &request(SHA_384, &[(&chain[1], &chain[2])], nonce));
        standings(&chain, std::slice::from_ref(&reply.body)).expect("it verifies");
        reply.body.windows(NONCE.len()).any(|window| window == NONCE)
    };
    assert!(echoes(Some(&NONCE)));
    assert!(!echoes(None));
    vendors.set(Service::Ocsp, Fault::Replayed);
    assert!(!echoes(Some(&NONCE)), "somebody else's");
}

#[test]
fn says_what_it_is_told_to_say() {
    let (vendors, chain) = scene();
    let status = || {
        let reply = ask(&vendors, &request(SHA_384, &[(&chain[1], &chain[2])], None));
        standings(&chain, &[reply.body])
    };
    let serial = &chain[1].serial;
    let revoked = CertificateStatus::Revoked(NOW.0 - 60, None);
    let hold = CertificateStatus::Revoked(NOW.0 - 60, Some(6));
    let cases = [
        (revoked, "gpu.ocsp.revoked"),
        (hold, "gpu.ocsp.hold"),
        (CertificateStatus::Unknown, "gpu.ocsp.unknown"),
    ];
    for (said, check) in cases {
        vendors.says(serial, said);
        assert_eq!(status(), Err(vec![check]));
    }
    vendors.says(serial, CertificateStatus::Good);
    assert_eq!(status().expect("it verifies")[0], Some(Standing::Good));
}

#[test]
fn answers_several_below_one_issuer_and_none_below_two() {
    let vendors = vendors();
    let devices = [0, 1].map(|place| Fake::gpu(SEED).place(place));
    devices.iter().for_each(|device| vendors.knows_gpu(device));
    let [first, second] = devices.map(|device| certificates(&device));
    let both = request(SHA_384, &[(&first[1], &first[2]), (&second[1], &second[2])], None);
    let reply = ask(&vendors, &both);
    for chain in [&first, &second] {
        let responses = std::slice::from_ref(&reply.body);
        assert_eq!(standings(chain, responses).expect("it verifies")[0], Some(Standing::Good));
    }
    let mixed = request(SHA_384, &[(&first[1], &first[2]), (&first[2], &first[3])], None);
    assert_eq!(ask(&vendors, &mixed).body, [0x30, 3, 0x0a, 1, 6], "unauthorized");
}

#[test]
fn does_not_know_strangers_and_does_not_understand_pieces() {
    let (vendors, chain) = scene();
    let stranger = certificates(&Fake::gpu(SEED).place(7));
    let reply = ask(&vendors, &request(SHA_384, &[(&stranger[1], &stranger[2])], None));
    assert_eq!(standings(&stranger, &[reply.body]), Err(vec!["gpu.ocsp.unknown"]));
    let elsewhere = certificates(&Fake::gpu([1; 32]));
    let reply = ask(&vendors, &request(SHA_384, &[(&elsewhere[1], &elsewhere[2])], None));
    assert_eq!(reply.body, [0x30, 3, 0x0a, 1, 6], "unauthorized");
    let whole = request(SHA_384, &[(&chain[1], &chain[2])], None);
    assert_eq!(ask(&vendors, &whole[..whole.len() - 1]).body, [0x30, 3, 0x0a, 1, 1], "malformed");
    assert_eq!(post(&vendors.ocsp(), "text/plain", &whole).status, 400);
    assert_eq!(get(&vendors.ocsp(), "/").status, 405);
}

#[test]
fn signs_wrongly_when_told() {
    let (vendors, chain) = scene();
    let cases = [
        (Fault::Stale, "gpu.ocsp.validity"),
        (Fault::Tampered, "gpu.ocsp.signature"),
        (Fault::OtherKey, "gpu.ocsp.signature"),
        (Fault::OtherVendor, "gpu.ocsp.signature"),
        (Fault::OtherResource, "gpu.ocsp.issuer"),
    ];
    let mut wrong = Vec::new();
    for (fault, check) in cases {
        vendors.set(Service::Ocsp, fault.clone());
        let reply = ask(&vendors, &request(SHA_384, &[(&chain[1], &chain[2])], None));
        let refused = standings(&chain, &[reply.body]).expect_err("it is wrong");
        if refused.first() != Some(&check) {
            wrong.push((fault, check, refused));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
