//! `POST /v1/chat/completions`.

use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::format::Format;
use crate::sampling::{MAX_TOP_LOGPROBS, within};
use crate::tools::{self, Tool, ToolCall, ToolChoice};
use crate::{Common, Invalid, PrivateText};

/// Messages in one request.
const MOST_MESSAGES: usize = 4096;
/// Parts of one message.
const MOST_PARTS: usize = 4096;

/// A conversation to go on with.
#[derive(Debug, PartialEq)]
pub struct Chat {
    /// Everything that completions have, too.
    pub common: Common,
    /// What was said.
    pub messages: Vec<ChatMessage>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel_tool_calls: bool,
    /// The form of its answer.
    pub format: Format,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMessage {
    /// Who said it.
    pub role: Role,
    /// What was said; empty where an assistant only called tools.
    pub content: PrivateText,
    /// What an assistant called.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool answers.
    pub tool_call_id: Option<PrivateText>,
}

impl ChatMessage {
    /// A message that is only text.
    #[must_use]
    pub fn new(role: Role, content: impl Into<PrivateText>) -> Self {
        let content = content.into();
        Self { role, content, tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Whoever set the conversation up.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// What the model called.
    Tool,
}

impl Role {
    /// The name in requests and templates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl Chat {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(json: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::decode(json)?;
        let list = fields.require_raw("messages")?;
        let messages = messages(&fields, list)?;
        const TOKENS: &str = "a positive integer";
        let older = fields.count("max_tokens", TOKENS)?;
        within("max_tokens", older.unwrap_or(1), 1..=usize::MAX)?;
        let max_tokens = fields.count("max_completion_tokens", TOKENS)?.or(older);
        let logprobs = logprobs(&mut fields)?;
        let tools = tools::tools(&mut fields)?;
        let tool_choice = tools::choice(&mut fields, &tools)?;
        let parallel_tool_calls =
            fields.take("parallel_tool_calls", "true or false")?.unwrap_or(true);
        let format = Format::take(&mut fields)?;
        if format != Format::Text && tool_choice != ToolChoice::None {
            let message = "parameter response_format cannot be combined with tools".to_owned();
            return Err(Invalid::new(message, Some("response_format"), "invalid_value"));
        }
        fields.only("modalities", &[r#"["text"]"#])?;
        let common = Common::take(fields, max_tokens, logprobs)?;
        Ok(Self { common, messages, tools, tool_choice, parallel_tool_calls, format })
    }
}

fn logprobs(fields: &mut Fields<'_>) -> Result<Option<usize>, Invalid> {
    let wanted = fields.take("logprobs", "true or false")?.unwrap_or(false);
    let top = fields.count("top_logprobs", "an integer from 0 to 20")?;
    within("top_logprobs", top.unwrap_or(0), 0..=MAX_TOP_LOGPROBS)?;
    // Whoever asks for alternatives wants to see them.
    let wanted = wanted || top.is_some_and(|top| top > 0);
    Ok(wanted.then_some(top.unwrap_or(0)))
}

fn messages(fields: &Fields<'_>, raw: &RawValue) -> Result<Vec<ChatMessage>, Invalid> {
    const EXPECTED: &str = "a list of messages";
    let list: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| fields.kind("messages", EXPECTED))?;
    if list.is_empty() || list.len() > MOST_MESSAGES {
        return Err(fields.value("messages", "a list of 1 to 4,096 messages"));
    }
    list.into_iter().enumerate().map(|(index, raw)| message(index, raw)).collect()
}

fn message(index: usize, raw: &RawValue) -> Result<ChatMessage, Invalid> {
    let mut fields = Fields::inside(raw, &format!("messages[{index}]"))?;
    let role: String = fields.require("role", "a string")?;
    let role = match role.as_str() {
        // The newer name for the same turn.
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(fields.value("role", "system, developer, user, assistant or tool")),
    };
    let tool_calls = if role == Role::Assistant {
        // What an assistant's turn brings along when a client sends it back.
        fields.only("annotations", &["[]"])?;
        fields.take::<PrivateText>("refusal", "a string")?;
        tools::calls(&mut fields)?
    } else {
        Vec::new()
    };
    let tool_call_id = match role {
        Role::Tool => Some(fields.require("tool_call_id", "a string")?),
        _ => None,
    };
    let content = match fields.take_raw("content") {
        Some(raw) => text(&fields, raw)?,
        None if tool_calls.is_empty() => return Err(Invalid::missing(&fields.path("content"))),
        None => PrivateText::default(),
    };
    fields.take::<PrivateText>("name", "a string")?;
    fields.finish()?;
    Ok(ChatMessage { role, content, tool_calls, tool_call_id })
}

/// A string, or a list of parts of which each is text.
fn text(fields: &Fields<'_>, raw: &RawValue) -> Result<PrivateText, Invalid> {
    const EXPECTED: &str = "text or a list of parts of text";
    let wrong = || fields.kind("content", EXPECTED);
    if raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).map_err(|_| wrong());
    }
    let parts: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    if !(1..=MOST_PARTS).contains(&parts.len()) {
        return Err(fields.value("content", "text or 1 to 4,096 parts of text"));
    }
    let mut joined = String::with_capacity(raw.get().len());
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Fields::inside(part, &fields.path(&format!("content[{index}]")))?;
        let kind: String = part.require("type", "a string")?;
        if kind != "text" {
            return Err(part.value("type", "text"));
        }
        let text: PrivateText = part.require("text", "a string")?;
        part.finish()?;
        joined.push_str(text.expose());
    }
    Ok(PrivateText::new(joined))
}
