//! A request as it goes inside the seal: a method, a path, a few allowed headers, the content as it is.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use sealroom_attestation::{
    digests::{KemConfigDigest, RequestDigest},
    endpoints::REQUEST_ID_HEADER,
    seal::{
        Framing, KeyConfig, Plaintext, Random, SentRequest,
        bhttp::{BhttpError, Field, Method, Request},
        seal_request,
    },
};

use super::error::ExchangeError;

/// The client's own name for one request, the same on every retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

/// As it travels: base64url without padding.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// What goes inside the seal. Its content is wiped when the last clone goes.
#[derive(Clone)]
pub struct InnerRequest {
    id: RequestId,
    method: Method,
    path: String,
    fields: Vec<Field>,
    content: Arc<Plaintext>,
}

impl InnerRequest {
    /// A POST of JSON. The path is checked when it is sealed.
    #[must_use]
    pub fn post(path: &str, content: impl Into<Plaintext>, id: RequestId) -> Self {
        let mut request = Self::bare(Method::Post, path, content.into(), id);
        request.fields.push(constant("content-type", "application/json"));
        request
    }

    /// A GET without content. The path is checked when it is sealed.
    #[must_use]
    pub fn get(path: &str, id: RequestId) -> Self {
        Self::bare(Method::Get, path, Plaintext::new(), id)
    }

    fn bare(method: Method, path: &str, content: Plaintext, id: RequestId) -> Self {
        let fields = vec![constant(REQUEST_ID_HEADER, &id.to_string())];
        Self { id, method, path: path.to_owned(), fields, content: Arc::new(content) }
    }

    /// Adds a header. The node refuses names that the wire specification, section 8, does not list.
    ///
    /// # Errors
    /// When name or value have characters that headers never have.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, BhttpError> {
        self.fields.push(Field::new(name, value.as_bytes())?);
        Ok(self)
    }

    /// The name of this request.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// Encodes, pads and seals.
    pub(super) fn seal(
        &self,
        key: &KeyConfig,
        random: &(dyn Random + Send + Sync),
    ) -> Result<SealedRequest, ExchangeError> {
        let message = Request {
            method: self.method,
            path: self.path.clone(),
            fields: self.fields.clone(),
            content: (*self.content).clone(),
            trailers: Vec::new(),
        };
        let message = message.encode_padded().map_err(ExchangeError::Encode)?;
        let (encapsulated, sent) = seal_request(key, Framing::Chunked, &message, random)
            .map_err(ExchangeError::Request)?;
        Ok(SealedRequest {
            encapsulated: encapsulated.into(),
            asked: Asked {
                id: self.id,
                digest: RequestDigest(sent.request_digest()),
                key: KemConfigDigest(sent.config_digest()),
                content: self.content.clone(),
                receipt: match self.method {
                    Method::Get => Expected::Maybe,
                    Method::Post => Expected::Always,
                },
            },
            sent,
        })
    }
}

/// A header of ours: its name is a constant, its value visible ASCII.
fn constant(name: &str, value: &str) -> Field {
    Field::new(name, value.as_bytes()).expect("a lower-case token and visible ASCII")
}

impl fmt::Debug for InnerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, method, path, content, .. } = self;
        write!(f, "InnerRequest({id}, {} {path}, {} bytes)", method.name(), content.len())
    }
}

/// An encapsulated request and what it takes to read its answer.
#[derive(Debug)]
pub struct SealedRequest {
    encapsulated: Bytes,
    asked: Asked,
    sent: SentRequest,
}

impl SealedRequest {
    /// The bytes that travel.
    #[must_use]
    pub const fn encapsulated(&self) -> &Bytes {
        &self.encapsulated
    }

    /// SHA-256 of the bytes that travel.
    #[must_use]
    pub const fn request_digest(&self) -> RequestDigest {
        self.asked.digest
    }

    pub(super) fn into_parts(self) -> (Bytes, Asked, SentRequest) {
        (self.encapsulated, self.asked, self.sent)
    }
}

/// What the client itself knows about a request, to hold a receipt against.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) digest: RequestDigest,
    pub(super) key: KemConfigDigest,
    pub(super) content: Arc<Plaintext>,
    pub(super) receipt: Expected,
}

/// Whether an answer that is a success has a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Work was done: no receipt, no success.
    Always,
    /// A list was read: nothing was counted.
    Maybe,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use sealroom_attestation::seal::{KemKey, KemKind, KeySet, RequestReader, padding::padme};

    fn opened(request: &InnerRequest) -> Plaintext {
        let random = SystemRandom::new();
        let key = Arc::new(KemKey::generate(KemKind::X25519, 1, &random).expect("a key"));
        let sealed = request.seal(key.config(), &random).expect("sealed");
        let keys = KeySet::new(vec![key]).expect("one key");
        let (mut reader, mut out) = (RequestReader::new(keys, Framing::Chunked), Plaintext::new());
        reader.feed(sealed.encapsulated(), &mut out).expect("opens");
        let complete = reader.finish(&mut out).expect("to its end");
        assert_eq!(sealed.request_digest().0, complete.request_digest());
        out
    }

    #[test]
    fn a_sealed_request_opens_to_what_was_asked_padded_to_padme() {
        let id = RequestId([7; 16]);
        let request = InnerRequest::post("/v1/chat/completions", b"{}".to_vec(), id);
        let message = opened(&request);
        assert_eq!(message.len(), padme(1));
        let inside = Request::decode(&message).expect("a message");
        let names: Vec<_> = inside.fields.iter().map(Field::name).collect();
        assert_eq!(names, [REQUEST_ID_HEADER, "content-type"]);
        assert_eq!(inside.fields[0].value(), id.to_string().as_bytes());
        assert_eq!((&*inside.path, &inside.content[..]), ("/v1/chat/completions", &b"{}"[..]));
    }

    #[test]
    fn two_sealings_share_the_name_and_nothing_else() {
        let random = SystemRandom::new();
        let key = KemKey::generate(KemKind::X25519, 1, &random).expect("a key");
        let request = InnerRequest::get("/v1/models", RequestId([7; 16]));
        let one = request.seal(key.config(), &random).expect("sealed");
        let two = request.seal(key.config(), &random).expect("sealed");
        assert_ne!(one.request_digest(), two.request_digest());
        assert_eq!(one.asked.id, two.asked.id);
    }

    #[test]
    fn prints_no_content() {
        let request =
            InnerRequest::post("/v1/completions", b"very secret".to_vec(), RequestId([0; 16]));
        let text = format!("{:?}", request);
        assert_eq!(text, "InnerRequest(AAAAAAAAAAAAAAAAAAAAAA, POST /v1/completions, 11 bytes)");
    }
}
