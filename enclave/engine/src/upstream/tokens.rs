//! Tokens of texts and conversations, as the engine itself cuts them.

use sealroom_request::PrivateText;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Upstream;
use super::body::{self, Message, Offered};
use super::error::UpstreamError;
use super::kind::Kind;
use super::transport::{Content, ask};
use super::wiped::Wiped;
use crate::engine::{Input, SpecialTokens};

#[derive(Serialize)]
#[serde(untagged)]
enum Asked<'a> {
    VllmText {
        model: &'a str,
        prompt: &'a str,
        add_special_tokens: bool,
    },
    VllmChat {
        model: &'a str,
        messages: Vec<Message<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tools: Vec<Offered<'a>>,
        add_generation_prompt: bool,
    },
    LlamaText {
        content: &'a str,
        add_special: bool,
        parse_special: bool,
    },
    LlamaChat {
        messages: Vec<Message<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tools: Vec<Offered<'a>>,
    },
}

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<u32>,
}

#[derive(Deserialize)]
struct Rendered {
    prompt: PrivateText,
}

const NONE: UpstreamError = UpstreamError::Unsupported { feature: "tokenizer for it" };

/// Tokens of a text, none added.
pub(super) async fn tokenize(
    upstream: &Upstream,
    text: &str,
    special: SpecialTokens,
) -> Result<Zeroizing<Vec<u32>>, UpstreamError> {
    match (upstream.kind, special) {
        (Kind::Vllm, SpecialTokens::Parse) => vllm(upstream, text, false).await,
        (Kind::LlamaServer, SpecialTokens::Parse) => llama(upstream, text, false, true).await,
        (Kind::LlamaServer, SpecialTokens::AsText) => llama(upstream, text, false, false).await,
        (Kind::Vllm, SpecialTokens::AsText) => Err(NONE),
        (Kind::Sglang | Kind::LlamaCppPython, SpecialTokens::Parse | SpecialTokens::AsText) => {
            Err(NONE)
        }
    }
}

/// Tokens of a prompt as a request would have them.
pub(super) async fn read(
    upstream: &Upstream,
    input: &Input,
) -> Result<Zeroizing<Vec<u32>>, UpstreamError> {
    match (upstream.kind, input) {
        (_, Input::Tokens(tokens)) => Ok(tokens.clone()),
        (Kind::Sglang | Kind::LlamaCppPython, Input::Text(_) | Input::Chat { .. }) => Err(NONE),
        (Kind::Vllm, Input::Text(text)) => vllm(upstream, text.expose(), true).await,
        (Kind::Vllm, Input::Chat { messages, tools }) => {
            let (model, messages) = (upstream.card.name.as_str(), body::messages(messages));
            let tools = body::offered(tools)?;
            let asked = Asked::VllmChat { model, messages, tools, add_generation_prompt: true };
            tokens(upstream, &asked).await
        }
        (Kind::LlamaServer, Input::Text(text)) => llama(upstream, text.expose(), true, true).await,
        (Kind::LlamaServer, Input::Chat { messages, tools }) => {
            let (messages, tools) = (body::messages(messages), body::offered(tools)?);
            let asked = Asked::LlamaChat { messages, tools };
            let rendered = post(upstream, "/apply-template", &asked).await?;
            let Rendered { prompt } = decode(&rendered)?;
            llama(upstream, prompt.expose(), true, true).await
        }
    }
}

async fn vllm(
    upstream: &Upstream,
    prompt: &str,
    add_special_tokens: bool,
) -> Result<Zeroizing<Vec<u32>>, UpstreamError> {
    let model = &upstream.card.name;
    tokens(upstream, &Asked::VllmText { model, prompt, add_special_tokens }).await
}

async fn llama(
    upstream: &Upstream,
    content: &str,
    add_special: bool,
    parse_special: bool,
) -> Result<Zeroizing<Vec<u32>>, UpstreamError> {
    tokens(upstream, &Asked::LlamaText { content, add_special, parse_special }).await
}

async fn tokens(
    upstream: &Upstream,
    asked: &Asked<'_>,
) -> Result<Zeroizing<Vec<u32>>, UpstreamError> {
    let answer = post(upstream, "/tokenize", asked).await?;
    decode::<Tokens>(&answer).map(|answer| Zeroizing::new(answer.tokens))
}

async fn post(upstream: &Upstream, path: &str, asked: &Asked<'_>) -> Result<Wiped, UpstreamError> {
    let mut body = Wiped::default();
    serde_json::to_writer(&mut body, asked).map_err(|_| UpstreamError::Malformed)?;
    let limit = upstream.deadlines.silence;
    ask(&upstream.peer, path, Some(body), Some(Content::Json), limit).await
}

fn decode<'a, T: Deserialize<'a>>(answer: &'a Wiped) -> Result<T, UpstreamError> {
    serde_json::from_slice(answer.bytes()).map_err(|_| UpstreamError::Malformed)
}
