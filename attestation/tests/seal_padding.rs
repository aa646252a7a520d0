//! Padding: sizes always in the set, and a client that strips it gets the very bytes back.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use sealroom_attestation::seal::bhttp::{
    Field, Limits, Method, Request, ResponseDecoder, ResponseEvent, ResponseHead,
};
use sealroom_attestation::seal::padding::{
    PadError, Piece, Sizes, answer_body, constant_tail, padme, pieces, stream_end,
};
use sealroom_attestation::seal::{Plaintext, SseStrip};

const LIMIT: usize = 16_384;

fn in_set(size: usize) -> bool {
    matches!(size, 256 | 512) || (size.is_multiple_of(1_024) && size > 0 && size <= LIMIT)
}

/// Pads an event, checks every chunk and returns the content that travels.
fn travel(event: &[u8], sizes: Sizes) -> (Vec<u8>, Vec<usize>) {
    let (mut stream, mut lengths) = (Vec::new(), Vec::new());
    for piece in pieces(event, sizes).unwrap() {
        let mut chunk = Plaintext::new();
        piece.encode_into(&mut chunk);
        assert_eq!(chunk.len(), piece.size());
        let announced = usize::from(u16::from_be_bytes([chunk[0] & 0x3f, chunk[1]]));
        assert_eq!((chunk[0] >> 6, announced), (1, chunk.len() - 2));
        lengths.push(chunk.len());
        stream.extend_from_slice(&chunk[2..]);
    }
    (stream, lengths)
}

fn strip(stream: &[u8], cut: usize) -> Vec<u8> {
    let (mut strip, mut out) = (SseStrip::new(), Plaintext::new());
    let (head, tail) = stream.split_at(cut.min(stream.len()));
    strip.feed(head, &mut out);
    strip.feed(tail, &mut out);
    out.to_vec()
}

/// An event whose encoding has exactly `length` bytes.
fn event(length: usize) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.resize(length - 2, b'x');
    event.extend_from_slice(b"\n\n");
    event
}

#[test]
fn pads_every_length_to_the_least_size_and_back() {
    for length in 8..40_000 {
        let event = event(length);
        let (stream, sizes) = travel(&event, Sizes::Bucket);
        assert!(sizes.iter().all(|size| in_set(*size)), "{length}: {sizes:?}");
        assert_eq!(strip(&stream, length / 2), event, "{length}");
        if length <= 16_380 {
            let least = (1..=LIMIT)
                .find(|size| in_set(*size) && (size - 2 == length || size - 2 >= length + 3));
            assert_eq!(sizes, [least.unwrap_or(LIMIT)], "{length}");
        }
    }
}

#[test]
fn leaves_no_gap_of_one_or_two_bytes() {
    let sizes = |length| travel(&event(length), Sizes::Bucket).1;
    assert_eq!(
        [sizes(251), sizes(252), sizes(253), sizes(254), sizes(255)],
        [[256], [512], [512], [256], [512]]
    );
    // At the largest size there is no next one: two bytes are an empty comment, one is a second chunk.
    assert_eq!([sizes(16_379), sizes(16_380), sizes(16_382)], [[LIMIT], [LIMIT], [LIMIT]]);
    assert_eq!(sizes(16_381), [LIMIT, 256]);
    assert_eq!(sizes(16_383), [LIMIT, 256]);
}

#[test]
fn cuts_a_large_event_between_its_lines_and_keeps_it_one() {
    let line = [b"data: ".to_vec(), vec![b'y'; 9_000], b"\n".to_vec()].concat();
    let event = [line.clone(), line.clone(), b"\n".to_vec()].concat();
    let (stream, sizes) = travel(&event, Sizes::Bucket);
    assert_eq!(sizes, [9_216, 9_216]);
    assert_eq!(&stream[..line.len()], &line[..]);
    assert_eq!(stream[line.len()], b':');
    assert_eq!(strip(&stream, 10), event);
}

#[test]
fn sends_only_chunks_of_512_in_constant_mode() {
    for length in 8..3_000 {
        let event = event(length);
        let (stream, sizes) = travel(&event, Sizes::Constant);
        assert!(sizes.iter().all(|size| *size == 512), "{length}: {sizes:?}");
        assert_eq!(strip(&stream, length / 3), event, "{length}");
    }
    assert_eq!(
        [constant_tail(0), constant_tail(1), constant_tail(64), constant_tail(65)],
        [0, 63, 0, 63]
    );
}

