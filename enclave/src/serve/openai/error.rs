//! Errors in OpenAI's shape. They travel sealed, because a reason can depend on a plaintext.

use sealroom_attestation::seal::Plaintext;
use sealroom_request::{Invalid, PrivateText};
use serde::Serialize;

use super::writer;

/// An error inside the seal. It may quote its own client, so it is never printed or logged.
pub(in crate::serve) struct ApiError {
    status: u16,
    message: PrivateText,
    kind: &'static str,
    param: Option<PrivateText>,
    code: &'static str,
    retry_after: Option<u32>,
}

impl From<Invalid> for ApiError {
    fn from(Invalid { message, param, code }: Invalid) -> Self {
        Self { status: 400, message, kind: INVALID, param, code, retry_after: None }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

/// The client's own mistakes.
const INVALID: &str = "invalid_request_error";

impl ApiError {
    /// The request breaks a rule.
    pub(in crate::serve) fn invalid(
        message: String,
        param: Option<&str>,
        code: &'static str,
    ) -> Self {
        let (message, param) = (message.into(), param.map(PrivateText::from));
        Self { status: 400, message, kind: INVALID, param, code, retry_after: None }
    }

    pub(super) fn model_not_found(asked: &str, known: &str) -> Self {
        let message = format!("model {asked} does not exist on this node, which serves {known}");
        Self { status: 404, ..Self::invalid(message, Some("model"), "model_not_found") }
    }

    pub(super) fn unknown_path() -> Self {
        let message = "the paths are in /openapi.json".to_owned();
        Self { status: 404, ..Self::invalid(message, None, "unknown_path") }
    }

    /// The request's id was used within 1,200 s.
    pub(in crate::serve) fn id_used() -> Self {
        let message = "a request with this id was already acted on".to_owned();
        Self { status: 409, ..Self::invalid(message, None, "request_id_used") }
    }

    /// The engine's queue is full.
    pub(in crate::serve) fn overloaded() -> Self {
        Self {
            status: 429,
            message: "the node is busy".into(),
            kind: "overloaded_error",
            param: None,
            code: "overloaded",
            retry_after: Some(1),
        }
    }

    /// The node failed.
    pub(in crate::serve) fn internal() -> Self {
        Self {
            status: 500,
            message: "the node failed".into(),
            kind: "server_error",
            param: None,
            code: "internal_error",
            retry_after: None,
        }
    }

    /// The answer took longer than any may.
    pub(in crate::serve) fn too_long() -> Self {
        let message = "the answer was cut: it reached 1,800 s or 32 MiB".into();
        Self { status: 504, message, code: "timeout", ..Self::internal() }
    }

    pub(in crate::serve) const fn status(&self) -> u16 {
        self.status
    }

    pub(in crate::serve) const fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The whole answer.
    pub(in crate::serve) fn body(&self) -> Plaintext {
        let mut out = Plaintext::new();
        writer::json(&self.shape(), &mut out);
        out
    }

    /// An event in the middle of a stream.
    pub(in crate::serve) fn event(&self) -> Plaintext {
        writer::event(&self.shape())
    }

    fn shape(&self) -> Body<'_> {
        let param = self.param.as_ref().map(PrivateText::expose);
        Body {
            error: Inner {
                message: self.message.expose(),
                r#type: self.kind,
                param,
                code: self.code,
            },
        }
    }

    #[cfg(test)]
    pub(in crate::serve) fn message(&self) -> &str {
        self.message.expose()
    }
}
