//! The sealed channel, both ends: cuts, truncation, altered bytes, moved chunks, replay.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/seal.rs"]
mod support;

use std::sync::Arc;

use sealroom_attestation::seal::{
    CHUNK_LIMIT, FrameError, Framing, KemKey, KemKind, KeySet, Plaintext, REQUEST_LIMIT,
    ReplayError, ReplaySet, RequestDigest, RequestReader, RequestWriter, SealError, seal_request,
};
use support::{Fixed, exchange, fresh, key, open, read, request, respond, set};

const KINDS: [KemKind; 2] = [KemKind::XWing, KemKind::X25519];
const FRAMINGS: [Framing; 2] = [Framing::Chunked, Framing::Whole];
const QUESTION: [&[u8]; 3] = [b"what", b" is ", b"sealed?"];
const ANSWER: [&[u8]; 4] = [b"head", &[7; 300], b"tail", b"end"];
/// Key id, suite and X25519 key in front of the first chunk.
const HEADER: usize = 7 + 32;

const fn bad(error: FrameError) -> SealError {
    SealError::BadFrame(error)
}

#[test]
fn carries_a_message_both_ways_under_every_kind_and_framing() {
    for kind in KINDS {
        for framing in FRAMINGS {
            let key = key(kind);
            let (carrier, sent) = request(&key, framing, &QUESTION);
            let (question, complete) = open(&key, framing, &[&carrier]).unwrap();
            assert_eq!(question, QUESTION.concat());
            assert_eq!(complete.request_digest(), sent.request_digest());
            assert_eq!(complete.config_digest(), sent.config_digest());
            assert_eq!(
                (complete.kind(), complete.key_id(), complete.framing()),
                (kind, kind.key_id(3), framing)
            );
            let response = respond(complete, &ANSWER);
            let (answer, complete) = read(sent, &[&response]).unwrap();
            assert_eq!(answer, ANSWER.concat());
            let chunks = if framing == Framing::Chunked { 4 } else { 1 };
            assert_eq!(complete.chunks(), chunks);
        }
    }
}

#[test]
fn digests_every_byte_of_the_carrier() {
    let key = key(KemKind::X25519);
    let (carrier, sent) = request(&key, Framing::Chunked, &QUESTION);
    let mut relay = RequestDigest::new();
    carrier.chunks(5).for_each(|part| relay.update(part));
    assert_eq!(relay.finish(), sent.request_digest());
}

