//! The OpenAI interface inside the seal.
//!
//! Prompts and replies live in buffers that wipe themselves and are never formatted into an error or a log.

use std::collections::BTreeMap;

use sealroom_attestation::cbor::{CborError, Item, Source, Writer as Cbor};
use sealroom_attestation::receipt::Finish;
use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::Method;
use sealroom_engine::{EngineError, FinishReason, GenerationRequest, TemplateError};

use super::ohttp::Inner;
use crate::node::State;

mod error;
mod feed;
mod fields;
mod requests;
mod sampling;
mod writer;

pub(super) use error::ApiError;
pub(super) use feed::{Feed, feed};
pub(super) use writer::{DONE, Shape, Writer};

/// A request inside the seal and the node it came to.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) inner: &'a Inner,
}

/// What a request asks for.
pub(super) enum Work {
    /// An answer that needs no engine.
    Ready(Plaintext),
    /// A generated answer.
    Generate(Box<Generation>),
}

/// A request for the engine and how its answer is to look.
pub(super) struct Generation {
    pub(super) request: GenerationRequest,
    pub(super) shape: Shape,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

/// Effective settings by name, to which the receipt commits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

impl Item for Parameters {
    const NAME: &'static str = "parameters";
    const LIMIT: usize = 64 * 1024;

    fn write(&self, out: &mut Cbor) {
        out.texts(&self.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        Ok(Self(from.texts()?))
    }
}

/// Finds out what is asked for.
pub(super) fn route(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let (path, content) = (call.inner.path.as_str(), &call.inner.content[..]);
    let model = call.state.config().model_name();
    match (call.inner.method, path) {
        (Method::Post, "/v1/chat/completions") => {
            requests::chat(call.state, content).map(|work| under(call, work))
        }
        (Method::Post, "/v1/completions") => {
            requests::completion(call.state, content).map(|work| under(call, work))
        }
        (Method::Get, "/v1/models") => Ok(models(call.state, model, true)),
        (Method::Get, one) => match one.strip_prefix("/v1/models/") {
            Some(name) if name == model => Ok(models(call.state, model, false)),
            Some(name) => Err(ApiError::model_not_found(name, model)),
            None => Err(ApiError::unknown_path()),
        },
        (Method::Post, _) => Err(ApiError::unknown_path()),
    }
}

/// The same work under the client's own salt.
fn under(call: &Call<'_>, (mut work, parameters): (Work, Parameters)) -> (Work, Parameters) {
    if let Work::Generate(generation) = &mut work {
        generation.request.salt = call.inner.salt.clone();
    }
    (work, parameters)
}

fn models(state: &State, model: &str, list: bool) -> (Work, Parameters) {
    let body = writer::models(model, state.statement().issued_at, list);
    (Work::Ready(body), Parameters::default())
}

/// The engine's reason as the receipt has it.
pub(super) const fn finish(reason: FinishReason) -> Finish {
    match reason {
        FinishReason::EndToken | FinishReason::StopString(_) => Finish::Stop,
        FinishReason::Length => Finish::Length,
    }
}

/// The engine's refusal as the client sees it, with the parameter that held the prompt. An engine that stopped
/// takes the node out of service.
fn engine_error(state: &State, error: &EngineError, prompt: &'static str) -> ApiError {
    match error {
        EngineError::Overloaded { .. } | EngineError::ShareFull { .. } => ApiError::overloaded(),
        EngineError::Stopped => {
            state.engine_stopped();
            tracing::error!("the engine has stopped");
            ApiError::internal()
        }
        EngineError::Parameter { parameter, .. } => {
            ApiError::invalid(error.to_string(), Some(parameter), "invalid_value")
        }
        EngineError::EmptyPrompt => {
            ApiError::invalid(error.to_string(), Some(prompt), "empty_prompt")
        }
        EngineError::ContextLength { .. } => {
            ApiError::invalid(error.to_string(), Some(prompt), "context_length_exceeded")
        }
        // The template's own words may quote the messages; they go to whoever wrote those.
        EngineError::Template(TemplateError::Refused { message }) => {
            let message = format!("the chat template refused the messages: {}", message.expose());
            ApiError::invalid(message, Some("messages"), "template")
        }
        EngineError::Template(_) => {
            ApiError::invalid(error.to_string(), Some("messages"), "template")
        }
        _ => {
            tracing::error!("the engine failed");
            ApiError::internal()
        }
    }
}
