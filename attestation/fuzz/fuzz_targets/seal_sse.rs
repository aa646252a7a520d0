//! The event filter: cuts change nothing, filtering twice is filtering once, and padding comes out whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::seal::padding::{Sizes, pieces};
use sealroom_attestation::seal::{Plaintext, SseStrip};

fn strip(stream: &[u8], cut: usize) -> Vec<u8> {
    let (mut strip, mut out) = (SseStrip::new(), Plaintext::new());
    let (head, tail) = stream.split_at(cut.min(stream.len()));
    strip.feed(head, &mut out);
    strip.feed(tail, &mut out);
    out.to_vec()
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let once = strip(bytes, 0);
    assert_eq!(strip(bytes, usize::from(cut)), once);
    assert_eq!(strip(&once, 0), once);
    for sizes in [Sizes::Bucket, Sizes::Constant] {
        let Ok(pieces) = pieces(bytes, sizes) else { return };
        let mut stream = Vec::new();
        for piece in pieces {
            let mut chunk = Plaintext::new();
            piece.encode_into(&mut chunk);
            assert!(chunk.len() == piece.size() && chunk.len() <= 16_384);
            stream.extend_from_slice(&chunk[2..]);
        }
        assert_eq!(strip(&stream, usize::from(cut)), bytes);
    }
});
