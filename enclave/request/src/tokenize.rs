//! `POST /tokenize`, as other servers have it.

use crate::fields::Fields;
use crate::{Chat, ChatMessage, Invalid, PrivateText};

/// A text whose tokens are asked for.
#[derive(Debug, PartialEq)]
pub struct Tokenize {
    /// The model's name.
    pub model: PrivateText,
    /// What is to be cut into tokens.
    pub input: Untokenized,
}

/// What is to be cut into tokens.
#[derive(Debug, PartialEq)]
pub enum Untokenized {
    /// A text. Names of control tokens in it mean those, as they do in prompts.
    Text(PrivateText),
    /// A conversation, through the model's template.
    Messages(Vec<ChatMessage>),
}

impl Tokenize {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(json: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::decode(json)?;
        if let Some(text) = fields.take("prompt", "a string")? {
            let model = fields.require("model", "a string")?;
            fields.finish()?;
            return Ok(Self { model, input: Untokenized::Text(text) });
        }
        drop(fields);
        let Chat { common, messages, .. } = Chat::decode(json)?;
        Ok(Self { model: common.model, input: Untokenized::Messages(messages) })
    }
}
