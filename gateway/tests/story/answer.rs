//! What the small node says inside the seal, and how it lies.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use sealroom_attestation::{
    UnixTime,
    cbor::Item,
    digests::{KemConfigDigest, RequestDigest},
    endpoints::{OPENING_TRAILER, Problem, RECEIPT_TRAILER, REQUEST_ID_HEADER},
    manifest::Manifest,
    receipt::{self, Commitments, Finish, Kind, Opening, Receipt, Timing, Usage, commit},
    seal::{
        Framing, KeySet, Plaintext, ReplaySet, RequestReader,
        bhttp::{Field, Request, ResponseHead},
        padding::{Sizes, pieces, stream_end},
    },
    statement::QuoteFreshness,
};

use crate::node::Node;

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// Evidence bound to another session.
    OtherSession,
    /// Says once that it does not have the key.
    KeyOnce,
    /// Says always that it does not have the key.
    KeyAlways,
    Replayed,
    /// Leaves out the final chunk.
    Truncated,
    /// Changes one byte of the last chunk.
    Flipped,
    NoReceipt,
    /// Signs for another answer.
    OtherAnswer,
    /// Tells the client another number of tokens than the bill.
    OtherUsage,
    /// A sealed error.
    UnknownModel,
    /// A sealed error in the clothes of a stream, without a receipt.
    StreamedError,
    /// Does not have the key any more, and shows evidence bound to another session.
    Impostor,
}

const EVENTS: [&[u8]; 3] = [
    b"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n",
    b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n",
    b"data: [DONE]\n\n",
];
const BODY: &[u8] =
    b"{\"choices\":[{\"text\":\"hi\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}";
const UNKNOWN: &[u8] = b"{\"error\":{\"message\":\"no such model\",\"code\":\"model_not_found\"}}";

/// Opens a request and seals its answer, or says which problem there is.
pub(crate) fn answer(node: &Node, encapsulated: &[u8]) -> Result<Vec<u8>, Problem> {
    let lie = *node.lie.lock().expect("not poisoned");
    match lie {
        Lie::KeyOnce => node.lie(Lie::None),
        Lie::KeyAlways | Lie::Impostor => {}
        Lie::Replayed => return Err(Problem::Replayed),
        _ => return Ok(seal(node, encapsulated, lie)),
    }
    Err(Problem::OhttpKey)
}

fn seal(node: &Node, encapsulated: &[u8], lie: Lie) -> Vec<u8> {
    let keys = KeySet::new(vec![node.kem.clone()]).expect("one key");
    let (mut reader, mut message) = (RequestReader::new(keys, Framing::Chunked), Plaintext::new());
    reader.feed(encapsulated, &mut message).expect("opens");
    let complete = reader.finish(&mut message).expect("to its end");
    let request = Request::decode(&message).expect("a request");
    node.paths.lock().expect("not poisoned").push(request.path.clone());
    let digests = (complete.request_digest(), complete.config_digest());
    let fresh = ReplaySet::new(&node.kem, 8).admit(complete).expect("never seen");
    let mut out = Vec::new();
    let mut writer = fresh.respond(&SystemRandom::new(), &mut out).expect("randomness");

    let streamed = request.content.windows(13).any(|part| part == b"\"stream\":true");
    let (status, kind) = match (lie, streamed) {
        (Lie::UnknownModel, _) => (404, "application/json"),
        (Lie::StreamedError, _) => (500, "text/event-stream"),
        (_, true) => (200, "text/event-stream"),
        (_, false) => (200, "application/json"),
    };
    let fields = vec![field("content-type", kind)];
    let mut chunks = vec![Plaintext::new()];
    ResponseHead { status, fields }.encode_into(&mut chunks[0]).expect("a head");
    let mut content = Vec::new();
    if kind == "text/event-stream" {
        for piece in EVENTS.iter().flat_map(|event| pieces(event, Sizes::Bucket).expect("an event"))
        {
            let mut chunk = Plaintext::new();
            piece.encode_into(&mut chunk);
            content.extend_from_slice(&chunk[2..]);
            chunks.push(chunk);
        }
    } else {
        let body = if lie == Lie::UnknownModel { UNKNOWN } else { BODY };
        let mut chunk = Plaintext::new();
        sealroom_attestation::seal::bhttp::content_into(body, &mut chunk);
        content.extend_from_slice(body);
        chunks.push(chunk);
    }
    let trailers = match lie {
        Lie::NoReceipt | Lie::UnknownModel | Lie::StreamedError => Vec::new(),
        _ => receipt(node, &request, digests, &content, lie),
    };
    for chunk in &chunks {
        writer.write(chunk, &mut out).expect("a chunk");
    }
    if lie == Lie::Truncated {
        return out;
    }
    writer.finish(&stream_end(&trailers), &mut out).expect("the last chunk");
    if lie == Lie::Flipped {
        let last = out.len() - 1;
        out[last] ^= 1;
    }
    out
}

fn receipt(
    node: &Node,
    request: &Request,
    (digest, kem): ([u8; 32], [u8; 32]),
    answer: &[u8],
    lie: Lie,
) -> Vec<Field> {
    let named = |field: &&Field| field.name() == REQUEST_ID_HEADER;
    let id = request.fields.iter().find(named).expect("a request id").value();
    let id = URL_SAFE_NO_PAD.decode(id).expect("base64url");
    let salt = [9; 32];
    let answer = if lie == Lie::OtherAnswer { b"another" } else { answer };
    let completion = if lie == Lie::OtherUsage { 2 } else { 1 };
    let receipt = Receipt {
        boot_id: node.statement(QuoteFreshness::Cached).boot_id(),
        sequence: 0,
        request_id: id.try_into().expect("16 bytes"),
        request_digest: RequestDigest(digest),
        billing_nonce: None,
        kem: KemConfigDigest(kem),
        manifest: Manifest::digest(&node.manifest),
        usage: Usage { prompt: 3, completion, cached: 0 },
        timing: Timing::default(),
        commitments: Commitments {
            parameters: commit(Kind::Parameters, &salt, b""),
            request: commit(Kind::Request, &salt, &request.content),
            answer: commit(Kind::Answer, &salt, answer),
            fingerprint: None,
        },
        finish: Finish::Stop,
        issued_at: UnixTime(0),
    };
    let signed = receipt::sign(&receipt, |message| {
        node.receipts.sign(message).as_ref().try_into().expect("64 bytes")
    });
    let opening = Opening { salt, fingerprint: None }.encode();
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    vec![field(RECEIPT_TRAILER, &encoded(&signed)), field(OPENING_TRAILER, &encoded(&opening))]
}

fn field(name: &str, value: &str) -> Field {
    Field::new(name, value.as_bytes()).expect("a field")
}
