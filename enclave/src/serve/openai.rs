//! The OpenAI interface inside the seal.
//!
//! Prompts and replies live in buffers that wipe themselves and are never formatted into an error or a log.

use sealroom_attestation::receipt::Finish;
use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::Method;
use sealroom_engine::{
    EngineError, FinishReason, GenerationRequest, Input, TemplateError, UpstreamError,
};
use sealroom_request::{About, Encoding};

use super::ohttp::Inner;
use crate::node::State;

mod error;
mod feed;
mod logprobs;
mod parameters;
mod requests;
mod said;
mod vectors;
mod writer;

pub(super) use error::ApiError;
pub(super) use feed::{Feed, feed};
pub(super) use parameters::Parameters;
pub(super) use said::Said;
pub(super) use vectors::Vectors;
pub(super) use writer::{DONE, Shape, Writer, tokens};

/// A request inside the seal and the node it came to.
pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) inner: &'a Inner,
}

/// What a request asks for.
pub(super) enum Work {
    /// An answer that needs no engine.
    Ready(Plaintext),
    /// The tokens of a text.
    Tokenize(Box<Input>),
    /// Vectors of texts.
    Embed(Vec<Input>, Encoding),
    /// Generated answers.
    Generate(Box<Generation>),
}

/// Requests for the engine, one for each answer, and how the answers are to look.
pub(super) struct Generation {
    pub(super) requests: Vec<GenerationRequest>,
    /// Answers for each prompt.
    pub(super) choices: usize,
    pub(super) shape: Shape,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) logprobs: bool,
}

/// Finds out what is asked for.
pub(super) fn route(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let path = call.inner.path.as_str();
    let model = call.state.config().model_name();
    match (call.inner.method, path) {
        (Method::Post, "/v1/chat/completions") => requests::chat(call),
        (Method::Post, "/v1/completions") => requests::completion(call),
        (Method::Post, "/v1/embeddings") => requests::embeddings(call),
        (Method::Post, "/tokenize") => requests::tokenize(call),
        (Method::Get, "/v1/models") => Ok(models(call.state, model, true)),
        (Method::Get, "/openapi.json") => Ok(document(call.state, model)),
        (Method::Get, one) => match one.strip_prefix("/v1/models/") {
            Some(name) if name == model => Ok(models(call.state, model, false)),
            Some(name) => Err(ApiError::model_not_found(name, model)),
            None => Err(ApiError::unknown_path()),
        },
        (Method::Post, _) => Err(ApiError::unknown_path()),
    }
}

fn models(state: &State, model: &str, list: bool) -> (Work, Parameters) {
    let body = writer::models(model, state.statement().issued_at, list);
    (Work::Ready(body), Parameters::default())
}

fn document(state: &State, model: &str) -> (Work, Parameters) {
    let vocabulary = state.engine().card().vocab_size;
    let embeds = state.engine().card().embeds;
    let body = sealroom_request::document(About { model, vocabulary, embeds });
    (Work::Ready(Plaintext::from(body.as_bytes())), Parameters::default())
}

/// The engine's reason as the receipt has it.
pub(super) const fn finish(reason: FinishReason) -> Finish {
    match reason {
        FinishReason::EndToken | FinishReason::StopString(_) | FinishReason::Complete => {
            Finish::Stop
        }
        FinishReason::Length => Finish::Length,
        FinishReason::Calls => Finish::Tool,
    }
}

/// The engine's refusal as the client sees it, with the parameter that held the prompt. An engine that stopped
/// takes the node out of service.
pub(super) fn engine_error(state: &State, error: &EngineError, prompt: &'static str) -> ApiError {
    match error {
        EngineError::Overloaded { .. } | EngineError::ShareFull { .. } => ApiError::overloaded(),
        EngineError::Stopped => {
            state.engine_stopped();
            tracing::error!("the engine has stopped");
            ApiError::internal()
        }
        EngineError::Parameter(wrong) => {
            ApiError::invalid(wrong.to_string(), Some(wrong.parameter), "invalid_value")
        }
        // The reason quotes the schema; it goes to whoever wrote that.
        EngineError::Schema { tool, reason } => {
            let param = tool.map_or_else(
                || "response_format.json_schema.schema".to_owned(),
                |index| format!("tools[{index}].function.parameters"),
            );
            let message = format!("{error}: {}", reason.expose());
            ApiError::invalid(message, Some(&param), "invalid_schema")
        }
        EngineError::Form => {
            ApiError::invalid(error.to_string(), Some("response_format"), "form_too_complex")
        }
        EngineError::NoEmbeddings => {
            ApiError::invalid(error.to_string(), Some("model"), "no_embeddings")
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
        EngineError::Upstream { reason: UpstreamError::Unsupported { .. } } => {
            ApiError::invalid(error.to_string(), Some(prompt), "unsupported_by_engine")
        }
        EngineError::Upstream { reason } => {
            tracing::warn!(reason = %reason, "the engine beside the node failed");
            ApiError::internal()
        }
        _ => {
            tracing::error!("the engine failed");
            ApiError::internal()
        }
    }
}
