//! Both ways with the crates `ohttp` and `bhttp` 0.8, and the places where they are wrong and we are not.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/seal.rs"]
#[expect(dead_code, reason = "this file needs some of it")]
mod support;

use std::cell::RefCell;
use std::io::Cursor;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bhttp::{Message, Mode, StatusCode};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ohttp::hpke::{Aead, Kdf, Kem};
use sealroom_attestation::seal::bhttp::{
    Field, Limits, Method, Request, ResponseDecoder, ResponseEvent, ResponseHead, content_into,
    end_into,
};
use sealroom_attestation::seal::{
    FrameError, Framing, KemKey, KemKind, KeyConfig, Plaintext, RequestWriter, SealError,
    seal_request,
};
use support::{Fixed, key, open, read, request, respond};

const KINDS: [(KemKind, Kem); 2] =
    [(KemKind::XWing, Kem::XWing), (KemKind::X25519, Kem::X25519Sha256)];
const QUESTION: &[u8] = b"a question that is sealed";
const ANSWER: [&[u8]; 3] = [b"an answer ", &[b'x'; 1_000], b" that is sealed"];

/// Polls until it is done; the streams of these tests never really wait.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the other decoder hangs");
}

/// Collects what the other side writes.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Vec<u8>>>);

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Gives bytes in two parts, with a wait between them.
struct Cut(Vec<u8>, usize, usize, bool);

impl Cut {
    fn new(bytes: &[u8], at: usize) -> Self {
        Self(bytes.to_vec(), 0, at, false)
    }
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.1 == self.2 && !self.3 {
            self.3 = true;
            return Poll::Pending;
        }
        let end = if self.1 < self.2 { self.2 } else { self.0.len() };
        let length = out.len().min(end - self.1);
        out[..length].copy_from_slice(&self.0[self.1..self.1 + length]);
        self.1 += length;
        Poll::Ready(Ok(length))
    }
}

fn their_server(kem: Kem) -> (ohttp::Server, KeyConfig) {
    let suites = vec![ohttp::SymmetricSuite::new(Kdf::HkdfSha256, Aead::Aes128Gcm)];
    let server = ohttp::Server::new(ohttp::KeyConfig::new(5, kem, suites).unwrap()).unwrap();
    let config = KeyConfig::decode(&server.config().encode().unwrap()).unwrap();
    (server, config)
}

fn their_client(key: &KemKey) -> ohttp::ClientRequest {
    ohttp::ClientRequest::from_encoded_config(key.config().encode()).unwrap()
}

#[test]
fn talks_to_their_gateway_in_one_piece() {
    for (_, kem) in KINDS {
        let (server, config) = their_server(kem);
        let (carrier, sent) =
            seal_request(&config, Framing::Whole, QUESTION, &Fixed::new(1)).unwrap();
        let (question, response) = server.decapsulate(&carrier).unwrap();
        assert_eq!(question, QUESTION);
        let carrier = response.encapsulate(&ANSWER.concat()).unwrap();
        assert_eq!(read(sent, &[&carrier]).unwrap().0, ANSWER.concat());
    }
}

#[test]
fn answers_their_client_in_one_piece() {
    for (kind, _) in KINDS {
        let key = key(kind);
        let (carrier, response) = their_client(&key).encapsulate(QUESTION).unwrap();
        let (question, complete) = open(&key, Framing::Whole, &[&carrier]).unwrap();
        assert_eq!(question, QUESTION);
        assert_eq!(response.decapsulate(&respond(complete, &ANSWER)).unwrap(), ANSWER.concat());
    }
}

