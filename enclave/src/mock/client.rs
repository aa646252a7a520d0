//! A client that verifies nothing: it sees exactly what comes over the wire.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::rand::SystemRandom;
use rustls::pki_types::ServerName;
use sealroom_attestation::binder::{Channel, ProverSide};
use sealroom_attestation::cbor::Item;
use sealroom_attestation::digests::Nonce;
use sealroom_attestation::endpoints::{self, CHALLENGE_TYPE, Challenge, ChannelKind, Proof};
use sealroom_attestation::seal::bhttp::{
    self, Field, Limits, Method, ResponseDecoder, ResponseEvent, ResponseHead,
};
use sealroom_attestation::seal::{
    Allowed, Framing, KeyConfig, Plaintext, SentRequest, SseStrip, seal_request,
};
use sealroom_attestation::tls;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::node::Node;

/// One connection.
pub(crate) struct Client {
    sender: http2::SendRequest<Full<Bytes>>,
    /// What this connection binds [`Client::nonce`] to.
    pub(crate) channel: Channel,
    pub(crate) nonce: Nonce,
}

impl Client {
    pub(crate) async fn tls(
        node: &Node,
        alpn: &[u8],
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut config = tls::client_config().expect("a configuration");
        config.alpn_protocols = vec![alpn.to_vec()];
        let stream = TcpStream::connect(node.address()).await.expect("connected");
        let name = ServerName::try_from("node.invalid").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    /// Dials with HTTP/2; `nonce` is the one this client will challenge with.
    pub(crate) async fn dial(node: &Node, nonce: u8) -> Self {
        let stream = Self::tls(node, b"h2").await;
        let (_, session) = stream.get_ref();
        let nonce = Nonce([nonce; 32]);
        let exporter =
            tls::exporter(session, &nonce, ProverSide::Server).expect("after the handshake");
        let leaf = session.peer_certificates().and_then(|chain| chain.first()).expect("a leaf");
        let leaf = tls::leaf_digest(leaf).expect("a leaf");
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { sender, channel: Channel::TlsServer { exporter, leaf }, nonce }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.sender.ready().await.expect("open");
        self.sender.send_request(request).await.expect("an answer")
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, HeaderMap, Bytes) {
        let request = Request::get(format!("https://node.invalid{path}")).body(Full::default());
        read(self.send(request.expect("a request")).await).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> (StatusCode, HeaderMap, Bytes) {
        read(self.send(post(path, media_type, body)).await).await
    }

    pub(crate) async fn challenge(
        &mut self,
        proof: Proof,
        channel: ChannelKind,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let challenge = Challenge { nonce: self.nonce, proof, channel };
        self.post(endpoints::EVIDENCE, CHALLENGE_TYPE, challenge.encode()).await
    }

    /// Sends a sealed request and reads the answer to its end.
    pub(crate) async fn exchange(&mut self, sealed: Sealed) -> Answer {
        let mut request =
            post(endpoints::OHTTP_GATEWAY, sealed.framing.request_type(), sealed.bytes);
        request.headers_mut().insert(endpoints::BILLING_HEADER, BILLING.parse().expect("ASCII"));
        let response = self.send(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.expect("the whole answer");
        let outer = body.trailers().cloned();
        let carrier = body.to_bytes();
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&carrier));
        Answer::open(sealed.sent, &carrier, outer)
    }
}

/// Sixteen zero bytes.
pub(crate) const BILLING: &str = "AAAAAAAAAAAAAAAAAAAAAA";

pub(crate) fn post(path: &str, media_type: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let builder = Request::post(format!("https://node.invalid{path}"));
    let builder = builder.header("content-type", media_type);
    builder.body(Full::from(body)).expect("a request")
}

async fn read(response: Response<Incoming>) -> (StatusCode, HeaderMap, Bytes) {
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes())
}

/// A request on its way.
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sent: SentRequest,
    pub(crate) framing: Framing,
}

/// Seals JSON for a path with a request id made of one byte.
pub(crate) fn seal(node: &Node, path: &str, id: u8, json: &str) -> Sealed {
    let id = base64(&[id; 16]);
    let fields =
        [("content-type", "application/json"), (endpoints::REQUEST_ID_HEADER, id.as_str())];
    seal_with(node, Method::Post, path, &fields, json)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn seal_with(
    node: &Node,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
    json: &str,
) -> Sealed {
    let field = |(name, value): &(&str, &str)| Field::new(name, value.as_bytes()).expect("a field");
    let request = bhttp::Request {
        method,
        path: path.to_owned(),
        fields: fields.iter().map(field).collect(),
        content: json.as_bytes().into(),
        trailers: Vec::new(),
    };
    let config = KeyConfig::select(&node.state().kem_keys(), Allowed::PostQuantum).expect("a key");
    let plaintext = request.encode_padded().expect("encoded");
    let framing = Framing::Chunked;
    let (bytes, sent) =
        seal_request(&config, framing, &plaintext, &SystemRandom::new()).expect("sealed");
    Sealed { bytes, sent, framing }
}

/// What came back, opened.
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) content: Plaintext,
    pub(crate) trailers: Vec<Field>,
    pub(crate) outer: Option<HeaderMap>,
    /// Plaintext sizes of the chunks, the final one last.
    pub(crate) sizes: Vec<usize>,
}

impl Answer {
    fn open(sent: SentRequest, carrier: &[u8], outer: Option<HeaderMap>) -> Self {
        let (mut reader, mut opened) = (sent.into_reader(), Plaintext::new());
        reader.feed(carrier, &mut opened).expect("opens");
        reader.finish(&mut opened).expect("complete");
        let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
        decoder.feed(&opened, &mut events).expect("Binary HTTP");
        decoder.finish().expect("complete");
        let mut answer = Self {
            head: ResponseHead { status: 0, fields: Vec::new() },
            content: Plaintext::new(),
            trailers: Vec::new(),
            outer,
            sizes: sizes(&carrier[16..]),
        };
        for event in events {
            match event {
                ResponseEvent::Head(head) => answer.head = head,
                ResponseEvent::Content(content) => answer.content.extend_from_slice(&content),
                ResponseEvent::End(trailers) => answer.trailers = trailers,
            }
        }
        answer
    }

    /// The content as text, without filler.
    pub(crate) fn text(&self) -> String {
        let mut out = Plaintext::new();
        SseStrip::new().feed(&self.content, &mut out);
        String::from_utf8(out.to_vec()).expect("UTF-8")
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).expect("JSON"))
            .collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.content).expect("JSON")
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<Vec<u8>> {
        use base64::Engine as _;
        let field = self.trailers.iter().find(|field| field.name() == name)?;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(field.value()).ok()
    }
}

/// Sealed chunks have a length, or zero for the last one, in front and a tag of 16 bytes behind.
fn sizes(mut carrier: &[u8]) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Some(first) = carrier.first() {
        let prefix = 1_usize << (first >> 6);
        let (length, rest) = carrier.split_at(prefix);
        let length = length.iter().enumerate().fold(0_usize, |value, (index, byte)| {
            let byte = if index == 0 { byte & 0x3f } else { *byte };
            (value << 8) | usize::from(byte)
        });
        let length = if length == 0 { rest.len() } else { length };
        sizes.push(length - 16);
        carrier = &rest[length..];
    }
    sizes
}
