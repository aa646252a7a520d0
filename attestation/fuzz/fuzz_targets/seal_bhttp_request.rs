//! A Binary HTTP request: what decodes encodes, and decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::seal::bhttp::Request;

fuzz_target!(|message: &[u8]| {
    if let Ok(request) = Request::decode(message) {
        let encoded = request.encode().unwrap();
        assert_eq!(Request::decode(&encoded).as_ref(), Ok(&request));
        assert_eq!(Request::decode(&request.encode_padded().unwrap()), Ok(request));
    }
});