#[test]
fn talks_to_their_gateway_in_chunks() {
    for (_, kem) in KINDS {
        let (server, config) = their_server(kem);
        let mut carrier = Vec::new();
        let mut writer =
            RequestWriter::start(&config, Framing::Chunked, &Fixed::new(1), &mut carrier).unwrap();
        writer.write(QUESTION, &mut carrier).unwrap();
        let sent = writer.finish(b" and its end", &mut carrier).unwrap();
        let mut reader = server.decapsulate_stream(&carrier[..]);
        let mut question = Vec::new();
        block_on(reader.read_to_end(&mut question)).unwrap();
        assert_eq!(question, [QUESTION, b" and its end"].concat());

        let pipe = Pipe::default();
        let mut response = reader.response(pipe.clone()).unwrap();
        for chunk in ANSWER {
            block_on(response.write_all(chunk)).unwrap();
        }
        block_on(response.close()).unwrap();
        let (answer, complete) = read(sent, &[&pipe.0.borrow()]).unwrap();
        assert_eq!((answer, complete.chunks()), (ANSWER.concat(), 4));
    }
}

#[test]
fn answers_their_client_in_chunks() {
    for (kind, _) in KINDS {
        let key = key(kind);
        let pipe = Pipe::default();
        let mut client = their_client(&key).encapsulate_stream(pipe.clone()).unwrap();
        block_on(client.write_all(QUESTION)).unwrap();
        block_on(client.close()).unwrap();
        let (question, complete) = open(&key, Framing::Chunked, &[&pipe.0.borrow()]).unwrap();
        assert_eq!(question, QUESTION);
        let response = respond(complete, &ANSWER);
        let mut answer = Vec::new();
        block_on(client.response(&response[..]).unwrap().read_to_end(&mut answer)).unwrap();
        assert_eq!(answer, ANSWER.concat());
    }
}

/// Trap: their reader takes a wait after the first byte of a two-byte length for the final chunk.
#[test]
fn reads_a_length_that_arrives_in_two_parts_where_they_fail() {
    let key = key(KemKind::X25519);
    let pipe = Pipe::default();
    let mut client = their_client(&key).encapsulate_stream(pipe.clone()).unwrap();
    block_on(client.write_all(QUESTION)).unwrap();
    block_on(client.close()).unwrap();
    let (_, complete) = open(&key, Framing::Chunked, &[&pipe.0.borrow()]).unwrap();
    let response = respond(complete, &[&[b'x'; 100], b"end"]);
    let inside_the_length = 16 + 1;
    let theirs = |at| {
        let mut answer = Vec::new();
        let mut reader = client.response(Cut::new(&response, at)).unwrap();
        block_on(reader.read_to_end(&mut answer)).map(|_| answer).map_err(|error| error.kind())
    };
    assert_eq!(theirs(16).map(|answer| answer.len()), Ok(103));
    assert_eq!(
        theirs(inside_the_length),
        Err(std::io::ErrorKind::Other),
        "they have mended it: drop this test"
    );

    let (carrier, sent) = request(&key, Framing::Chunked, &[QUESTION]);
    let (_, complete) = open(&key, Framing::Chunked, &[&carrier]).unwrap();
    let response = respond(complete, &[&[b'x'; 100], b"end"]);
    let (head, tail) = response.split_at(inside_the_length);
    assert_eq!(read(sent, &[head, tail]).unwrap().0.len(), 103);
}

/// Trap: an empty chunk reads as a clean end, whatever follows it.
#[test]
fn refuses_the_empty_chunk_that_they_take_for_the_end() {
    let (server, _) = their_server(Kem::X25519Sha256);
    let config = server.config().encode().unwrap();
    let pipe = Pipe::default();
    let mut client = ohttp::ClientRequest::from_encoded_config(&config)
        .unwrap()
        .encapsulate_stream(pipe.clone())
        .unwrap();
    block_on(client.write_all(b"begin")).unwrap();
    assert_eq!(block_on(client.write(b"")).unwrap(), 0);
    block_on(client.write_all(b"never read")).unwrap();
    let carrier = pipe.0.borrow().clone();
    let mut reader = server.decapsulate_stream(&carrier[..]);
    let mut question = Vec::new();
    block_on(reader.read_to_end(&mut question)).unwrap();
    assert_eq!(question, b"begin", "they have mended it: drop this half");

    let key = key(KemKind::X25519);
    let pipe = Pipe::default();
    let mut client = their_client(&key).encapsulate_stream(pipe.clone()).unwrap();
    block_on(client.write_all(b"begin")).unwrap();
    assert_eq!(block_on(client.write(b"")).unwrap(), 0);
    let refused = open(&key, Framing::Chunked, &[&pipe.0.borrow()]).map(|_| ());
    assert_eq!(refused, Err(SealError::BadFrame(FrameError::EmptyChunk)));
}

