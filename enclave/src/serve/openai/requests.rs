//! Chat and text completions: from JSON to a request for the engine.

use sealroom_engine::{ChatMessage, Input, PrivateText};
use serde_json::value::RawValue;

use super::fields::{Fields, Text};
use super::{ApiError, Generation, Parameters, Shape, Work, sampling};
use crate::node::State;

/// Messages in one request.
const MOST_MESSAGES: usize = 4096;
/// Parameters that change no answer. They name the user to the server's owner, who is not told.
const IGNORED: [&str; 6] = [
    "user",
    "metadata",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];
/// What completions generate when nothing is said, as OpenAI's do.
const COMPLETION_TOKENS: usize = 16;

/// `POST /v1/chat/completions`.
pub(super) fn chat(state: &State, content: &[u8]) -> Result<(Work, Parameters), ApiError> {
    let mut fields = Fields::decode(content, String::new())?;
    model(state, &mut fields)?;
    let input = Input::Chat(messages(&mut fields)?);
    let max_tokens = match fields.take("max_completion_tokens", "a positive integer")? {
        Some(tokens) => {
            fields.take_raw("max_tokens");
            Some(tokens)
        }
        None => fields.take("max_tokens", "a positive integer")?,
    };
    fields.only("logprobs", &["false"])?;
    fields.only("top_logprobs", &["0"])?;
    fields.only("tools", &["[]"])?;
    fields.only("tool_choice", &["\"none\"", "\"auto\""])?;
    fields.only("parallel_tool_calls", &["true", "false"])?;
    fields.only("response_format", &[r#"{"type":"text"}"#])?;
    fields.only("modalities", &[r#"["text"]"#])?;
    generation(state, fields, input, max_tokens, Shape::Chat)
}

/// `POST /v1/completions`.
pub(super) fn completion(state: &State, content: &[u8]) -> Result<(Work, Parameters), ApiError> {
    let mut fields = Fields::decode(content, String::new())?;
    model(state, &mut fields)?;
    let input = Input::Text(prompt(&mut fields)?);
    let max_tokens = fields.take("max_tokens", "a positive integer")?.unwrap_or(COMPLETION_TOKENS);
    fields.only("best_of", &["1"])?;
    fields.only("echo", &["false"])?;
    fields.only("suffix", &["\"\""])?;
    fields.only("logprobs", &["0"])?;
    generation(state, fields, input, Some(max_tokens), Shape::Completion)
}

fn generation(
    state: &State,
    mut fields: Fields<'_>,
    input: Input,
    max_tokens: Option<usize>,
    shape: Shape,
) -> Result<(Work, Parameters), ApiError> {
    fields.only("n", &["1"])?;
    fields.only("service_tier", &["\"auto\"", "\"default\""])?;
    let (request, parameters) = sampling::take(state, &mut fields, input, max_tokens)?;
    let stream = fields.take("stream", "true or false")?.unwrap_or(false);
    let include_usage = include_usage(&mut fields, stream)?;
    for name in IGNORED {
        fields.take_raw(name);
    }
    fields.finish()?;
    let generation = Generation { request, shape, stream, include_usage };
    Ok((Work::Generate(Box::new(generation)), parameters))
}

fn model(state: &State, fields: &mut Fields<'_>) -> Result<(), ApiError> {
    let asked: Text = fields.require("model", "a string")?;
    let known = state.config().model_name();
    if asked.0.expose() == known {
        return Ok(());
    }
    Err(ApiError::model_not_found(asked.0.expose(), known))
}

fn include_usage(fields: &mut Fields<'_>, stream: bool) -> Result<bool, ApiError> {
    let Some(raw) = fields.take_raw("stream_options") else { return Ok(false) };
    if !stream {
        let message = "parameter stream_options needs stream to be true".to_owned();
        return Err(ApiError::invalid(message, Some("stream_options"), "invalid_value"));
    }
    let mut options = Fields::decode(raw.get().as_bytes(), "stream_options.".to_owned())?;
    let include = options.take("include_usage", "true or false")?.unwrap_or(false);
    // Every event is padded anyway: there is nothing to obfuscate.
    options.take_raw("include_obfuscation");
    options.finish()?;
    Ok(include)
}

fn messages(fields: &mut Fields<'_>) -> Result<Vec<ChatMessage>, ApiError> {
    const EXPECTED: &str = "a list of messages";
    let Some(raw) = fields.take_raw("messages") else {
        let message = "parameter messages is required".to_owned();
        return Err(ApiError::invalid(message, Some("messages"), "missing_required_parameter"));
    };
    let list: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| fields.wrong("messages", EXPECTED))?;
    if list.len() > MOST_MESSAGES {
        return Err(fields.wrong("messages", "a list of at most 4,096 messages"));
    }
    list.into_iter().enumerate().map(|(index, raw)| message(index, raw)).collect()
}

fn message(index: usize, raw: &RawValue) -> Result<ChatMessage, ApiError> {
    let mut fields = Fields::decode(raw.get().as_bytes(), format!("messages[{index}]."))?;
    let role: String = fields.require("role", "a string")?;
    let role = match role.as_str() {
        // The newer name for the same turn.
        "developer" => "system".to_owned(),
        "system" | "user" | "assistant" => role,
        _ => return Err(fields.wrong("role", "system, developer, user or assistant")),
    };
    let content = match fields.take_raw("content") {
        Some(raw) => text(raw).ok_or_else(|| fields.wrong("content", "text or parts of text"))?,
        None => return Err(fields.wrong("content", "text or parts of text")),
    };
    fields.take_raw("name");
    // What an assistant's turn brings along when a client sends it back.
    fields.only("tool_calls", &["[]"])?;
    fields.only("annotations", &["[]"])?;
    fields.finish()?;
    Ok(ChatMessage { role, content })
}

/// A string, or a list of parts of which each is text.
fn text(raw: &RawValue) -> Option<PrivateText> {
    if raw.get().starts_with('"') {
        return serde_json::from_str::<Text>(raw.get()).ok().map(|text| text.0);
    }
    let parts: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut joined = String::with_capacity(raw.get().len());
    for part in parts {
        let mut fields = Fields::decode(part.get().as_bytes(), String::new()).ok()?;
        let kind: String = fields.require("type", "a string").ok()?;
        let text: Text = fields.require("text", "a string").ok()?;
        if kind != "text" || fields.finish().is_err() {
            return None;
        }
        joined.push_str(text.0.expose());
    }
    Some(PrivateText::new(joined))
}

/// A string, or a list of exactly one.
fn prompt(fields: &mut Fields<'_>) -> Result<PrivateText, ApiError> {
    const EXPECTED: &str = "a string, or a list of one string";
    let Some(raw) = fields.take_raw("prompt") else {
        let message = "parameter prompt is required".to_owned();
        return Err(ApiError::invalid(message, Some("prompt"), "missing_required_parameter"));
    };
    if raw.get().starts_with('"') {
        let text = serde_json::from_str::<Text>(raw.get());
        return text.map(|text| text.0).map_err(|_| fields.wrong("prompt", EXPECTED));
    }
    match serde_json::from_str::<Vec<Text>>(raw.get()) {
        Ok(mut texts) if texts.len() == 1 => {
            texts.pop().map(|text| text.0).ok_or_else(|| fields.wrong("prompt", EXPECTED))
        }
        _ => Err(fields.wrong("prompt", EXPECTED)),
    }
}
