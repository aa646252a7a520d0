//! A list of key configurations: what was chosen encodes to bytes of the list and decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::seal::{Allowed, KeyConfig};

fuzz_target!(|list: &[u8]| {
    for allowed in [Allowed::PostQuantum, Allowed::DangerClassical] {
        if let Ok(config) = KeyConfig::select(list, allowed) {
            assert!(list.windows(config.encode().len()).any(|part| part == config.encode()));
            assert_eq!(KeyConfig::decode(config.encode()).as_ref(), Ok(&config));
            let alone = KeyConfig::encode_list(&[&config]);
            assert_eq!(KeyConfig::select(&alone, allowed), Ok(config));
        }
    }
});
