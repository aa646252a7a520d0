//! Files as people have them, known by what they hold.

use sealroom_attestation::gpu::rim::DecodeError;
use sealroom_attestation::gpu::{Endorsements, FileError};
use sealroom_forge::Fake;
use sealroom_forge::gpu::{NrasSpec, OcspSpec};

use crate::scene::{NOW, SEED, driver, fake, switch};
use crate::{VBIOS, own};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The RIM service's answer around a RIM.
fn service(rim: &[u8], id: &str) -> String {
    let digest = hex::encode(ring::digest::digest(&ring::digest::SHA256, rim));
    format!(
        "{{\"id\":\"{id}\",\"rim\":\"{}\",\"sha256\":\"{digest}\",\"last_updated\":\"2026-01-01\",\
         \"rim_format\":\"TCG\",\"request_id\":\"1\"}}",
        STANDARD.encode(rim)
    )
}

#[test]
fn each_kind_of_file_is_known_by_what_it_holds() {
    let chain = Fake::gpu(SEED).specs();
    let response = OcspSpec::new(&chain[1], &chain[2], (NOW, NOW)).sign();
    let nras = NrasSpec::new(SEED, [1; 32], NOW);
    let (token, keys) = (nras.sign().into_bytes(), nras.key_set("one").into_bytes());
    let rim = own(VBIOS);
    let mut given = Endorsements::default();
    assert!(given.is_empty());
    for file in [&rim, &response, &token, &keys] {
        given.add_file(file).expect("one of NVIDIA's");
    }
    let expected = Endorsements {
        rims: vec![rim.clone()],
        ocsp: vec![response],
        tokens: vec![token],
        key_sets: vec![keys],
        ..Endorsements::default()
    };
    assert_eq!(given, expected);
    given.extend(expected);
    assert_eq!((given.rims.len(), given.ocsp.len()), (2, 2));
}

#[test]
fn a_rim_from_the_service_is_the_one_that_its_id_names() {
    for (rim, id) in [
        (own(VBIOS), "NV_GPU_VBIOS_1010_0200_882_96005E0001"),
        (driver().sign().xml, "NV_GPU_DRIVER_GH100_550.90.07"),
        (driver().blackwell().sign().xml, "NV_GPU_CC_DRIVER_GB100_575.32"),
        (switch().sign().xml, "NV_SWITCH_BIOS_5612_0002_890_9610730001"),
    ] {
        let mut given = Endorsements::default();
        given.add_file(service(&rim, id).as_bytes()).expect("the service's answer");
        assert_eq!(given.rims, std::slice::from_ref(&rim), "{id}");
        let other = id.replace("NV_", "NV_NO_");
        let refused = given.add_file(service(&rim, &other).as_bytes());
        assert!(matches!(refused, Err(FileError::Id { .. })), "{refused:?}");
        let refused = given.add_file(service(&rim, &format!("{id}1")).as_bytes());
        assert!(matches!(refused, Err(FileError::Id { .. })), "{refused:?}");
        assert_eq!(given.rims.len(), 1);
    }
}

#[test]
fn a_service_s_answer_that_does_not_hold_together_is_refused() {
    let (rim, id) = (fake().sign().xml, "NV_GPU_VBIOS_1010_0200_882_96009F0001");
    let answer = service(&rim, id);
    let refused =
        |text: &str| Endorsements::default().add_file(text.as_bytes()).expect_err("refused");
    let mut other = rim.clone();
    other.push(b'\n');
    let text = answer.replace(&STANDARD.encode(&rim), &STANDARD.encode(&other));
    assert_eq!(refused(&text), FileError::Digest);
    let text = answer.replace("\"rim\":\"", "\"rim\":\"!");
    assert_eq!(refused(&text), FileError::Service("the RIM is not base64".to_owned()));
    assert!(matches!(refused(&answer.replace("rim_format", "format")), FileError::Service(_)));
    let broken = service(b"<!DOCTYPE a>", id);
    assert_eq!(refused(&broken), FileError::Rim(DecodeError::Dtd { offset: 0 }));
    assert_eq!(refused("hello"), FileError::Unknown);
    assert_eq!(refused(""), FileError::Unknown);
    assert_eq!(refused("0\u{3}"), FileError::Unknown);
}
