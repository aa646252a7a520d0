//! Binary HTTP: every cut, every truncation, every rule.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::{
    BhttpError, EndOfMessage, Field, Limits, Method, Request, ResponseDecoder, ResponseEvent,
    ResponseHead, content_into, end_into,
};
use sealroom_attestation::seal::padding::padme;

fn field(name: &str, value: &str) -> Field {
    Field::new(name, value.as_bytes()).unwrap()
}

fn request() -> Request {
    Request {
        method: Method::Post,
        path: "/v1/chat/completions".to_owned(),
        fields: vec![
            field("content-type", "application/json"),
            field("accept", "text/event-stream"),
        ],
        content: Plaintext::from(&b"{\"model\":\"m\"}"[..]),
        trailers: vec![field("x-end", "1")],
    }
}

fn head() -> ResponseHead {
    ResponseHead { status: 200, fields: vec![field("content-type", "text/event-stream")] }
}

/// A response of two content chunks, a trailer and three bytes of padding.
fn response() -> Plaintext {
    let mut message = Plaintext::new();
    head().encode_into(&mut message).unwrap();
    content_into(b"data: one\n\n", &mut message);
    content_into(&[b'x'; 70], &mut message);
    end_into(&[field("sealroom-receipt", "abc")], &mut message);
    message.fill(0, 3);
    message
}

type Decoded = (ResponseHead, Vec<u8>, Vec<Field>);

fn decode(parts: &[&[u8]], limits: Limits) -> Result<Decoded, BhttpError> {
    let (mut decoder, mut events) = (ResponseDecoder::new(limits), Vec::new());
    for part in parts {
        decoder.feed(part, &mut events)?;
    }
    let _: EndOfMessage = decoder.finish()?;
    let mut decoded = (ResponseHead { status: 0, fields: Vec::new() }, Vec::new(), Vec::new());
    for event in events {
        match event {
            ResponseEvent::Head(head) => decoded.0 = head,
            ResponseEvent::Content(content) => decoded.1.extend_from_slice(&content),
            ResponseEvent::End(trailers) => decoded.2 = trailers,
        }
    }
    Ok(decoded)
}

#[test]
fn decodes_the_request_it_encodes_with_and_without_padding() {
    let request = request();
    let encoded = request.encode().unwrap();
    let padded = request.encode_padded().unwrap();
    assert_eq!(Request::decode(&encoded), Ok(request.clone()));
    assert_eq!(Request::decode(&padded), Ok(request.clone()));
    assert_eq!(padded.len(), padme(encoded.len()));
    assert_eq!(&padded[..encoded.len()], &encoded[..]);
    let empty =
        Request { method: Method::Get, content: Plaintext::new(), trailers: Vec::new(), ..request };
    assert_eq!(Request::decode(&empty.encode().unwrap()), Ok(empty));
}

#[test]
fn refuses_a_request_truncated_at_every_byte() {
    let encoded = request().encode().unwrap();
    for length in 0..encoded.len() {
        assert_eq!(
            Request::decode(&encoded[..length]),
            Err(BhttpError::Truncated),
            "{length} bytes"
        );
    }
}

/// Trap: a string split at a read hung the other decoder for ever at 37 of 88 positions.
#[test]
fn decodes_a_response_cut_at_every_byte() {
    let message = response();
    let content = [&b"data: one\n\n"[..], &[b'x'; 70]].concat();
    let expected = (head(), content, vec![field("sealroom-receipt", "abc")]);
    for cut in 0..=message.len() {
        let (first, second) = message.split_at(cut);
        assert_eq!(
            decode(&[first, second], Limits::RESPONSE),
            Ok(expected.clone()),
            "cut at {cut}"
        );
    }
    let bytes: Vec<&[u8]> = message.chunks(1).collect();
    assert_eq!(decode(&bytes, Limits::RESPONSE), Ok(expected));
}

/// Trap: trailers came back as good although the message had no end.
#[test]
fn refuses_a_response_truncated_at_every_byte() {
    let message = response();
    for length in 0..message.len() - 3 {
        assert_eq!(
            decode(&[&message[..length]], Limits::RESPONSE),
            Err(BhttpError::Truncated),
            "{length} bytes"
        );
    }
    let complete = decode(&[&message[..message.len() - 3]], Limits::RESPONSE);
    assert_eq!(complete.map(|(head, ..)| head.status), Ok(200));
}

#[test]
fn refuses_padding_that_is_not_zero() {
    let mut message = response().to_vec();
    let last = message.len() - 1;
    message[last] = 1;
    assert_eq!(decode(&[&message], Limits::RESPONSE), Err(BhttpError::Padding { found: 1 }));
}

/// Trap: a header length of 2^60 aborted the process.
#[test]
fn refuses_a_huge_length_wherever_one_stands() {
    let huge = [0xd0, 0, 0, 0, 0, 0, 0, 0];
    let found = 1 << 60;
    let refused = |before: &[u8], part, limit| {
        let message = [before, &huge].concat();
        assert_eq!(
            decode(&[&message], Limits::RESPONSE),
            Err(BhttpError::TooLong { part, found, limit }),
            "{part}"
        );
    };
    refused(&[3, 0x40, 200], "field name", 256);
    refused(&[3, 0x40, 200, 1, b'a'], "field section", (512 << 10) - 1);
    refused(&[3, 0x40, 200, 0], "content", 256 << 20);
    refused(&[3, 0x40, 200, 0, 0], "field name", 256);
    let message = [&[2][..], &huge].concat();
    let refused = BhttpError::TooLong { part: "control data", found, limit: 1_024 };
    assert_eq!(Request::decode(&message), Err(refused));
}

