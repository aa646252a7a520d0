//! The form that an answer must have.

use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::{Invalid, PrivateText};

/// The longest JSON schema, bytes.
const LONGEST_SCHEMA: usize = 64 * 1024;
/// The longest name of a schema or a function, as OpenAI has it.
const LONGEST_NAME: usize = 64;

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Any text.
    Text,
    /// A JSON object.
    Object,
    /// JSON that keeps this schema.
    Schema(PrivateText),
}

impl Format {
    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, Invalid> {
        let Some(raw) = fields.take_raw("response_format") else { return Ok(Self::Text) };
        let mut format = Fields::inside(raw, "response_format")?;
        let kind: String = format.require("type", "a string")?;
        let found = match kind.as_str() {
            "text" => Self::Text,
            "json_object" => Self::Object,
            "json_schema" => Self::Schema(named_schema(format.require_raw("json_schema")?)?),
            _ => return Err(format.value("type", "text, json_object or json_schema")),
        };
        format.finish()?;
        Ok(found)
    }
}

fn named_schema(raw: &RawValue) -> Result<PrivateText, Invalid> {
    let mut fields = Fields::inside(raw, "response_format.json_schema")?;
    name(&mut fields)?;
    fields.take::<PrivateText>("description", "a string")?;
    // A schema is always kept to.
    fields.take::<bool>("strict", "true or false")?;
    let schema = fields.require_raw("schema")?;
    let schema = self::schema(&fields, "schema", schema)?;
    fields.finish()?;
    Ok(schema)
}

/// A name that OpenAI allows: functions and schemas have one.
pub(crate) fn name(fields: &mut Fields<'_>) -> Result<String, Invalid> {
    let name: String = fields.require("name", "a string")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
        return Err(fields.value("name", "1 to 64 letters, digits, _ and -"));
    }
    Ok(name)
}

/// A JSON schema as it is written: an object of bounded length.
pub(crate) fn schema(
    fields: &Fields<'_>,
    name: &str,
    raw: &RawValue,
) -> Result<PrivateText, Invalid> {
    if !raw.get().starts_with('{') {
        return Err(fields.kind(name, "a JSON schema"));
    }
    if raw.get().len() > LONGEST_SCHEMA {
        return Err(fields.value(name, "a JSON schema of at most 65,536 bytes"));
    }
    Ok(raw.get().into())
}
