//! Tokens and key sets of the attestation service: any bytes are read or refused, and no token counts without its key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::nras::verify;

const KEYS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-384","kid":"a","x":"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3","y":"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f"}]}"#;

fuzz_target!(|file: &[u8]| {
    let now = UnixTime(1_790_000_000);
    assert!(verify(&[file.to_vec()], &[KEYS.to_vec()], None, now).is_err());
    let _ = verify(&[b"[]".to_vec()], &[file.to_vec()], None, now);
});