#[test]
fn keeps_a_stream_alive_without_leaving_a_trace() {
    for (sizes, expected) in [(Sizes::Bucket, 256), (Sizes::Constant, 512)] {
        let mut chunk = Plaintext::new();
        Piece::idle(sizes).encode_into(&mut chunk);
        assert_eq!((chunk.len(), chunk.ends_with(b".\n\n")), (expected, true));
        assert_eq!(strip(&chunk[2..], 7), b"");
    }
}

#[test]
fn refuses_what_is_not_one_event() {
    for bad in [
        &b""[..],
        b"\n",
        b"\n\n",
        b"data: a\n",
        b"data: a",
        b"data: a\n\ndata: b\n\n",
        b"data: a\r\n\n",
        b": a\n\n",
        b"data: a\n: b\n\n",
    ] {
        assert_eq!(pieces(bad, Sizes::Bucket).map(|_| ()), Err(PadError::NotOneEvent), "{bad:?}");
    }
    assert_eq!(pieces(b"event: error\ndata: a\n\n", Sizes::Bucket).map(Iterator::count), Ok(1));
}

#[test]
fn ends_streams_and_answers_with_zeros_that_decode() {
    let trailers = |length| vec![Field::new("sealroom-opening", vec![b'a'; length]).unwrap()];
    // 1 end of content, 17 name, 2 or 4 length, 1 end of trailers.
    for (length, expected) in [(4_075, 4_096), (4_076, 8_192), (20_000, 20_480)] {
        assert_eq!(stream_end(&trailers(length)).len(), expected, "{length}");
    }
    assert_eq!(stream_end(&[]).len(), 4_096);
    let body = answer_body(b"{}", &trailers(10));
    assert_eq!(body.len(), 1_024);
    let mut message = Plaintext::new();
    ResponseHead { status: 404, fields: Vec::new() }.encode_into(&mut message).unwrap();
    message.extend_from_slice(&body);
    let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
    decoder.feed(&message, &mut events).unwrap();
    decoder.finish().unwrap();
    assert_eq!(
        events[1..],
        [ResponseEvent::Content(Plaintext::from(&b"{}"[..])), ResponseEvent::End(trailers(10))]
    );
}

#[test]
fn knows_the_lengths_of_padme() {
    for (length, padded) in
        [(0, 1_024), (1_024, 1_024), (1_025, 1_088), (4_097, 4_352), (1 << 20, 1 << 20)]
    {
        assert_eq!(padme(length), padded, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn costs_less_than_12_percent_and_is_stable(length in 1_024_usize..(1 << 40)) {
        let padded = padme(length);
        prop_assert!(padded >= length);
        prop_assert!((padded - length) * 100 < length * 12);
        prop_assert_eq!(padme(padded), padded);
    }

    #[test]
    fn strips_what_it_padded(
        lines in prop::collection::vec("(data|event|id): [ -~]{0,4000}", 1..8),
        constant: bool,
        cut: prop::sample::Index,
    ) {
        let event: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).chain(*b"\n").collect();
        let sizes = if constant { Sizes::Constant } else { Sizes::Bucket };
        let (stream, lengths) = travel(&event, sizes);
        let allowed = |size: usize| if constant { size == 512 } else { in_set(size) };
        prop_assert!(lengths.iter().all(|size| allowed(*size)));
        prop_assert_eq!(strip(&stream, cut.index(stream.len())), event);
    }

    #[test]
    fn decodes_every_request_it_encodes(
        post: bool,
        path in "/[a-z0-9/?=._-]{0,80}",
        fields in prop::collection::vec(("[a-z][a-z0-9-]{0,20}", "([!-~]([ -~]{0,40}[!-~])?)?"), 0..8),
        content in prop::collection::vec(any::<u8>(), 0..5_000),
    ) {
        let fields: Vec<Field> =
            fields.iter().map(|(name, value)| Field::new(name, value.as_bytes()).unwrap()).collect();
        let method = if post { Method::Post } else { Method::Get };
        let trailers = fields.clone();
        let request = Request { method, path, fields, content: content.into(), trailers };
        let padded = request.encode_padded().unwrap();
        prop_assert_eq!(padded.len(), padme(padded.len()));
        prop_assert_eq!(Request::decode(&padded), Ok(request));
    }
}
