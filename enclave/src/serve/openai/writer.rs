//! Answers and events in OpenAI's shapes, written straight into buffers that wipe themselves.

use std::io;

use sealroom_attestation::UnixTime;
use sealroom_attestation::receipt::Usage as Counted;
use sealroom_attestation::seal::Plaintext;
use sealroom_engine::{EngineError, FinishReason};
use serde::Serialize;

use super::ApiError;
use crate::node::State;
use crate::weights::hex;

/// The event after the last one.
pub(in crate::serve) const DONE: &[u8] = b"data: [DONE]\n\n";

/// Which of the two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Shape {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completion,
}

/// Writes everything that one answer says.
pub(in crate::serve) struct Writer {
    shape: Shape,
    id: String,
    created: u64,
    model: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    #[serde(flatten)]
    content: Content<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    Message(Message<'a>),
    Delta(Delta<'a>),
    Text(&'a str),
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    refusal: (),
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: Details,
}

#[derive(Serialize)]
struct Details {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct Models<'a> {
    object: &'static str,
    data: [Model<'a>; 1],
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl Shape {
    /// The writer of one answer. Its id is the request's, which the client chose.
    pub(in crate::serve) fn writer(self, id: [u8; 16], now: UnixTime, model: &str) -> Writer {
        let prefix = match self {
            Self::Chat => "chatcmpl",
            Self::Completion => "cmpl",
        };
        let id = format!("{prefix}-{}", hex(&id));
        Writer { shape: self, id, created: now.0, model: model.to_owned() }
    }
}

impl Writer {
    /// The engine's refusal, which names the parameter that this interface calls the prompt.
    pub(in crate::serve) fn engine_error(&self, state: &State, error: &EngineError) -> ApiError {
        let prompt = match self.shape {
            Shape::Chat => "messages",
            Shape::Completion => "prompt",
        };
        super::engine_error(state, error, prompt)
    }

    /// The first event of a chat: who speaks.
    pub(in crate::serve) fn role(&self, include_usage: bool) -> Option<Plaintext> {
        let delta = Delta { role: Some("assistant"), content: Some("") };
        match self.shape {
            Shape::Chat => Some(self.chunk(Content::Delta(delta), None, include_usage)),
            Shape::Completion => None,
        }
    }

    /// More text. The bytes are whole characters: the engine holds back what is not.
    pub(in crate::serve) fn text(&self, text: &[u8], include_usage: bool) -> Plaintext {
        let text = str::from_utf8(text).unwrap_or_default();
        let content = match self.shape {
            Shape::Chat => Content::Delta(Delta { role: None, content: Some(text) }),
            Shape::Completion => Content::Text(text),
        };
        self.chunk(content, None, include_usage)
    }

    /// Why it ended.
    pub(in crate::serve) fn finish(&self, reason: FinishReason, include_usage: bool) -> Plaintext {
        let content = match self.shape {
            Shape::Chat => Content::Delta(Delta::default()),
            Shape::Completion => Content::Text(""),
        };
        self.chunk(content, Some(named(reason)), include_usage)
    }

    /// What it used.
    pub(in crate::serve) fn usage(&self, counted: Counted) -> Plaintext {
        event(&self.envelope(self.chunk_object(), &[], Some(Some(counted.into()))))
    }

    /// The whole answer as one.
    pub(in crate::serve) fn whole(
        &self,
        text: &[u8],
        reason: FinishReason,
        counted: Counted,
    ) -> Plaintext {
        let text = str::from_utf8(text).unwrap_or_default();
        let (object, content) = match self.shape {
            Shape::Chat => {
                let message = Message { role: "assistant", content: text, refusal: () };
                ("chat.completion", Content::Message(message))
            }
            Shape::Completion => ("text_completion", Content::Text(text)),
        };
        let choices = [choice(content, Some(named(reason)))];
        let mut out = Plaintext::new();
        json(&self.envelope(object, &choices, Some(Some(counted.into()))), &mut out);
        out
    }

    /// With `include_usage` every event names usage, and all but the last say `null`.
    fn chunk(
        &self,
        content: Content<'_>,
        finish_reason: Option<&'static str>,
        include_usage: bool,
    ) -> Plaintext {
        let choices = [choice(content, finish_reason)];
        event(&self.envelope(self.chunk_object(), &choices, include_usage.then_some(None)))
    }

    const fn chunk_object(&self) -> &'static str {
        match self.shape {
            Shape::Chat => "chat.completion.chunk",
            Shape::Completion => "text_completion",
        }
    }

    fn envelope<'a>(
        &'a self,
        object: &'static str,
        choices: &'a [Choice<'a>],
        usage: Option<Option<Usage>>,
    ) -> Envelope<'a> {
        Envelope { id: &self.id, object, created: self.created, model: &self.model, choices, usage }
    }
}

impl From<Counted> for Usage {
    fn from(counted: Counted) -> Self {
        Self {
            prompt_tokens: counted.prompt,
            completion_tokens: counted.completion,
            total_tokens: counted.prompt.saturating_add(counted.completion),
            prompt_tokens_details: Details { cached_tokens: counted.cached },
        }
    }
}

const fn choice<'a>(content: Content<'a>, finish_reason: Option<&'static str>) -> Choice<'a> {
    Choice { index: 0, content, logprobs: (), finish_reason }
}

const fn named(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::EndToken | FinishReason::StopString(_) => "stop",
        FinishReason::Length => "length",
    }
}

/// The list of models, or the one model itself.
pub(super) fn models(name: &str, created: UnixTime, list: bool) -> Plaintext {
    let model = Model { id: name, object: "model", created: created.0, owned_by: "sealroom" };
    let mut out = Plaintext::new();
    if list {
        json(&Models { object: "list", data: [model] }, &mut out);
    } else {
        json(&model, &mut out);
    }
    out
}

/// One server-sent event. JSON escapes line feeds, so it is one line.
pub(super) fn event(value: &impl Serialize) -> Plaintext {
    let mut out = Plaintext::from(b"data: ".as_slice());
    json(value, &mut out);
    out.extend_from_slice(b"\n\n");
    out
}

/// Appends a value as JSON.
pub(super) fn json(value: &impl Serialize, out: &mut Plaintext) {
    struct Append<'a>(&'a mut Plaintext);
    impl io::Write for Append<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Append(out), value).expect("these shapes have only string keys");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(shape: Shape) -> Writer {
        shape.writer([1; 16], UnixTime(7), "tiny")
    }

    fn text(bytes: &[u8]) -> &str {
        str::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn chat_events_have_openai_shape() {
        let id = "01".repeat(16);
        assert_eq!(
            text(&writer(Shape::Chat).text(b"a\n\"b", false)),
            format!(
                r#"data: {{"id":"chatcmpl-{id}","object":"chat.completion.chunk","created":7,"model":"tiny","choices":[{{"index":0,"delta":{{"content":"a\n\"b"}},"logprobs":null,"finish_reason":null}}]}}"#
            ) + "\n\n"
        );
        let last = writer(Shape::Chat).finish(FinishReason::Length, true);
        let end = r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}"#;
        assert!(text(&last).trim_end().ends_with(end), "{}", text(&last));
    }

    #[test]
    fn a_whole_completion_has_openai_shape() {
        let usage = Counted { prompt: 3, completion: 2, cached: 1 };
        let whole = writer(Shape::Completion).whole(b"hi", FinishReason::EndToken, usage);
        let end = r#""choices":[{"index":0,"text":"hi","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}"#;
        assert!(text(&whole).ends_with(end), "{}", text(&whole));
    }
}
