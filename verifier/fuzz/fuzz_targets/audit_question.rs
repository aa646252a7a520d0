//! Questions: whatever can be answered keeps its answer through a bundle, and changes it with every byte of the verdict.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::{UnixTime, cbor::Item, digests::Nonce};
use sealroom_verifier::{
    Mode,
    bundle::{AuditBundle, BundleError, Question},
};

const REPORT: &[u8] = include_bytes!("../../../attestation/testdata/snp/genoa_v2_report.bin");
const VCEK: &[u8] = include_bytes!("../../../attestation/testdata/snp/genoa_v2_vcek.der");
const QUOTE: &[u8] = include_bytes!("../../../attestation/testdata/tdx/v4_td10_uptodate_quote.bin");
const COLLATERAL: &[u8] =
    include_bytes!("../../../attestation/testdata/tdx/v4_td10_uptodate_collateral.json");

/// Which evidence, where it is changed and to what, more endorsements, a policy, a nonce, the mode, and when.
type Asked = (u8, (u16, u8), BTreeSet<Vec<u8>>, Option<String>, Option<[u8; 32]>, bool, u32);

fuzz_target!(|asked: Asked| {
    let (kind, (place, byte), mut endorsements, policy, nonce, crypto_only, at) = asked;
    let (genuine, given) = if kind % 2 == 0 { (REPORT, VCEK) } else { (QUOTE, COLLATERAL) };
    let mut evidence = genuine.to_vec();
    if kind & 4 != 0 {
        let place = usize::from(place) % evidence.len();
        evidence[place] = byte;
    }
    if kind & 2 == 0 {
        endorsements.insert(given.to_vec());
    }
    let mode = if crypto_only { Mode::CryptoOnly } else { Mode::Policy };
    let (nonce, at) = (nonce.map(Nonce), UnixTime(at.into()));
    let (bulletins, simulated_roots) = (Vec::new(), BTreeSet::new());
    let question =
        Question { evidence, endorsements, policy, bulletins, nonce, mode, at, simulated_roots };
    let Ok((bundle, verdict)) = AuditBundle::make(question) else { return };
    let mut bundle = AuditBundle::decode(&bundle.encode()).unwrap();
    assert_eq!(bundle.replay(&[]).unwrap().decision, verdict.decision);
    let offset = usize::from(place) % bundle.verdict.len();
    bundle.verdict[offset] ^= byte | 1;
    let Err(BundleError::Differs { offset: found }) = bundle.replay(&[]) else { panic!("changed") };
    assert_eq!(found, offset);
});
