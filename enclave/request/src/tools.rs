//! Functions that a model may call.

use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::format::{name, schema};
use crate::sampling::within;
use crate::{Invalid, PrivateText};

/// Most functions of one request, as OpenAI has it.
const MOST_TOOLS: usize = 128;
/// Most calls of one message.
const MOST_CALLS: usize = 128;

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// What it does.
    pub description: Option<PrivateText>,
    /// JSON schema of its arguments, as it was written.
    pub parameters: PrivateText,
}

/// Whether the model calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// It cannot.
    None,
    /// As it likes.
    Auto,
    /// At least one.
    Required,
    /// This one.
    Function(String),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The name of the call.
    pub id: PrivateText,
    /// The function.
    pub name: PrivateText,
    /// Its arguments, JSON.
    pub arguments: PrivateText,
}

pub(crate) fn tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>, Invalid> {
    let list = fields.list("tools", "a list of tools", MOST_TOOLS)?;
    let tools = list.into_iter().enumerate().map(|(index, raw)| tool(index, raw));
    let tools: Vec<Tool> = tools.collect::<Result<_, _>>()?;
    for (index, tool) in tools.iter().enumerate() {
        if tools.iter().take(index).any(|other| other.name == tool.name) {
            let place = format!("tools[{index}].function.name");
            return Err(Invalid::value(&place, "different from the others"));
        }
    }
    Ok(tools)
}

fn tool(index: usize, raw: &RawValue) -> Result<Tool, Invalid> {
    let place = format!("tools[{index}]");
    let mut fields = Fields::inside(raw, &place)?;
    let kind: String = fields.require("type", "a string")?;
    if kind != "function" {
        return Err(fields.value("type", "function"));
    }
    let mut function =
        Fields::inside(fields.require_raw("function")?, &format!("{place}.function"))?;
    fields.finish()?;
    let name = name(&mut function)?;
    let description = function.take("description", "a string")?;
    // Arguments always keep to the schema.
    function.take::<bool>("strict", "true or false")?;
    let parameters = match function.take_raw("parameters") {
        Some(raw) => schema(&function, "parameters", raw)?,
        // Without a schema a function has no arguments.
        None => r#"{"type":"object","properties":{},"additionalProperties":false}"#.into(),
    };
    function.finish()?;
    Ok(Tool { name, description, parameters })
}

pub(crate) fn choice(fields: &mut Fields<'_>, tools: &[Tool]) -> Result<ToolChoice, Invalid> {
    const EXPECTED: &str = "none, auto, required or a function among the tools";
    let Some(raw) = fields.take_raw("tool_choice") else {
        return Ok(if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto });
    };
    let wrong = || fields.value("tool_choice", EXPECTED);
    if raw.get().starts_with('"') {
        let name: String = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
        return match name.as_str() {
            "none" => Ok(ToolChoice::None),
            "auto" if tools.is_empty() => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" if !tools.is_empty() => Ok(ToolChoice::Required),
            _ => Err(wrong()),
        };
    }
    let mut choice = Fields::inside(raw, "tool_choice")?;
    let kind: String = choice.require("type", "a string")?;
    if kind != "function" {
        return Err(choice.value("type", "function"));
    }
    let mut function = Fields::inside(choice.require_raw("function")?, "tool_choice.function")?;
    choice.finish()?;
    let name: String = function.require("name", "a string")?;
    if !tools.iter().any(|tool| tool.name == name) {
        return Err(function.value("name", "the name of one of the tools"));
    }
    function.finish()?;
    Ok(ToolChoice::Function(name))
}

/// What an assistant called, as a client sends it back.
pub(crate) fn calls(fields: &mut Fields<'_>) -> Result<Vec<ToolCall>, Invalid> {
    let list = fields.list("tool_calls", "a list of calls", MOST_CALLS)?;
    let place = |index| fields.path(&format!("tool_calls[{index}]"));
    list.into_iter().enumerate().map(|(index, raw)| call(&place(index), raw)).collect()
}

fn call(place: &str, raw: &RawValue) -> Result<ToolCall, Invalid> {
    let mut fields = Fields::inside(raw, place)?;
    let id = fields.require("id", "a string")?;
    let kind: String = fields.require("type", "a string")?;
    if kind != "function" {
        return Err(fields.value("type", "function"));
    }
    // Streams number their calls, and clients that join them send the number back.
    let index = fields.count("index", "an integer of at least 0")?;
    within("index", index.unwrap_or(0), 0..=MOST_CALLS)?;
    let mut function =
        Fields::inside(fields.require_raw("function")?, &format!("{place}.function"))?;
    fields.finish()?;
    let name = function.require("name", "a string")?;
    let arguments: PrivateText = function.require("arguments", "a string")?;
    function.finish()?;
    Ok(ToolCall { id, name, arguments })
}
