//! Requests as each kind of engine has them, written into bytes that wipe themselves.
//!
//! Every parameter is written out: what an engine takes by default where nothing is said differs from kind to kind, and comes
//! with the model at times.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealroom_request::{ChatMessage, Tool, ToolChoice};
use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::error::UpstreamError;
use super::kind::Kind;
use super::wiped::Wiped;
use crate::engine::{Form, GenerationRequest, Input};
use crate::private::CacheSalt;

/// A request as an engine takes it.
pub(super) struct Asked {
    pub(super) path: &'static str,
    pub(super) body: Wiped,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Message<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Prompt<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    max_tokens: Option<usize>,
    temperature: f32,
    top_p: f32,
    top_k: i64,
    min_p: f32,
    frequency_penalty: f32,
    presence_penalty: f32,
    seed: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: &'a BTreeMap<u32, f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignore_eos: bool,
    #[serde(flatten)]
    weighed: Probabilities,
    #[serde(flatten)]
    own: Own<'a>,
    #[serde(flatten)]
    form: FormOf<'a>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
    /// The prompt is counted at the beginning where an engine can do that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    continuous_usage_stats: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Prompt<'a> {
    Text(&'a str),
    Tokens(&'a [u32]),
}

/// A message of a conversation.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Calling<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Calling<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Log-probabilities are always asked for: the fingerprint of an answer is made of them.
#[derive(Serialize)]
#[serde(untagged)]
enum Probabilities {
    Chat {
        logprobs: bool,
        top_logprobs: usize,
    },
    Completion {
        logprobs: usize,
    },
    /// `llama-server` refuses its OpenAI names beside tools, and gives the same under this one.
    Llama {
        n_probs: usize,
    },
}

/// What one kind alone has.
#[derive(Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Vllm {
        repetition_penalty: f32,
        return_token_ids: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        return_tokens_as_token_ids: bool,
        cache_salt: &'a str,
    },
    Sglang {
        repetition_penalty: f32,
        cache_salt: &'a str,
    },
    LlamaServer {
        repeat_penalty: f32,
        /// A prefix of one client must not answer another one faster.
        cache_prompt: bool,
        reasoning_format: &'static str,
    },
    LlamaCppPython {
        repeat_penalty: f32,
    },
}

#[derive(Default, Serialize)]
struct FormOf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<NamedSchema<'a>>,
    /// Where `llama-cpp-python` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct NamedSchema<'a> {
    name: &'static str,
    strict: bool,
    schema: &'a RawValue,
}

/// A tool that may be called.
#[derive(Serialize)]
pub(super) struct Offered<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Function { r#type: &'static str, function: Named<'a> },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

/// Writes a request. `alone` is a salt that no other request has, for one whose client has none; `max_tokens` stands for the
/// request's own.
///
/// # Errors
/// [`UpstreamError::Unsupported`] where the kind has no such request.
pub(super) fn write(
    kind: Kind,
    model: &str,
    request: &GenerationRequest,
    max_tokens: Option<usize>,
    alone: u64,
) -> Result<Asked, UpstreamError> {
    let lacks = |feature| Err(UpstreamError::Unsupported { feature });
    let (messages, prompt) = match &request.input {
        Input::Chat { messages, .. } => (Some(self::messages(messages)), None),
        Input::Text(text) => (None, Some(Prompt::Text(text.expose()))),
        Input::Tokens(_) if kind == Kind::LlamaCppPython => return lacks("prompts of tokens"),
        Input::Tokens(tokens) => (None, Some(Prompt::Tokens(tokens))),
    };
    let is_chat = messages.is_some();
    let form = form(kind, &request.form)?;
    if !is_chat && !matches!(request.form, Form::Text) {
        return lacks("forms of plain texts");
    }
    if request.ignore_end && kind == Kind::LlamaCppPython {
        return lacks("answers without an end");
    }
    let sampling = &request.sampling;
    let salt = cache_salt(request.salt.as_ref(), alone);
    let body = Body {
        model,
        messages,
        prompt,
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
            continuous_usage_stats: !kind.is_llama(),
        },
        max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: top_k(kind, sampling.top_k),
        min_p: sampling.min_p,
        frequency_penalty: sampling.frequency_penalty,
        presence_penalty: sampling.presence_penalty,
        seed: seed(kind, sampling.seed),
        logit_bias: &sampling.logit_bias,
        stop: request.stop.iter().map(|stop| stop.expose()).collect(),
        ignore_eos: request.ignore_end,
        weighed: probabilities(kind, is_chat, request.top_logprobs),
        own: own(kind, is_chat, request, &salt),
        form,
    };
    let mut out = Wiped::default();
    serde_json::to_writer(&mut out, &body).map_err(|_| UpstreamError::Malformed)?;
    let path = if is_chat { "/v1/chat/completions" } else { "/v1/completions" };
    Ok(Asked { path, body: out })
}

/// A conversation.
pub(super) fn messages(messages: &[ChatMessage]) -> Vec<Message<'_>> {
    messages.iter().map(message).collect()
}

