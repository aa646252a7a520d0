//! The receipt's list of what took effect, as text, because the wire has no floating point.

use std::collections::BTreeMap;

use sealroom_attestation::cbor::{CborError, Item, Source, Writer};
use sealroom_attestation::transcript::sha256;
use sealroom_engine::PrivateText;
use sealroom_request::{Common, Format, Sampling, Tool, ToolChoice};
use zeroize::Zeroizing;

use crate::weights::hex;

/// Effective settings by name, to which the receipt commits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::serve) struct Parameters(pub(in crate::serve) BTreeMap<String, String>);

impl Item for Parameters {
    const NAME: &'static str = "parameters";
    const LIMIT: usize = 64 * 1024;

    fn write(&self, out: &mut Writer) {
        out.texts(&self.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        Ok(Self(from.texts()?))
    }
}

impl Parameters {
    /// What chats and completions have in common; the seed is the one that was drawn where the client gave none.
    pub(super) fn of(common: &Common, seed: u64) -> Self {
        let Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            frequency_penalty,
            presence_penalty,
            logit_bias,
            seed: _,
        } = &common.sampling;
        let mut all = Self::default();
        all.set("frequency_penalty", frequency_penalty);
        all.set("min_p", min_p);
        all.set("presence_penalty", presence_penalty);
        all.set("seed", &seed);
        all.set("temperature", temperature);
        all.set("top_k", top_k);
        all.set("top_p", top_p);
        if common.choices > 1 {
            all.set("n", &common.choices);
        }
        if let Some(tokens) = common.max_tokens {
            all.set("max_tokens", &tokens);
        }
        if !logit_bias.is_empty() {
            let biases: Vec<_> =
                logit_bias.iter().map(|(id, bias)| format!("{id}:{bias}")).collect();
            all.set("logit_bias", &biases.join(","));
        }
        if !common.stop.is_empty() {
            all.set("stop_sha256", &digest(common.stop.iter()));
        }
        all
    }

    /// The form that was asked for. Schemas are a user's: their digest tells two of them apart.
    pub(super) fn format(&mut self, format: &Format) {
        match format {
            Format::Text => {}
            Format::Object => self.set("response_format", &"json_object"),
            Format::Schema(schema) => self.set("json_schema_sha256", &digest([schema])),
        }
    }

    /// The tools that could be called.
    pub(super) fn tools(&mut self, tools: &[Tool], choice: &ToolChoice) {
        let choice = match choice {
            ToolChoice::None => return,
            ToolChoice::Auto => "auto",
            ToolChoice::Required => "required",
            ToolChoice::Function(_) => "function",
        };
        self.set("tool_choice", &choice);
        self.set("tools_sha256", &digest(tools.iter().map(|tool| &tool.parameters)));
    }

    fn set(&mut self, name: &str, value: &dyn ToString) {
        self.0.insert(name.to_owned(), value.to_string());
    }
}

/// Of texts of a user, each with its length.
fn digest<'a>(texts: impl IntoIterator<Item = &'a PrivateText>) -> String {
    let mut joined = Zeroizing::new(Vec::new());
    for text in texts {
        joined.extend_from_slice(&(text.len() as u64).to_be_bytes());
        joined.extend_from_slice(text.expose().as_bytes());
    }
    hex(&sha256(&joined))
}