#[test]
fn opens_a_request_cut_at_every_byte() {
    for framing in FRAMINGS {
        let key = key(KemKind::X25519);
        let (carrier, _) = request(&key, framing, &QUESTION);
        for cut in 0..=carrier.len() {
            let (head, tail) = carrier.split_at(cut);
            let (question, complete) = open(&key, framing, &[head, &[], tail]).unwrap();
            assert_eq!(
                (question, complete.framing()),
                (QUESTION.concat(), framing),
                "cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = carrier.chunks(1).collect();
        assert_eq!(open(&key, framing, &bytes).unwrap().0, QUESTION.concat());
    }
}

#[test]
fn opens_a_response_cut_at_every_byte() {
    for framing in FRAMINGS {
        let (_, response) = exchange(KemKind::X25519, framing, &QUESTION, &ANSWER);
        let key = key(KemKind::X25519);
        for cut in 0..=response.len() {
            let (_, sent) = request(&key, framing, &QUESTION);
            let (head, tail) = response.split_at(cut);
            assert_eq!(read(sent, &[head, &[], tail]).unwrap().0, ANSWER.concat(), "cut at {cut}");
        }
        let (_, sent) = request(&key, framing, &QUESTION);
        let bytes: Vec<&[u8]> = response.chunks(1).collect();
        assert_eq!(read(sent, &bytes).unwrap().0, ANSWER.concat());
    }
}

#[test]
fn refuses_a_request_truncated_at_every_byte() {
    for framing in FRAMINGS {
        let key = key(KemKind::X25519);
        let (carrier, _) = request(&key, framing, &QUESTION);
        for length in 0..carrier.len() {
            let error = open(&key, framing, &[&carrier[..length]]).unwrap_err();
            let expected = match error {
                SealError::Key => framing == Framing::Whole,
                SealError::BadFrame(FrameError::Truncated) => true,
                SealError::BadFrame(FrameError::Open { chunk: 2 }) => framing == Framing::Chunked,
                _ => false,
            };
            assert!(expected, "{framing:?} of {length} bytes: {error:?}");
        }
    }
}

#[test]
fn refuses_a_response_truncated_at_every_byte() {
    for framing in FRAMINGS {
        let (_, response) = exchange(KemKind::X25519, framing, &QUESTION, &ANSWER);
        let key = key(KemKind::X25519);
        for length in 0..response.len() {
            let (_, sent) = request(&key, framing, &QUESTION);
            let error = read(sent, &[&response[..length]]).unwrap_err();
            let last = if framing == Framing::Chunked { 3 } else { 0 };
            let expected = [bad(FrameError::Truncated), bad(FrameError::Open { chunk: last })];
            assert!(expected.contains(&error), "{framing:?} of {length} bytes: {error:?}");
        }
    }
}

/// Every single flipped byte of a request is refused, in X-Wing's header as well.
#[test]
fn refuses_every_altered_byte_of_a_request() {
    for (kind, framing) in [
        (KemKind::X25519, Framing::Chunked),
        (KemKind::X25519, Framing::Whole),
        (KemKind::XWing, Framing::Chunked),
    ] {
        let key = key(kind);
        let (carrier, _) = request(&key, framing, &QUESTION);
        let header = carrier.len()
            - QUESTION.concat().len()
            - 16
            - if framing == Framing::Chunked { 35 } else { 0 };
        for at in 0..carrier.len() {
            let mut altered = carrier.clone();
            altered[at] ^= 0x01;
            let error = open(&key, framing, &[&altered]).unwrap_err();
            if at < header {
                assert_eq!(error, SealError::Key, "{kind:?} byte {at}");
            } else {
                let refused = matches!(error, SealError::Key | SealError::BadFrame(_));
                assert!(refused, "{kind:?} byte {at}: {error:?}");
            }
        }
    }
}

#[test]
fn refuses_every_altered_byte_of_a_response() {
    for framing in FRAMINGS {
        let (_, response) = exchange(KemKind::X25519, framing, &QUESTION, &ANSWER);
        let key = key(KemKind::X25519);
        for at in 0..response.len() {
            for bit in [0x01, 0x80] {
                let (_, sent) = request(&key, framing, &QUESTION);
                let mut altered = response.clone();
                altered[at] ^= bit;
                let error = read(sent, &[&altered]).unwrap_err();
                assert!(matches!(error, SealError::BadFrame(_)), "byte {at}: {error:?}");
            }
        }
    }
}

/// The chunks of a message whose lengths all take one byte, each with its prefix.
fn chunks_of(carrier: &[u8], header: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (head, mut rest) = carrier.split_at(header);
    let mut chunks = Vec::new();
    while rest[0] != 0 {
        let (chunk, after) = rest.split_at(1 + usize::from(rest[0]));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks.push(rest.to_vec());
    (head.to_vec(), chunks)
}

#[test]
fn refuses_chunks_swapped_dropped_and_repeated_in_a_request() {
    let key = key(KemKind::X25519);
    let (carrier, _) = request(&key, Framing::Chunked, &[b"one", b"two", b"three", b"four"]);
    let (head, chunks) = chunks_of(&carrier, HEADER);
    let with = |order: &[usize]| {
        let parts: Vec<Vec<u8>> = order.iter().map(|at| chunks[*at].clone()).collect();
        open(&key, Framing::Chunked, &[&head, &parts.concat()]).map(|(text, _)| text)
    };
    assert_eq!(with(&[0, 1, 2, 3]), Ok(b"onetwothreefour".to_vec()));
    assert_eq!(with(&[1, 0, 2, 3]).unwrap_err(), SealError::Key);
    assert_eq!(with(&[1, 2, 3]).unwrap_err(), SealError::Key);
    for order in [&[0, 2, 1, 3][..], &[0, 2, 3], &[0, 0, 1, 2, 3]] {
        assert_eq!(with(order).unwrap_err(), bad(FrameError::Open { chunk: 1 }), "{order:?}");
    }
    assert_eq!(with(&[0, 1, 3]).unwrap_err(), bad(FrameError::Open { chunk: 2 }));
    assert_eq!(with(&[0, 1, 2]).unwrap_err(), bad(FrameError::Truncated));
    assert_eq!(with(&[0, 1, 2, 3, 3]).unwrap_err(), bad(FrameError::Open { chunk: 3 }));
}

#[test]
fn refuses_chunks_swapped_dropped_and_repeated_in_a_response() {
    let (_, response) = exchange(
        KemKind::X25519,
        Framing::Chunked,
        &QUESTION,
        &[b"one", b"two", b"three", b"four"],
    );
    let (head, chunks) = chunks_of(&response, 16);
    let key = key(KemKind::X25519);
    let with = |order: &[usize]| {
        let parts: Vec<Vec<u8>> = order.iter().map(|at| chunks[*at].clone()).collect();
        let (_, sent) = request(&key, Framing::Chunked, &QUESTION);
        read(sent, &[&head, &parts.concat()]).map(|(text, _)| text)
    };
    assert_eq!(with(&[0, 1, 2, 3]), Ok(b"onetwothreefour".to_vec()));
    for (order, chunk) in
        [(&[1, 0, 2, 3][..], 0), (&[1, 2, 3], 0), (&[0, 0, 1, 2, 3], 1), (&[0, 2, 3], 1)]
    {
        assert_eq!(with(order).unwrap_err(), bad(FrameError::Open { chunk }), "{order:?}");
    }
    assert_eq!(with(&[0, 1, 2]).unwrap_err(), bad(FrameError::Truncated));
    assert_eq!(with(&[0, 1, 2, 3, 3]).unwrap_err(), bad(FrameError::Open { chunk: 3 }));
}

/// A chunk sealed as final cannot pass for another, nor another for the final one.
#[test]
fn refuses_a_final_chunk_in_the_middle_and_a_middle_one_at_the_end() {
    let key = key(KemKind::X25519);
    let (carrier, _) = request(&key, Framing::Chunked, &[b"one", b"two"]);
    let (head, chunks) = chunks_of(&carrier, HEADER);
    let last = &chunks[1][1..];
    let middle = [&[u8::try_from(last.len()).unwrap()], last].concat();
    let refused =
        open(&key, Framing::Chunked, &[&head, &chunks[0], &middle, &[0], last]).unwrap_err();
    assert_eq!(refused, bad(FrameError::Open { chunk: 1 }));

    let (carrier, _) = request(&key, Framing::Chunked, &[b"one", b"two", b"three"]);
    let (head, chunks) = chunks_of(&carrier, HEADER);
    let refused =
        open(&key, Framing::Chunked, &[&head, &chunks[0], &[0], &chunks[1][1..]]).unwrap_err();
    assert_eq!(refused, bad(FrameError::Open { chunk: 1 }));
}

/// Unknown id, wrong suite, decapsulation, first chunk: one error (wire specification §7).
#[test]
fn gives_one_error_for_whatever_is_wrong_with_the_key() {
    let ours = key(KemKind::X25519);
    let (carrier, _) = request(&ours, Framing::Chunked, &QUESTION);
    for at in 0..7 {
        let mut altered = carrier.clone();
        altered[at] ^= 2;
        assert_eq!(
            open(&ours, Framing::Chunked, &[&altered]).unwrap_err(),
            SealError::Key,
            "byte {at}"
        );
    }
    let other = Arc::new(KemKey::generate(KemKind::X25519, 7, &Fixed::new(9)).unwrap());
    assert_eq!(open(&other, Framing::Chunked, &[&carrier]).unwrap_err(), SealError::Key);
    let mut zero = carrier.clone();
    zero[7..39].fill(0);
    assert_eq!(open(&ours, Framing::Chunked, &[&zero]).unwrap_err(), SealError::Key);
    assert_eq!(open(&ours, Framing::Whole, &[&carrier]).unwrap_err(), SealError::Key);
    let mut empty = RequestReader::new(KeySet::new(Vec::new()).unwrap(), Framing::Chunked);
    assert_eq!(empty.feed(&carrier, &mut Plaintext::new()), Err(SealError::Key));
}

#[test]
fn finds_the_key_among_those_of_two_epochs() {
    let keys: Vec<Arc<KemKey>> =
        [(KemKind::XWing, 4), (KemKind::X25519, 4), (KemKind::XWing, 3), (KemKind::X25519, 3)]
            .into_iter()
            .map(|(kind, epoch)| {
                Arc::new(KemKey::generate(kind, kind.key_id(epoch), &Fixed::new(epoch)).unwrap())
            })
            .collect();
    let all = KeySet::new(keys.clone()).unwrap();
    for key in &keys {
        let (carrier, _) = request(key, Framing::Chunked, &QUESTION);
        let mut reader = RequestReader::new(all.clone(), Framing::Chunked);
        let mut question = Plaintext::new();
        reader.feed(&carrier, &mut question).unwrap();
        let complete = reader.finish(&mut question).unwrap();
        assert_eq!(complete.key_id(), key.config().key_id());
    }
}

/// Trap: after an error the other reader went on.
#[test]
fn repeats_the_first_error_for_ever() {
    let key = key(KemKind::X25519);
    let (carrier, _) = request(&key, Framing::Chunked, &QUESTION);
    let mut reader = RequestReader::new(set(&key), Framing::Chunked);
    let mut out = Plaintext::new();
    assert_eq!(reader.feed(&carrier[..HEADER], &mut out), Ok(()));
    assert_eq!(reader.enc(), Some(&carrier[7..HEADER]));
    let refused = Err(bad(FrameError::EmptyChunk));
    assert_eq!(reader.feed(&[16], &mut out), refused);
    assert_eq!(reader.feed(&carrier[HEADER..], &mut out), refused);
    assert_eq!((out.len(), reader.enc()), (0, None));
    assert_eq!(reader.finish(&mut out).map(|_| ()), refused);

    let (_, response) = exchange(KemKind::X25519, Framing::Chunked, &QUESTION, &ANSWER);
    let (_, sent) = request(&key, Framing::Chunked, &QUESTION);
    let mut reader = sent.into_reader();
    assert!(!reader.nonce_arrived());
    assert_eq!(reader.feed(&response[..16], &mut out), Ok(()));
    assert!(reader.nonce_arrived());
    assert_eq!(reader.feed(&[16], &mut out), refused);
    assert_eq!(reader.feed(&response[16..], &mut out), refused);
    assert_eq!(out.len(), 0);
    assert_eq!(reader.finish(&mut out).map(|_| ()), refused);
}

#[test]
fn refuses_a_request_of_more_than_8_mib() {
    let key = key(KemKind::X25519);
    let mut reader = RequestReader::new(set(&key), Framing::Whole);
    let mut out = Plaintext::new();
    let (carrier, _) = request(&key, Framing::Whole, &[b"x"]);
    let part = vec![1; 1 << 20];
    assert_eq!(reader.feed(&carrier, &mut out), Ok(()));
    for _ in 0..7 {
        assert_eq!(reader.feed(&part, &mut out), Ok(()));
    }
    let too_large = SealError::TooLarge { limit: REQUEST_LIMIT };
    assert_eq!(reader.feed(&part, &mut out), Err(too_large));

    let overhead = HEADER + 512 * 20 + 64;
    let random = Fixed::new(4);
    let fits = vec![0; REQUEST_LIMIT - overhead];
    assert!(
        seal_request(key.config(), Framing::Chunked, &fits, &random)
            .is_ok_and(|(out, _)| out.len() <= REQUEST_LIMIT)
    );
    let over = vec![0; REQUEST_LIMIT];
    for framing in FRAMINGS {
        let refused = seal_request(key.config(), framing, &over, &random).map(|_| ());
        assert_eq!(refused, Err(too_large), "{framing:?}");
    }
}

#[test]
fn cuts_long_messages_into_chunks_of_the_limit() {
    let key = key(KemKind::X25519);
    for (length, chunks) in [(CHUNK_LIMIT, 1), (CHUNK_LIMIT + 1, 2), (3 * CHUNK_LIMIT, 3), (0, 1)] {
        let text = vec![5; length];
        let (carrier, sent) = request(&key, Framing::Chunked, &[&text]);
        let (opened, complete) = open(&key, Framing::Chunked, &[&carrier]).unwrap();
        let response = respond(complete, &[&opened]);
        let (answer, complete) = read(sent, &[&response]).unwrap();
        assert_eq!((answer, complete.chunks()), (text, chunks));
    }
}

#[test]
fn admits_a_request_once_and_never_forgets() {
    let key = key(KemKind::X25519);
    let mut seen = ReplaySet::new(&key, 2);
    assert!(seen.is_empty());
    let one = seal_request(key.config(), Framing::Chunked, b"1", &Fixed::new(10)).unwrap().0;
    let two = seal_request(key.config(), Framing::Chunked, b"1", &Fixed::new(11)).unwrap().0;
    let three = seal_request(key.config(), Framing::Chunked, b"1", &Fixed::new(12)).unwrap().0;
    let mut admit = |carrier: &[u8]| {
        let complete = open(&key, Framing::Chunked, &[carrier]).unwrap().1;
        seen.admit(complete).map(|_| ())
    };
    assert_eq!(admit(&one), Ok(()));
    assert_eq!(admit(&one), Err(ReplayError::Replayed));
    assert_eq!(admit(&two), Ok(()));
    assert_eq!(admit(&three), Err(ReplayError::Full { capacity: 2 }));
    assert_eq!(admit(&one), Err(ReplayError::Replayed));
    assert_eq!(seen.len(), 2);

    let other = Arc::new(KemKey::generate(KemKind::X25519, 7, &Fixed::new(99)).unwrap());
    let complete = open(&key, Framing::Chunked, &[&three]).unwrap().1;
    assert_eq!(ReplaySet::new(&other, 2).admit(complete).map(|_| ()), Err(ReplayError::WrongKey));
}

#[test]
fn prints_no_secret() {
    let key = key(KemKind::X25519);
    let (carrier, sent) = request(&key, Framing::Chunked, &QUESTION);
    let complete = open(&key, Framing::Chunked, &[&carrier]).unwrap().1;
    assert_eq!(format!("{key:?}"), "KemKey(7 X25519, private)");
    assert_eq!(format!("{sent:?}"), "SentRequest(Chunked)");
    assert_eq!(format!("{complete:?}"), "CompleteRequest(Chunked, KemKey(7 X25519, private))");
    let mut out = Vec::new();
    let writer = fresh(complete).respond(&Fixed::new(3), &mut out).unwrap();
    let printed = "ResponseWriter { cipher: ResponseCipher(chunk 0), framing: Chunked, whole: Plaintext(0 bytes) }";
    assert_eq!(format!("{writer:?}"), printed);
    let writer =
        RequestWriter::start(key.config(), Framing::Whole, &Fixed::new(2), &mut out).unwrap();
    assert_eq!(format!("{writer:?}"), "RequestWriter(Whole, 39 bytes)");
}