fn message(message: &ChatMessage) -> Message<'_> {
    let calls = message.tool_calls.iter().map(|call| Calling {
        id: call.id.expose(),
        r#type: "function",
        function: Called { name: call.name.expose(), arguments: call.arguments.expose() },
    });
    let only_calls = message.content.is_empty() && !message.tool_calls.is_empty();
    Message {
        role: message.role.name(),
        content: (!only_calls).then(|| message.content.expose()),
        tool_calls: calls.collect(),
        tool_call_id: message.tool_call_id.as_ref().map(|id| id.expose()),
    }
}

/// All tokens are 0 for llama.cpp and -1 for the others.
fn top_k(kind: Kind, top_k: usize) -> i64 {
    match (top_k, kind.is_llama()) {
        (0, false) => -1,
        (count, _) => i64::try_from(count).unwrap_or(i64::MAX).min(i64::from(i32::MAX)),
    }
}

/// llama.cpp has seeds of 32 bits, of which the greatest means none; the others have 63.
fn seed(kind: Kind, seed: u64) -> u64 {
    if kind.is_llama() { (seed ^ (seed >> 32)) & 0x7fff_ffff } else { seed & (u64::MAX >> 1) }
}

fn probabilities(kind: Kind, is_chat: bool, top: usize) -> Probabilities {
    match kind {
        // Without an alternative llama.cpp tells nothing of the token itself.
        Kind::LlamaServer => Probabilities::Llama { n_probs: top.max(1) },
        Kind::Vllm | Kind::Sglang | Kind::LlamaCppPython if is_chat => {
            Probabilities::Chat { logprobs: true, top_logprobs: top }
        }
        Kind::Vllm | Kind::Sglang | Kind::LlamaCppPython => {
            Probabilities::Completion { logprobs: top }
        }
    }
}

fn own<'a>(kind: Kind, is_chat: bool, request: &GenerationRequest, cache_salt: &'a str) -> Own<'a> {
    match kind {
        Kind::Vllm => Own::Vllm {
            repetition_penalty: 1.0,
            return_token_ids: true,
            // Older versions tell ids in no other way; alternatives would lose their texts by it.
            return_tokens_as_token_ids: is_chat && request.top_logprobs == 0,
            cache_salt,
        },
        Kind::Sglang => Own::Sglang { repetition_penalty: 1.0, cache_salt },
        Kind::LlamaServer => {
            Own::LlamaServer { repeat_penalty: 1.0, cache_prompt: false, reasoning_format: "none" }
        }
        Kind::LlamaCppPython => Own::LlamaCppPython { repeat_penalty: 1.0 },
    }
}

/// Prefixes are used again under the same salt alone. A client without one shares with nobody, itself included.
fn cache_salt(salt: Option<&CacheSalt>, alone: u64) -> Zeroizing<String> {
    let Some(salt) = salt else { return Zeroizing::new(format!("alone-{alone}")) };
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in salt.expose() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn form(kind: Kind, form: &Form) -> Result<FormOf<'_>, UpstreamError> {
    match form {
        Form::Text => Ok(FormOf::default()),
        Form::Object => {
            let format = Format { r#type: "json_object", json_schema: None, schema: None };
            Ok(FormOf { response_format: Some(format), ..FormOf::default() })
        }
        Form::Schema(schema) => {
            let schema = raw(schema.expose())?;
            let named = NamedSchema { name: "answer", strict: true, schema };
            let format = if kind == Kind::LlamaCppPython {
                Format { r#type: "json_object", json_schema: None, schema: Some(schema) }
            } else {
                Format { r#type: "json_schema", json_schema: Some(named), schema: None }
            };
            Ok(FormOf { response_format: Some(format), ..FormOf::default() })
        }
        Form::Calls { tools, choice, parallel } => Ok(FormOf {
            response_format: None,
            tools: offered(tools)?,
            tool_choice: Some(match choice {
                ToolChoice::None => Choice::Word("none"),
                ToolChoice::Auto => Choice::Word("auto"),
                ToolChoice::Required => Choice::Word("required"),
                ToolChoice::Function(name) => {
                    Choice::Function { r#type: "function", function: Named { name } }
                }
            }),
            parallel_tool_calls: Some(*parallel),
        }),
    }
}

/// What may be called.
pub(super) fn offered(tools: &[Tool]) -> Result<Vec<Offered<'_>>, UpstreamError> {
    let offered = tools.iter().map(|tool| {
        Ok(Offered {
            r#type: "function",
            function: Function {
                name: &tool.name,
                description: tool.description.as_ref().map(|text| text.expose()),
                parameters: raw(tool.parameters.expose())?,
            },
        })
    });
    offered.collect()
}

/// A schema as it was written.
fn raw(schema: &str) -> Result<&RawValue, UpstreamError> {
    serde_json::from_str(schema).map_err(|_| UpstreamError::Unsupported { feature: "such schemas" })
}

#[cfg(test)]
mod tests;
