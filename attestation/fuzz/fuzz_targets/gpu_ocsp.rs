//! OCSP responses: any bytes are a response or an error, and none that is not signed counts for a certificate.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::ocsp::{Owner, links, verify};
use sealroom_attestation::gpu::rim;
use sealroom_attestation::gpu::{Anchors, Endorsements};
use sealroom_attestation::x509::Certificate;

const RIM: &[u8] =
    include_bytes!("../../testdata/gpu/hopper_vbios_1010_0200_882_96005E0001_rim.xml");
const NOW: UnixTime = UnixTime(1_717_200_000);

static CHAIN: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let given = Endorsements { rims: vec![RIM.to_vec()], ..Endorsements::default() };
    rim::verify(&given, &Anchors::production(), NOW).unwrap().claims()[0].chain.clone()
});

fuzz_target!(|response: &[u8]| {
    if let Ok(verified) = verify(&[response.to_vec()], &links(&CHAIN, Owner::Rim), NOW) {
        assert!(verified.claims().iter().all(|one| one.standing.is_none()));
    }
});
