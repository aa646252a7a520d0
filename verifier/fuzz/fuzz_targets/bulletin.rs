//! Bulletins: what opens is exactly what its key signs, and makes a policy stricter once and no more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_verifier::{Bulletin, BulletinRules, Policy};

const EXAMPLE: &str = include_str!("../../src/policy/reference/example.toml");

fn signed(text: &str, pair: &Ed25519KeyPair) -> Option<String> {
    let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    Bulletin::sign(text, &key, |bytes| pair.sign(bytes).as_ref().try_into().unwrap()).ok()
}

fuzz_target!(|file: &[u8]| {
    let Ok(text) = std::str::from_utf8(file) else { return };
    let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let key = pair.public_key().as_ref().try_into().unwrap();
    let rules =
        BulletinRules { keys: [("key".to_owned(), key)].into(), ..BulletinRules::default() };
    if Bulletin::open(text, &rules).is_ok() {
        let end = text.trim_end_matches('\n').rfind('\n').unwrap() + 1;
        assert_eq!(signed(&text[..end], &pair).as_deref(), Some(text));
    }
    let Some(whole) = signed(text, &pair) else { return };
    let mut opened = Bulletin::open(&whole, &rules).unwrap();
    let draft = Bulletin::draft(text).unwrap();
    opened.publisher.clone_from(&draft.publisher);
    assert_eq!(opened, draft);
    assert!(signed(&whole, &pair).is_none());
    for policy in [Policy::built_in(), Policy::from_toml(EXAMPLE).unwrap()] {
        let (once, own) = (policy.tightened(&opened), policy.clone());
        assert_eq!(once.tightened(&opened), once);
        // Hardware alone is touched.
        assert_eq!(Policy { snp: own.snp, tdx: own.tdx, gpu: own.gpu, ..once }, policy);
    }
});
