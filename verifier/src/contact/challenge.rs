//! The first and only request before the verdict: asks a connection for evidence under a nonce of our own.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use sealroom_attestation::{
    binder::{self, Channel},
    cbor::Item,
    digests::Nonce,
    endpoints::{self, Challenge, ChannelKind, Problem, Proof, deadline},
    evidence,
    seal::Random,
};
use tokio::time::timeout;

use super::{Contact, error::ContactError, late};

/// The largest bundle: the wire specification, section 1.
const BUNDLE_LIMIT: usize = 1024 * 1024;
/// The longest part of a stranger's media type that an error repeats.
const SHOWN: usize = 80;

/// What a node showed under one nonce on one connection. Nothing about it is proven yet.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The evidence bundle.
    pub bundle: Bytes,
    /// The session as this end computes it for itself.
    pub session: binder::Session,
}

impl Contact {
    /// Asks the node for evidence under a fresh nonce.
    ///
    /// # Errors
    /// [`ContactError`] where no bundle came back in time.
    pub async fn challenge(
        &self,
        proof: Proof,
        random: &(dyn Random + Send + Sync),
    ) -> Result<Shown, ContactError> {
        let mut nonce = Nonce([0; 32]);
        random.fill(&mut nonce.0)?;
        let exporter = self.tls.exporter(&nonce);
        let exporter = exporter.map_err(|error| ContactError::Handshake(error.to_string()))?;
        let channel = Channel::TlsServer { exporter, leaf: self.leaf };
        let session = binder::Session { nonce, channel, context: Vec::new() };
        let message = Challenge { nonce, proof, channel: ChannelKind::Tls }.encode();
        let (path, media_type) = (endpoints::EVIDENCE, endpoints::CHALLENGE_TYPE);
        let request = self.request(Method::POST, path, media_type, message.into());
        let limit = match proof {
            Proof::Key => deadline::EVIDENCE_KEY,
            Proof::Hardware => deadline::EVIDENCE_HARDWARE,
        };
        let bundle = within(limit, async {
            let response = self.send(request).await;
            read(response.map_err(|error| ContactError::Connection(error.to_string()))?).await
        });
        Ok(Shown { bundle: bundle.await?, session })
    }
}

async fn within(
    limit: Duration,
    step: impl Future<Output = Result<Bytes, ContactError>>,
) -> Result<Bytes, ContactError> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(late("showing evidence", limit)))
}

async fn read(response: Response<Incoming>) -> Result<Bytes, ContactError> {
    let (head, body) = response.into_parts();
    let media_type = media_type(&head.headers);
    let accepted = head.status == StatusCode::OK && media_type == evidence::MEDIA_TYPE;
    let body = match Limited::new(body, BUNDLE_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(ContactError::TooLong { limit: BUNDLE_LIMIT });
        }
        Err(error) => return Err(ContactError::Connection(error.to_string())),
    };
    if accepted {
        return Ok(body);
    }
    let status = head.status.as_u16();
    match Problem::from_body(&body).filter(|problem| problem.status() == status) {
        Some(problem) => Err(ContactError::Unready(problem)),
        None => Err(ContactError::Answer { status, media_type }),
    }
}

/// A response's media type, shortened and without anything that could disturb a terminal.
#[must_use]
pub fn media_type(headers: &http::HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.chars().filter(|character| character.is_ascii_graphic()).take(SHOWN).collect()
}
