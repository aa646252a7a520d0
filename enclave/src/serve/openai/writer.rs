//! Answers and events in OpenAI's shapes, written straight into buffers that wipe themselves.

use std::io;

use sealroom_attestation::UnixTime;
use sealroom_attestation::receipt::Usage as Counted;
use sealroom_attestation::seal::Plaintext;
use sealroom_engine::{EngineError, FinishReason};
use serde::Serialize;

use super::logprobs::Logprobs;
use super::{ApiError, Said};
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
    /// The request's own name, which the client chose.
    name: [u8; 16],
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
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
    index: usize,
    #[serde(flatten)]
    content: Content<'a>,
    logprobs: Option<Logprobs<'a>>,
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
    content: Option<&'a str>,
    refusal: (),
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    /// In streams, where the parts of a call are joined by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
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
    /// The writer of one request's answers.
    pub(in crate::serve) fn writer(
        self,
        name: [u8; 16],
        now: UnixTime,
        model: &str,
        logprobs: bool,
    ) -> Writer {
        let prefix = match self {
            Self::Chat => "chatcmpl",
            Self::Completion => "cmpl",
        };
        let (id, model) = (format!("{prefix}-{}", hex(&name)), model.to_owned());
        Writer { shape: self, name, id, created: now.0, model, logprobs }
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

    /// The first event of an answer in a chat: who speaks.
    pub(in crate::serve) fn role(&self, index: usize, include_usage: bool) -> Option<Plaintext> {
        let delta = Delta { role: Some("assistant"), content: Some(""), tool_calls: Vec::new() };
        match self.shape {
            Shape::Chat => {
                let choice = self.choice(index, Content::Delta(delta));
                Some(self.chunk(choice, include_usage))
            }
            Shape::Completion => None,
        }
    }

    /// More of an answer, in as many events as it takes: each fits the largest chunk.
    pub(in crate::serve) fn more(
        &self,
        index: usize,
        said: &Said,
        include_usage: bool,
    ) -> Vec<Plaintext> {
        let mut choices = Vec::new();
        for (number, text) in pieces(text(said)).enumerate() {
            let content = match self.shape {
                Shape::Chat => Content::Delta(Delta { content: Some(text), ..Delta::default() }),
                Shape::Completion => Content::Text(text),
            };
            let logprobs = if number == 0 { self.logprobs(said) } else { None };
            choices.push(Choice { logprobs, ..self.choice(index, content) });
        }
        for (call, number) in said.calls.iter().zip(said.calls_before..) {
            for (part, arguments) in pieces(call.arguments.expose()).enumerate() {
                // The first part names the call; the others are joined to it by its number.
                let names = part == 0;
                let call = ToolCall {
                    index: Some(number),
                    id: names.then(|| self.call_id(index, number)),
                    r#type: names.then_some("function"),
                    function: Function { name: names.then_some(&call.name), arguments },
                };
                let delta = Delta { tool_calls: vec![call], ..Delta::default() };
                choices.push(self.choice(index, Content::Delta(delta)));
            }
        }
        choices.into_iter().map(|choice| self.chunk(choice, include_usage)).collect()
    }

    /// Why an answer ended.
    pub(in crate::serve) fn finish(
        &self,
        index: usize,
        reason: FinishReason,
        include_usage: bool,
    ) -> Plaintext {
        let content = match self.shape {
            Shape::Chat => Content::Delta(Delta::default()),
            Shape::Completion => Content::Text(""),
        };
        let choice = Choice { finish_reason: Some(named(reason)), ..self.choice(index, content) };
        self.chunk(choice, include_usage)
    }

    /// What all answers used.
    pub(in crate::serve) fn usage(&self, counted: Counted) -> Plaintext {
        event(&self.envelope(self.chunk_object(), &[], Some(Some(counted.into()))))
    }

    /// All answers as one.
    pub(in crate::serve) fn whole(
        &self,
        answers: &[(Said, FinishReason)],
        counted: Counted,
    ) -> Plaintext {
        let choices = answers.iter().enumerate().map(|(index, (said, reason))| {
            let text = text(said);
            let content = match self.shape {
                Shape::Chat => {
                    let tool_calls = self.calls(index, said);
                    let silent = text.is_empty() && !tool_calls.is_empty();
                    let content = (!silent).then_some(text);
                    Content::Message(Message {
                        role: "assistant",
                        content,
                        refusal: (),
                        tool_calls,
                    })
                }
                Shape::Completion => Content::Text(text),
            };
            Choice {
                logprobs: self.logprobs(said),
                finish_reason: Some(named(*reason)),
                ..self.choice(index, content)
            }
        });
        let choices: Vec<_> = choices.collect();
        let object = match self.shape {
            Shape::Chat => "chat.completion",
            Shape::Completion => "text_completion",
        };
        let mut out = Plaintext::new();
        json(&self.envelope(object, &choices, Some(Some(counted.into()))), &mut out);
        out
    }

    /// With `include_usage` every event names usage, and all but the last say `null`.
    fn chunk(&self, choice: Choice<'_>, include_usage: bool) -> Plaintext {
        event(&self.envelope(self.chunk_object(), &[choice], include_usage.then_some(None)))
    }

    fn choice<'a>(&self, index: usize, content: Content<'a>) -> Choice<'a> {
        Choice { index, content, logprobs: None, finish_reason: None }
    }

    fn calls<'a>(&self, choice: usize, said: &'a Said) -> Vec<ToolCall<'a>> {
        let numbered = said.calls.iter().zip(said.calls_before..);
        let calls = numbered.map(|(call, number)| ToolCall {
            index: None,
            id: Some(self.call_id(choice, number)),
            r#type: Some("function"),
            function: Function { name: Some(&call.name), arguments: call.arguments.expose() },
        });
        calls.collect()
    }

    /// Different for every call of every answer to every request.
    fn call_id(&self, choice: usize, number: usize) -> String {
        format!("call_{}_{choice}_{number}", hex(self.name.get(..8).unwrap_or_default()))
    }

    fn logprobs<'a>(&self, said: &'a Said) -> Option<Logprobs<'a>> {
        self.logprobs.then(|| Logprobs::new(self.shape, said))
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

