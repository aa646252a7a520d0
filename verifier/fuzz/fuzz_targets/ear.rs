//! Attestation results: no bytes are one without the key, and whatever the key signs says nothing better than its parts.
#![no_main]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{UnixTime, digests::Nonce, transcript::sha256};
use sealroom_verifier::ear::{Expected, Status, verify};

const NOW: UnixTime = UnixTime(1_790_000_000);
const EXPECTED: Expected<'static> =
    Expected { nonce: Nonce([0x11; 32]), audience: Some("gateway") };

fuzz_target!(|claims: &[u8]| {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    assert!(verify(claims, &key, &EXPECTED, NOW).is_err());
    let kid = hex::encode(sha256(&key));
    let header = format!("{{\"alg\":\"EdDSA\",\"typ\":\"eat+jwt\",\"kid\":\"{kid}\"}}");
    let signed = format!("{}.{}", BASE64.encode(&header), BASE64.encode(claims));
    let token = format!("{signed}.{}", BASE64.encode(pair.sign(signed.as_bytes())));
    let Ok(ear) = verify(token.as_bytes(), &key, &EXPECTED, NOW) else { return };
    assert!(ear.at() <= NOW && NOW <= ear.until());
    let good = matches!(ear.status(), Status::Affirming | Status::Warning);
    assert!(!(ear.simulated() && good));
    assert!(ear.parts().count() > 0);
    assert!(ear.parts().all(|(_, status, _)| status == ear.status()));
    // One encoding: the same claims in other bytes are refused.
    let spaced = [claims, b" "].concat();
    let signed = format!("{}.{}", BASE64.encode(&header), BASE64.encode(spaced));
    let token = format!("{signed}.{}", BASE64.encode(pair.sign(signed.as_bytes())));
    assert!(verify(token.as_bytes(), &key, &EXPECTED, NOW).is_err());
});
