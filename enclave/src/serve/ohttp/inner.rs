//! The rules for what may stand inside the seal: the wire specification, section 8.

use sealroom_attestation::endpoints::{CACHE_SALT_HEADER, PADDING_HEADER, REQUEST_ID_HEADER};
use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::{Field, Method, Request};
use sealroom_engine::CacheSalt;

use super::decode_base64;
use crate::serve::Padding;
use crate::serve::openai::ApiError;

/// The only type of content.
const JSON: &[u8] = b"application/json";

/// A request inside the seal whose header keeps the rules.
pub(in crate::serve) struct Inner {
    pub(in crate::serve) method: Method,
    pub(in crate::serve) path: String,
    pub(in crate::serve) content: Plaintext,
    pub(in crate::serve) request_id: [u8; 16],
    /// What the client's earlier prompts are found under; absent, nothing of this one is used again.
    pub(in crate::serve) salt: Option<CacheSalt>,
    /// What the client asks for; the node may be stronger.
    pub(in crate::serve) padding: Padding,
}

impl Inner {
    /// Decodes the opened bytes and checks every field. The first rule that is broken is named.
    pub(super) fn decode(plaintext: &[u8]) -> Result<Self, ApiError> {
        let request = Request::decode(plaintext)
            .map_err(|error| ApiError::invalid(error.to_string(), None, "malformed_request"))?;
        if !request.trailers.is_empty() {
            return Err(refused("a request has no trailers".to_owned()));
        }
        let mut header = Header::default();
        request.fields.iter().try_for_each(|field| header.take(field))?;
        if request.method == Method::Post && !header.json {
            return Err(refused("content-type application/json is required".to_owned()));
        }
        let request_id = header
            .request_id
            .ok_or_else(|| refused(format!("header {REQUEST_ID_HEADER} is required")))?;
        Ok(Self {
            method: request.method,
            path: request.path,
            content: request.content,
            request_id,
            salt: header.salt.map(CacheSalt::new),
            padding: header.padding.unwrap_or(Padding::None),
        })
    }
}

#[derive(Default)]
struct Header {
    json: bool,
    accept: bool,
    request_id: Option<[u8; 16]>,
    salt: Option<[u8; 32]>,
    padding: Option<Padding>,
}

impl Header {
    fn take(&mut self, field: &Field) -> Result<(), ApiError> {
        let (name, value) = (field.name(), field.value());
        let repeated = match name {
            "content-type" if value != JSON => {
                return Err(refused("content-type is not application/json".to_owned()));
            }
            "content-type" => std::mem::replace(&mut self.json, true),
            // There is one representation of every answer, whatever is asked for.
            "accept" => std::mem::replace(&mut self.accept, true),
            REQUEST_ID_HEADER => self
                .request_id
                .replace(decode_base64(value).ok_or_else(|| malformed(name))?)
                .is_some(),
            CACHE_SALT_HEADER => {
                self.salt.replace(decode_base64(value).ok_or_else(|| malformed(name))?).is_some()
            }
            PADDING_HEADER => {
                let padding = str::from_utf8(value).ok().and_then(Padding::decode);
                self.padding.replace(padding.ok_or_else(|| malformed(name))?).is_some()
            }
            _ => return Err(refused(format!("header {name} is not allowed inside the seal"))),
        };
        if repeated { Err(refused(format!("header {name} stands twice"))) } else { Ok(()) }
    }
}

fn malformed(name: &str) -> ApiError {
    refused(format!("header {name} is malformed"))
}

fn refused(message: String) -> ApiError {
    ApiError::invalid(message, None, "invalid_header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn decode(fields: &[(&str, &str)]) -> Result<Inner, ApiError> {
        let field =
            |(name, value): &(&str, &str)| Field::new(name, value.as_bytes()).expect("a field");
        let request = Request {
            method: Method::Post,
            path: "/v1/chat/completions".to_owned(),
            fields: fields.iter().map(field).collect(),
            content: b"{}"[..].into(),
            trailers: Vec::new(),
        };
        Inner::decode(&request.encode_padded().expect("encoded"))
    }

    fn message(fields: &[(&str, &str)]) -> String {
        let Err(error) = decode(fields) else { panic!("{fields:?} was accepted") };
        assert_eq!(error.status(), 400);
        error.message().to_owned()
    }

    const LEAST: [(&str, &str); 2] =
        [("content-type", "application/json"), (REQUEST_ID_HEADER, ID)];

    #[test]
    fn accepts_every_allowed_header() {
        let salt = "A".repeat(43);
        let more = [
            ("accept", "text/event-stream"),
            (CACHE_SALT_HEADER, salt.as_str()),
            (PADDING_HEADER, "constant;t=50"),
        ];
        let inner = decode(&[&LEAST[..], &more].concat())
            .unwrap_or_else(|error| panic!("{}", error.message()));
        assert_eq!(inner.request_id, [0; 16]);
        assert_eq!(inner.padding, Padding::Constant { interval: Duration::from_millis(50) });
        assert_eq!(&inner.content[..], b"{}");
        assert_eq!(inner.salt, Some(CacheSalt::new([0; 32])));
    }

    #[test]
    fn refuses_every_other_header_by_name() {
        for name in ["authorization", "cookie", "user-agent", "sealroom-billing"] {
            let found = message(&[&LEAST[..], &[(name, "x")]].concat());
            assert_eq!(found, format!("header {name} is not allowed inside the seal"));
        }
    }

    #[test]
    fn requires_the_request_id_and_json_once_each() {
        assert_eq!(message(&LEAST[..1]), "header sealroom-request-id is required");
        assert_eq!(message(&LEAST[1..]), "content-type application/json is required");
        let twice = [LEAST[0], LEAST[1], LEAST[1]];
        assert_eq!(message(&twice), "header sealroom-request-id stands twice");
        let short = [LEAST[0], (REQUEST_ID_HEADER, "AAAA")];
        assert_eq!(message(&short), "header sealroom-request-id is malformed");
    }
}
