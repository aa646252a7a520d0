//! A Binary HTTP response: cuts change nothing, and what decodes encodes to what decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::{
    BhttpError, Field, Limits, ResponseDecoder, ResponseEvent, ResponseHead, content_into, end_into,
};

type Decoded = (ResponseHead, Vec<u8>, Vec<Field>);

fn decode(message: &[u8], cut: usize) -> Result<Decoded, BhttpError> {
    let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
    let (head, tail) = message.split_at(cut.min(message.len()));
    decoder.feed(head, &mut events)?;
    decoder.feed(tail, &mut events)?;
    decoder.finish()?;
    let (mut head, mut content, mut end) = (None, Vec::new(), None);
    for event in events {
        match event {
            ResponseEvent::Head(first) => assert!(head.replace(first).is_none()),
            ResponseEvent::Content(more) => content.extend_from_slice(&more),
            ResponseEvent::End(last) => assert!(end.replace(last).is_none()),
        }
    }
    Ok((head.unwrap(), content, end.unwrap()))
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, message) = input;
    let decoded = decode(message, usize::from(cut));
    assert_eq!(decode(message, 0), decoded);
    if let Ok((head, content, trailers)) = decoded {
        let mut encoded = Plaintext::new();
        head.encode_into(&mut encoded).unwrap();
        content_into(&content, &mut encoded);
        end_into(&trailers, &mut encoded);
        assert_eq!(decode(&encoded, usize::from(cut)), Ok((head, content, trailers)));
    }
});
