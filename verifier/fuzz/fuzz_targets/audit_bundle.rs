//! Audit bundles: what decodes has one encoding, and what replays was answered from nothing but itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::cbor::Item;
use sealroom_verifier::bundle::AuditBundle;

fuzz_target!(|file: &[u8]| {
    let Ok(bundle) = AuditBundle::decode(file) else { return };
    assert!(AuditBundle::looks_like(file));
    assert_eq!(bundle.encode(), file);
    let roots: Vec<_> = bundle.question.simulated_roots.iter().copied().collect();
    let Ok(verdict) = bundle.replay(&roots) else { return };
    let (again, same) = AuditBundle::make(bundle.question.clone()).unwrap();
    assert_eq!((again, same.decision), (bundle, verdict.decision));
});
