//! `POST /v1/embeddings`.

use crate::completion::{Prompt, prompts};
use crate::fields::Fields;
use crate::{Invalid, PrivateText};

/// Texts to make vectors of.
#[derive(Debug, PartialEq)]
pub struct Embedding {
    /// The model's name.
    pub model: PrivateText,
    /// One vector for each.
    pub inputs: Vec<Prompt>,
    /// How the numbers are written.
    pub encoding: Encoding,
}

/// How the numbers of a vector are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As a list of numbers.
    Float,
    /// As base64 of little-endian f32, which SDKs ask for by themselves.
    Base64,
}

impl Embedding {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(json: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::decode(json)?;
        let model = fields.require("model", "a string")?;
        let raw = fields.require_raw("input")?;
        let inputs = prompts(&fields, "input", raw)?;
        let encoding: Option<String> = fields.take("encoding_format", "a string")?;
        let encoding = match encoding.as_deref() {
            None | Some("float") => Encoding::Float,
            Some("base64") => Encoding::Base64,
            Some(_) => return Err(fields.value("encoding_format", "float or base64")),
        };
        fields.take_raw("user");
        fields.finish()?;
        Ok(Self { model, inputs, encoding })
    }
}