/// Trap: they take the last key of a list.
#[test]
fn takes_the_first_key_where_they_take_the_last() {
    let keys: Vec<Arc<KemKey>> = [10, 12]
        .into_iter()
        .map(|key_id| {
            Arc::new(
                KemKey::generate(KemKind::X25519, key_id, &Fixed::new(u64::from(key_id))).unwrap(),
            )
        })
        .collect();
    let list = KeyConfig::encode_list(&[keys[0].config(), keys[1].config()]);
    let theirs = ohttp::ClientRequest::from_encoded_config_list(&list)
        .unwrap()
        .encapsulate(QUESTION)
        .unwrap()
        .0;
    assert_eq!(theirs[0], 12, "they have mended it: drop this half");
    let ours =
        KeyConfig::select(&list, sealroom_attestation::seal::Allowed::DangerClassical).unwrap();
    assert_eq!(ours.key_id(), 10);
}

fn field(name: &str, value: &str) -> Field {
    Field::new(name, value.as_bytes()).unwrap()
}

#[test]
fn writes_requests_they_read() {
    let ours = Request {
        method: Method::Post,
        path: "/v1/chat/completions".to_owned(),
        fields: vec![field("content-type", "application/json")],
        content: Plaintext::from(&b"{}"[..]),
        trailers: vec![field("x-end", "1")],
    };
    let encoded = ours.encode_padded().unwrap();
    let theirs = Message::read_bhttp(&mut Cursor::new(&encoded[..])).unwrap();
    assert_eq!(theirs.control().method(), Some(&b"POST"[..]));
    assert_eq!(theirs.control().authority(), Some(&b"sealroom.invalid"[..]));
    assert_eq!(theirs.control().path(), Some(&b"/v1/chat/completions"[..]));
    assert_eq!((theirs.content(), theirs.trailer().get(b"x-end")), (&b"{}"[..], Some(&b"1"[..])));

    let mut again = Vec::new();
    theirs.write_bhttp(Mode::IndeterminateLength, &mut again).unwrap();
    assert_eq!(Request::decode(&again), Ok(ours));
}

#[test]
fn reads_and_writes_responses_as_they_do() {
    let mut theirs = Message::response(StatusCode::OK);
    theirs.put_header("content-type", "text/plain");
    theirs.put_trailer("sealroom-receipt", "abc");
    theirs.write_content(b"hello");
    let mut encoded = Vec::new();
    theirs.write_bhttp(Mode::IndeterminateLength, &mut encoded).unwrap();

    let head = ResponseHead { status: 200, fields: vec![field("content-type", "text/plain")] };
    let trailers = vec![field("sealroom-receipt", "abc")];
    let mut ours = Plaintext::new();
    head.encode_into(&mut ours).unwrap();
    content_into(b"hello", &mut ours);
    end_into(&trailers, &mut ours);
    assert_eq!(&ours[..], &encoded[..]);

    let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
    decoder.feed(&encoded, &mut events).unwrap();
    decoder.finish().unwrap();
    let content = ResponseEvent::Content(Plaintext::from(&b"hello"[..]));
    assert_eq!(events, [ResponseEvent::Head(head), content, ResponseEvent::End(trailers)]);
}