#[test]
fn refuses_what_exceeds_its_limit_by_one() {
    let limits = Limits { fields: 1, section: 28, content: 81 };
    // `content-type` and `text/event-stream` are 29 bytes.
    let refused = BhttpError::TooLong { part: "field section", found: 17, limit: 16 };
    assert_eq!(decode(&[&response()], limits), Err(refused));
    let limits = Limits { section: 29, ..limits };
    assert_eq!(decode(&[&response()], limits).map(|(_, content, _)| content.len()), Ok(81));
    let refused = BhttpError::TooLong { part: "content", found: 70, limit: 69 };
    assert_eq!(decode(&[&response()], Limits { content: 80, ..limits }), Err(refused));
    let refused = BhttpError::TooManyFields { limit: 0 };
    assert_eq!(decode(&[&response()], Limits { fields: 0, ..limits }), Err(refused));
}

#[test]
fn refuses_informational_and_impossible_statuses() {
    let with = |status: [u8; 2]| {
        decode(&[&[3, status[0], status[1], 0, 0, 0]], Limits::RESPONSE)
            .map(|(head, ..)| head.status)
    };
    assert_eq!(with([0x40, 200]), Ok(200));
    assert_eq!(with([0x42, 0x57]), Ok(599));
    assert_eq!(with([0x42, 0x58]), Err(BhttpError::Status { found: 600 }));
    assert_eq!(with([0x40, 199]), Err(BhttpError::Informational { found: 199 }));
    assert_eq!(with([0x40, 100]), Err(BhttpError::Informational { found: 100 }));
    assert_eq!(with([0x40, 99]), Err(BhttpError::Status { found: 99 }));
    let early = ResponseHead { status: 103, fields: Vec::new() };
    assert_eq!(
        early.encode_into(&mut Plaintext::new()),
        Err(BhttpError::Informational { found: 103 })
    );
}

#[test]
fn accepts_numbers_in_a_longer_form() {
    let message =
        [0x40, 3, 0x80, 0, 0, 200, 0x40, 0, 0x40, 2, b'h', b'i', 0xc0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        decode(&[&message], Limits::RESPONSE).map(|(_, content, _)| content),
        Ok(b"hi".to_vec())
    );
}

#[test]
fn refuses_other_control_data() {
    let message = |framing: u8, method: &str, scheme: &str, authority: &str, path: &str| {
        let mut bytes = vec![framing];
        for part in [method, scheme, authority, path] {
            bytes.push(u8::try_from(part.len()).unwrap());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(&[0, 0, 0]);
        Request::decode(&bytes).map(|request| request.method)
    };
    let host = "sealroom.invalid";
    assert_eq!(message(2, "GET", "https", host, "/v1/models"), Ok(Method::Get));
    assert_eq!(message(2, "PUT", "https", host, "/"), Err(BhttpError::Method));
    assert_eq!(message(2, "get", "https", host, "/"), Err(BhttpError::Method));
    assert_eq!(message(2, "GET", "http", host, "/"), Err(BhttpError::Scheme));
    assert_eq!(message(2, "GET", "https", "", "/"), Err(BhttpError::Authority));
    for path in ["", "v1", "/a b", "/a#b", "/a\n", "/\u{e9}"] {
        assert_eq!(message(2, "GET", "https", host, path), Err(BhttpError::Path), "{path:?}");
    }
    assert_eq!(
        message(0, "GET", "https", host, "/"),
        Err(BhttpError::Framing { found: 0, expected: 2 })
    );
    assert_eq!(
        message(3, "GET", "https", host, "/"),
        Err(BhttpError::Framing { found: 3, expected: 2 })
    );
    assert_eq!(
        decode(&[&[2]], Limits::RESPONSE),
        Err(BhttpError::Framing { found: 2, expected: 3 })
    );
    let bad = Request { path: "no slash".to_owned(), ..request() };
    assert_eq!(bad.encode(), Err(BhttpError::Path));
}

#[test]
fn refuses_names_and_values_that_could_become_other_headers() {
    assert_eq!(
        Field::new("a-1", &b"\xc3\xa9 \t!"[..]).map(|field| field.name().to_owned()),
        Ok("a-1".to_owned())
    );
    for name in ["", "A", ":path", "a b", "a\r", "a:", "\u{e9}", &"a".repeat(257)] {
        assert_eq!(Field::new(name, &b"v"[..]), Err(BhttpError::FieldName), "{name:?}");
    }
    for value in ["\r", "a\nb", "a\0", "\u{7f}", " a", "a ", "\ta"] {
        assert_eq!(Field::new("a", value.as_bytes()), Err(BhttpError::FieldValue), "{value:?}");
    }
    let message = [3, 0x40, 200, 1, b'A', 1, b'v', 0, 0, 0];
    assert_eq!(decode(&[&message], Limits::RESPONSE), Err(BhttpError::FieldName));
    let message = [3, 0x40, 200, 1, b'a', 1, b'\n', 0, 0, 0];
    assert_eq!(decode(&[&message], Limits::RESPONSE), Err(BhttpError::FieldValue));
}

#[test]
fn repeats_the_first_error_for_ever() {
    let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
    let refused = Err(BhttpError::Framing { found: 0, expected: 3 });
    assert_eq!(decoder.feed(&[0], &mut events), refused);
    assert_eq!(decoder.feed(&response(), &mut events), refused);
    assert_eq!(events, []);
    assert_eq!(decoder.finish().map(|_| ()), refused);
}
