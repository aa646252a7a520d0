//! Policies: what is read is written as rules and as a file, and both are the same policy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_verifier::{Key, Policy};

fuzz_target!(|file: &[u8]| {
    let Some(text) = std::str::from_utf8(file).ok() else { return };
    let Ok(policy) = Policy::from_toml(text) else { return };
    let rules = policy.rules();
    assert!(rules.iter().all(|rule| Key::of(&rule.key).is_some()));
    let lines = rules.iter().map(|rule| format!("{} = {}\n", rule.key, rule.value));
    let flat = format!("version = 1\n{}", lines.collect::<String>());
    assert_eq!(Policy::from_toml(&flat).as_ref(), Ok(&policy));
    assert_eq!(Policy::from_toml(&policy.to_toml("about\nit")).as_ref(), Ok(&policy));
});
