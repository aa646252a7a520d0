//! Errors as OpenAI's clients understand them, each naming the failed check and what to do.

use axum::{
    Json,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use sealroom_attestation::{checks::Check, endpoints::Problem, seal::SealError};
use sealroom_request::{Invalid, PrivateText};
use sealroom_verifier::{Decision, contact::ContactError};
use serde::Serialize;

use crate::session::{ExchangeError, SessionError};

/// An answer that is an error. It may name what its own client wrote, and prints none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: Kind,
    code: &'static str,
    message: PrivateText,
    param: Option<PrivateText>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The request itself, before anything was sealed.
    Request,
    /// The node, its answer or its receipt was checked and does not hold.
    Verification,
    /// The way to the node.
    Channel,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "invalid_request_error",
            Self::Verification => "sealroom_verification_error",
            Self::Channel => "sealroom_channel_error",
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

impl Refusal {
    /// A request that is refused here, on this machine.
    pub(super) fn request(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, kind: Kind::Request, code, message: message.into(), param: None }
    }

    #[cfg(test)]
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    fn failed(status: StatusCode, kind: Kind, check: &'static Check, error: &str) -> Self {
        let (why, fix) = (check.why, check.fix);
        let message = format!("{error} (check {}: {why}). What to do: {fix}.", check.id);
        Self { status, kind, code: check.id, message: message.into(), param: None }
    }

    fn body(&self) -> Body<'_> {
        let Self { kind, code, message, param, .. } = self;
        let param = param.as_ref().map(PrivateText::expose);
        Body { error: Inner { message: message.expose(), kind: kind.name(), param, code } }
    }

    /// The last event of a stream that does not end well.
    pub(super) fn event(&self) -> Vec<u8> {
        let body = serde_json::to_string(&self.body()).expect("strings always become JSON");
        format!("data: {body}\n\n").into_bytes()
    }
}

impl From<Invalid> for Refusal {
    fn from(Invalid { message, param, code }: Invalid) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: Kind::Request, code, message, param }
    }
}

impl From<&SessionError> for Refusal {
    fn from(error: &SessionError) -> Self {
        let undecided =
            error.verdict().is_some_and(|verdict| verdict.decision == Decision::Undecided);
        let (status, kind) = match error {
            _ if undecided => (StatusCode::SERVICE_UNAVAILABLE, Kind::Verification),
            _ if error.is_refusal() => (StatusCode::BAD_GATEWAY, Kind::Verification),
            SessionError::Contact(ContactError::Deadline { .. }) => {
                (StatusCode::GATEWAY_TIMEOUT, Kind::Channel)
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, Kind::Channel),
        };
        Self::failed(status, kind, error.reason(), &error.to_string())
    }
}

impl From<&ExchangeError> for Refusal {
    fn from(error: &ExchangeError) -> Self {
        let (status, kind) = match error {
            ExchangeError::Session(session) => return Self::from(&**session),
            ExchangeError::Receipt(_)
            | ExchangeError::ReceiptMissing(_)
            | ExchangeError::Usage { .. } => (StatusCode::BAD_GATEWAY, Kind::Verification),
            ExchangeError::Expired | ExchangeError::Problem(Problem::NotReady) => {
                (StatusCode::SERVICE_UNAVAILABLE, Kind::Channel)
            }
            ExchangeError::Problem(Problem::Overload) => {
                (StatusCode::TOO_MANY_REQUESTS, Kind::Channel)
            }
            ExchangeError::Problem(Problem::TooLarge)
            | ExchangeError::Request(SealError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, Kind::Channel)
            }
            ExchangeError::Deadline { .. } => (StatusCode::GATEWAY_TIMEOUT, Kind::Channel),
            _ => (StatusCode::BAD_GATEWAY, Kind::Channel),
        };
        Self::failed(status, kind, error.reason(), &error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if matches!(self.kind, Kind::Verification) || self.code.starts_with("seal.") {
            // OpenAI's clients try again on 5xx. What was found wrong is not to be papered over.
            let headers = response.headers_mut();
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}

pub(super) async fn not_found() -> Refusal {
    let message = "this endpoint serves /v1/chat/completions, /v1/completions, /v1/models, /health and /status";
    Refusal::request(StatusCode::NOT_FOUND, "unknown_url", message.to_owned())
}

pub(super) async fn method_not_allowed() -> Refusal {
    let message = "completions are asked for by POST, everything else by GET".to_owned();
    Refusal::request(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_attestation::seal::FrameError;
    use std::sync::Arc;

    fn mapped(error: &ExchangeError) -> (u16, &'static str, &'static str) {
        let refusal = Refusal::from(error);
        (refusal.status.as_u16(), refusal.kind.name(), refusal.code)
    }

    #[test]
    fn every_failure_has_its_status_its_type_and_its_check() {
        let (verification, channel) = ("sealroom_verification_error", "sealroom_channel_error");
        let truncated = ExchangeError::Response(SealError::BadFrame(FrameError::Truncated));
        let open = ExchangeError::Response(SealError::BadFrame(FrameError::Open { chunk: 3 }));
        let unproven = ExchangeError::from(SessionError::from(ContactError::CertificateVerify));
        let late = ExchangeError::Deadline { step: "silence", seconds: 30 };
        let cases = [
            (truncated, (502, channel, "seal.truncated")),
            (open, (502, channel, "seal.chunk")),
            (ExchangeError::BrokenOff(String::new()), (502, channel, "seal.truncated")),
            (ExchangeError::ReceiptMissing(""), (502, verification, "receipt.missing")),
            (
                ExchangeError::Usage { receipt: (1, 2), answer: (1, 3) },
                (502, verification, "receipt.usage"),
            ),
            (ExchangeError::Problem(Problem::OhttpKey), (502, channel, "seal.key")),
            (ExchangeError::Problem(Problem::Replayed), (502, channel, "seal.replayed")),
            (ExchangeError::Problem(Problem::Overload), (429, channel, "http.overload")),
            (ExchangeError::Problem(Problem::NotReady), (503, channel, "http.not_ready")),
            (ExchangeError::Problem(Problem::TooLarge), (413, channel, "http.too_large")),
            (ExchangeError::Expired, (503, channel, "session.expired")),
            (late, (504, channel, "http.deadline")),
            (unproven, (502, verification, "tls.certificate_verify")),
        ];
        for (error, expected) in cases {
            assert_eq!(mapped(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_node_out_of_reach_is_not_a_node_that_failed_a_check() {
        let (address, reason) = ("https://a:1".into(), "refused".into());
        let error = SessionError::from(ContactError::Connect { address, reason });
        let mapped = mapped(&ExchangeError::from(Arc::new(error)));
        assert_eq!(mapped, (503, "sealroom_channel_error", "http.connect"));
    }

    #[test]
    fn the_message_names_the_check_and_what_to_do() {
        let refusal = Refusal::from(&SessionError::from(ContactError::CertificateVerify));
        let message = refusal.message.expose();
        assert!(message.contains("(check tls.certificate_verify: "), "{message}");
        assert!(message.contains("What to do: connect to the node itself"));
    }

    #[test]
    fn an_event_is_one_line_in_openais_shape() {
        let refusal = Refusal::request(StatusCode::NOT_FOUND, "unknown_url", "a\n\"b\"".to_owned());
        let expected = b"data: {\"error\":{\"message\":\"a\\n\\\"b\\\"\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"unknown_url\"}}\n\n";
        assert_eq!(refusal.event(), expected);
    }
}
