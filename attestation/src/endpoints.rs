//! The names that both ends of the wire use: paths, media types, headers, problem types, deadlines.
//!
//! See the wire specification, sections 6 to 8.

use std::time::Duration;

use crate::{
    cbor::{CborError, Item, Source, Writer},
    checks::{self, Check},
    digests::Nonce,
};

/// Serves evidence: GET without, POST with a challenge.
pub const EVIDENCE: &str = "/.well-known/sealroom/evidence";
/// Serves key configurations (GET, RFC 9540) and answers encapsulated requests (POST).
pub const OHTTP_GATEWAY: &str = "/.well-known/ohttp-gateway";
/// Serves receipts of cancelled answers by their billing nonce.
pub const RECEIPTS: &str = "/.well-known/sealroom/receipts/";
/// Readiness, with an empty body.
pub const HEALTH: &str = "/health";

/// A challenge's media type.
pub const CHALLENGE_TYPE: &str = "application/vnd.sealroom.challenge+cbor";
/// A list of key configurations: RFC 9458 §3.2.
pub const KEYS_TYPE: &str = "application/ohttp-keys";
/// RFC 9457.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// The relay's nonce, outside the seal.
pub const BILLING_HEADER: &str = "sealroom-billing";
/// The receipt, as a trailer inside and outside the seal.
pub const RECEIPT_TRAILER: &str = "sealroom-receipt";
/// The receipt's opening, as a trailer inside the seal only.
pub const OPENING_TRAILER: &str = "sealroom-opening";
/// The client's name for a request, the same on every retry; inside the seal.
pub const REQUEST_ID_HEADER: &str = "sealroom-request-id";
/// The client's salt for prefix reuse; inside the seal.
pub const CACHE_SALT_HEADER: &str = "sealroom-cache-salt";
/// The padding that the client asks for; inside the seal.
pub const PADDING_HEADER: &str = "sealroom-padding";
/// The authority of every inner request.
pub const INNER_AUTHORITY: &str = "sealroom.invalid";

/// An outer error: everything that a node ever says without a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The key is unknown, or the first chunk does not open under it: re-attest once, seal anew.
    OhttpKey,
    /// A later chunk or the framing is wrong.
    BadFrame,
    /// This encapsulated request was already admitted.
    Replayed,
    /// A limit on sizes.
    TooLarge,
    /// A limit on load.
    Overload,
    /// No unexpired evidence, or a fault of GPU or clock.
    NotReady,
}

impl Problem {
    /// Every problem.
    pub const ALL: [Self; 6] = [
        Self::OhttpKey,
        Self::BadFrame,
        Self::Replayed,
        Self::TooLarge,
        Self::Overload,
        Self::NotReady,
    ];

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::OhttpKey | Self::BadFrame => 400,
            Self::Replayed => 409,
            Self::TooLarge => 413,
            Self::Overload => 429,
            Self::NotReady => 503,
        }
    }

    /// The problem type, a URI.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::OhttpKey => "https://iana.org/assignments/http-problem-types#ohttp-key",
            Self::BadFrame => "urn:sealroom:problem:bad-frame",
            Self::Replayed => "urn:sealroom:problem:replayed",
            Self::TooLarge => "urn:sealroom:problem:too-large",
            Self::Overload => "urn:sealroom:problem:overload",
            Self::NotReady => "urn:sealroom:problem:not-ready",
        }
    }

    /// The constant body.
    #[must_use]
    pub fn body(self) -> String {
        format!(r#"{{"type":"{}","status":{}}}"#, self.uri(), self.status())
    }

    /// The check that failed where a node says this.
    #[must_use]
    pub const fn check(self) -> &'static Check {
        match self {
            Self::OhttpKey => &checks::SEAL_KEY,
            Self::BadFrame => &checks::SEAL_FRAME,
            Self::Replayed => &checks::SEAL_REPLAYED,
            Self::TooLarge => &checks::HTTP_TOO_LARGE,
            Self::Overload => &checks::HTTP_OVERLOAD,
            Self::NotReady => &checks::HTTP_NOT_READY,
        }
    }

    /// Recognises a body that [`Problem::body`] made; `None` for everything else.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.body().as_bytes() == body)
    }
}

/// What a verifier asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Random, used once.
    pub nonce: Nonce,
    /// Which proof of freshness.
    pub proof: Proof,
    /// Which channel the proof is to be bound to.
    pub channel: ChannelKind,
}

/// A proof of freshness on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A signature of the attested identity.
    Key = 1,
    /// A quote over a tree that holds this session.
    Hardware = 2,
}

/// A kind of channel on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// The TLS connection on which the challenge arrives.
    Tls = 1,
    /// The current key configurations: a relay stands between.
    Kem = 2,
}

impl Item for Challenge {
    const NAME: &'static str = "challenge";
    const LIMIT: usize = 64;

    fn write(&self, out: &mut Writer) {
        out.map(4).number(1).number(1).number(2).bytes(&self.nonce.0);
        out.number(3).number(self.proof as u64).number(4).number(self.channel as u64);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(4)?;
        from.version()?;
        from.key(2)?;
        let nonce = Nonce(from.array_of()?);
        from.key(3)?;
        let proof = match from.number()? {
            1 => Proof::Key,
            2 => Proof::Hardware,
            proof => return Err(from.unsupported("proof", proof)),
        };
        from.key(4)?;
        let channel = match from.number()? {
            1 => ChannelKind::Tls,
            2 => ChannelKind::Kem,
            channel => return Err(from.unsupported("channel", channel)),
        };
        Ok(Self { nonce, proof, channel })
    }
}

/// How long each step may take: the wire specification, section 7.
pub mod deadline {
    use super::Duration;

    /// The TLS handshake.
    pub const HANDSHAKE: Duration = Duration::from_secs(5);
    /// A request's headers.
    pub const HEADERS: Duration = Duration::from_secs(10);
    /// Evidence with key freshness.
    pub const EVIDENCE_KEY: Duration = Duration::from_secs(2);
    /// Evidence with hardware freshness.
    pub const EVIDENCE_HARDWARE: Duration = Duration::from_secs(10);
    /// A request's body.
    pub const BODY: Duration = Duration::from_secs(60);
    /// The first byte of a response.
    pub const FIRST_BYTE: Duration = Duration::from_secs(120);
    /// Silence inside a stream.
    pub const SILENCE: Duration = Duration::from_secs(30);
    /// How often a node breaks the silence.
    pub const IDLE_EVENT: Duration = Duration::from_secs(10);
    /// A whole stream.
    pub const STREAM: Duration = Duration::from_secs(1800);
    /// How long a nonce opens sessions, and a key configuration is the current one.
    pub const EPOCH: Duration = Duration::from_secs(600);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_survives_its_own_encoding_and_unknown_proofs_are_refused() {
        let challenge =
            Challenge { nonce: Nonce([1; 32]), proof: Proof::Hardware, channel: ChannelKind::Kem };
        let mut bytes = challenge.encode();
        assert_eq!(Challenge::decode(&bytes), Ok(challenge));
        let proof = bytes.len() - 3;
        bytes[proof] = 3;
        let refused = CborError::Unsupported { item: "challenge", field: "proof", found: 3 };
        assert_eq!(Challenge::decode(&bytes), Err(refused));
    }

    #[test]
    fn problems_are_told_apart_by_their_constant_bodies() {
        for problem in Problem::ALL {
            assert_eq!(Problem::from_body(problem.body().as_bytes()), Some(problem));
        }
        assert_eq!(Problem::from_body(b"{}"), None);
    }
}
