//! The oblivious gateway: reads a sealed request to its end, admits it once, hands it on, seals the answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

mod answer;
mod inner;
mod outgoing;
mod stream;

pub(super) use inner::Inner;

/// Base64url without padding, of exactly `N` bytes.
pub(super) fn decode_base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == N).then_some(bytes)
}

/// Base64url without padding.
fn encode_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
