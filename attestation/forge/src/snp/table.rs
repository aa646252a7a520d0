//! The certificate table (GHCB 56421 §4.1.8.1).

/// VEK, authority and root, in this order.
pub(super) fn encode(vlek: bool, vek: &[u8], authority: &[u8], root: &[u8]) -> Vec<u8> {
    const VCEK: [u8; 16] = *b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
    const VLEK: [u8; 16] = *b"\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1";
    const ASK: [u8; 16] = *b"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
    const ARK: [u8; 16] = *b"\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";
    let entries = [(if vlek { VLEK } else { VCEK }, vek), (ASK, authority), (ARK, root)];
    let mut offset = 24 * (entries.len() + 1);
    let (mut headers, mut bodies) = (Vec::new(), Vec::new());
    for (guid, body) in entries {
        headers.extend_from_slice(&guid);
        for number in [offset, body.len()] {
            headers.extend_from_slice(
                &u32::try_from(number).expect("certificates are short").to_le_bytes(),
            );
        }
        offset += body.len();
        bodies.extend_from_slice(body);
    }
    headers.extend_from_slice(&[0; 24]);
    headers.extend_from_slice(&bodies);
    headers
}