/// Most bytes of text in one event: JSON may write each of them with six, and the largest chunk has 16,384.
const PIECE: usize = 2_048;

/// A text in pieces of whole characters; none of an empty one.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at_checked(text.floor_char_boundary(PIECE))?;
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn text(said: &Said) -> &str {
    str::from_utf8(&said.text).unwrap_or_default()
}

const fn named(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::EndToken | FinishReason::StopString(_) | FinishReason::Complete => "stop",
        FinishReason::Length => "length",
        FinishReason::Calls => "tool_calls",
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

/// The tokens of a text, as other servers tell them.
pub(in crate::serve) fn tokens(ids: &[u32], most: usize) -> Plaintext {
    #[derive(Serialize)]
    struct Tokens<'a> {
        count: usize,
        max_model_len: usize,
        tokens: &'a [u32],
    }
    let mut out = Plaintext::new();
    json(&Tokens { count: ids.len(), max_model_len: most, tokens: ids }, &mut out);
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
    use sealroom_engine::{Alternative, Call, PrivateBytes, Token};

    use super::*;

    fn writer(shape: Shape, logprobs: bool) -> Writer {
        shape.writer([1; 16], UnixTime(7), "tiny", logprobs)
    }

    fn said(text: &str) -> Said {
        let mut said = Said::default();
        said.push(token(text), true);
        said
    }

    fn token(text: &str) -> Token {
        let bytes: PrivateBytes = text.as_bytes().into();
        let top = vec![Alternative { id: Some(1), logprob: -0.5, bytes: bytes.clone() }];
        let (id, calls) = (Some(1), Vec::new());
        Token { id, text: text.into(), calls, bytes, logprob: -0.5, top }
    }

    fn joined(events: &[Plaintext]) -> String {
        events.iter().map(|event| written(event)).collect()
    }

    fn written(bytes: &[u8]) -> &str {
        str::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn chat_events_have_openai_shape() {
        let (id, chat) = ("01".repeat(16), writer(Shape::Chat, false));
        assert_eq!(
            joined(&chat.more(0, &said("a\n\"b"), false)),
            format!(
                r#"data: {{"id":"chatcmpl-{id}","object":"chat.completion.chunk","created":7,"model":"tiny","choices":[{{"index":0,"delta":{{"content":"a\n\"b"}},"logprobs":null,"finish_reason":null}}]}}"#
            ) + "\n\n"
        );
        let last = chat.finish(1, FinishReason::Length, true);
        let end = r#""choices":[{"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}"#;
        assert!(written(&last).trim_end().ends_with(end), "{}", written(&last));
    }

    #[test]
    fn a_whole_completion_has_openai_shape() {
        let usage = Counted { prompt: 3, completion: 2, cached: 1 };
        let answers = [(said("hi"), FinishReason::EndToken)];
        let whole = writer(Shape::Completion, false).whole(&answers, usage);
        let end = r#""choices":[{"index":0,"text":"hi","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}"#;
        assert!(written(&whole).ends_with(end), "{}", written(&whole));
    }

    #[test]
    fn calls_are_numbered_through_a_stream_and_whole_in_a_message() {
        let mut said = Said::default();
        for name in ["f", "g"] {
            said.clear();
            said.calls = vec![Call { name: name.to_owned(), arguments: "{}".into() }];
        }
        let chat = writer(Shape::Chat, false);
        let call = r#""tool_calls":[{"index":1,"id":"call_0101010101010101_0_1","type":"function","function":{"name":"g","arguments":"{}"}}]"#;
        let event = joined(&chat.more(0, &said, false));
        assert!(event.contains(&format!(r#""delta":{{{call}}}"#)), "{event}");
        let whole = chat.whole(&[(said, FinishReason::Calls)], Counted::default());
        let message = format!(
            r#""message":{{"role":"assistant","content":null,"refusal":null,{}}},"logprobs":null,"finish_reason":"tool_calls""#,
            call.replace(r#""index":1,"#, "")
        );
        assert!(written(&whole).contains(&message), "{}", written(&whole));
    }

    #[test]
    fn log_probabilities_have_the_shape_of_their_interface() {
        let answers = [(said("é"), FinishReason::Length)];
        let whole = writer(Shape::Chat, true).whole(&answers, Counted::default());
        let one = r#""token":"é","logprob":-0.5,"bytes":[195,169]"#;
        let expected = format!(
            r#""logprobs":{{"content":[{{{one},"top_logprobs":[{{{one}}}]}}],"refusal":null}}"#
        );
        assert!(written(&whole).contains(&expected), "{}", written(&whole));
        let completion = writer(Shape::Completion, true);
        let mut said = said("é");
        said.clear();
        said.push(token("b"), true);
        let expected = r#""logprobs":{"tokens":["b"],"token_logprobs":[-0.5],"top_logprobs":[{"b":-0.5}],"text_offset":[1]}"#;
        let event = joined(&completion.more(0, &said, false));
        assert!(event.contains(expected), "{event}");
    }

    #[test]
    fn what_is_long_comes_in_events_that_fit_a_chunk() {
        let mut said = said(&"\u{1}é".repeat(3000));
        let arguments = format!(r#"{{"a":"{}"}}"#, "\\\"".repeat(9000));
        said.calls = vec![Call { name: "f".to_owned(), arguments: arguments.as_str().into() }];
        let events = writer(Shape::Chat, false).more(0, &said, true);
        assert!(events.len() > 10 && events.iter().all(|event| event.len() < 16_000));
        let (mut text, mut told) = (String::new(), String::new());
        let mut ids = 0;
        for event in &events {
            let json = written(event).strip_prefix("data: ").expect("an event");
            let event: serde_json::Value = serde_json::from_str(json).expect("JSON");
            let delta = &event["choices"][0]["delta"];
            text += delta["content"].as_str().unwrap_or_default();
            let call = &delta["tool_calls"][0];
            told += call["function"]["arguments"].as_str().unwrap_or_default();
            ids += usize::from(call["id"].is_string());
        }
        assert_eq!((text, told, ids), ("\u{1}é".repeat(3000), arguments, 1));
    }
}
