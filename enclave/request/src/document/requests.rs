//! Schemas of what may be asked.

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::shapes::{
    Fields, any_of, anything, flag, integer, list, name, named, number, one_of, only, some,
    some_text, text, text_of,
};
use super::{About, Named};
use crate::common::MOST_CHOICES;
use crate::fields::MOST_INTEGER;
use crate::sampling::{MAX_STOP_CHARS, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS};

const MOST: i64 = MOST_INTEGER;

pub(super) fn all(about: About<'_>) -> [Named; 11] {
    [
        ("Chat", chat(about)),
        ("Completion", completion(about)),
        ("Embedding", embedding(about)),
        ("Tokenize", tokenize(about)),
        ("Message", message()),
        ("Content", content()),
        ("SentCall", call()),
        ("Tool", tool()),
        ("ToolChoice", tool_choice()),
        ("ResponseFormat", response_format()),
        ("TokenIds", token_ids(about)),
    ]
}

fn token_ids(about: About<'_>) -> Schema {
    list(integer(0, about.vocabulary as i64 - 1), 1, 1 << 20)
}

/// What chats and completions have in common.
fn common(fields: Fields, about: About<'_>) -> Fields {
    let stop = || text_of(1, MAX_STOP_CHARS);
    let stop = any_of([stop().into(), list(stop(), 0, MAX_STOP_STRINGS).into()]);
    let options = Fields::new().may("include_usage", flag()).may("include_obfuscation", flag());
    fields
        .must("model", only(Type::String, about.model))
        .may("temperature", number(0.0, 2.0))
        .may("top_p", number(1e-6, 1.0))
        .may("min_p", number(0.0, 1.0))
        .may("top_k", integer(-1, MOST))
        .may("frequency_penalty", number(-2.0, 2.0))
        .may("presence_penalty", number(-2.0, 2.0))
        .may("logit_bias", logit_bias(about))
        .may("seed", integer(-MOST, MOST))
        .may("stop", stop)
        .may("n", integer(1, MOST_CHOICES as i64))
        .may("stream", flag())
        .may("stream_options", options.build())
        .may("service_tier", one_of(&["auto", "default"]))
        .ignores("user")
        .ignores("metadata")
        .ignores("store")
        .ignores("safety_identifier")
        .ignores("prompt_cache_key")
        .ignores("prompt_cache_retention")
}

/// Ids of one digit and of as many as all ids with so many digits are in the vocabulary: a pattern cannot say more.
fn logit_bias(about: About<'_>) -> Schema {
    let digits = about.vocabulary.checked_ilog10().unwrap_or(0).saturating_sub(1);
    let pattern = format!("^(0|[1-9][0-9]{{0,{digits}}})$");
    let ids = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    let biases = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(Schema::Object(ids.build())))
        .additional_properties(Some(number(-100.0, 100.0)));
    Schema::Object(biases.build())
}

fn chat(about: About<'_>) -> Schema {
    let tokens = || integer(1, MOST);
    common(Fields::new(), about)
        .must("messages", some(named("Message")))
        .may("max_tokens", tokens())
        .may("max_completion_tokens", tokens())
        .may("logprobs", flag())
        .may("top_logprobs", integer(0, MAX_TOP_LOGPROBS as i64))
        .may("tools", list(named("Tool"), 0, 128))
        .may("tool_choice", named("ToolChoice"))
        .may("parallel_tool_calls", flag())
        .may("response_format", named("ResponseFormat"))
        .may("modalities", list(only(Type::String, "text"), 1, 1))
        .build()
}

fn prompts() -> Schema {
    any_of([
        some_text().into(),
        list(some_text(), 1, MOST_CHOICES).into(),
        named("TokenIds"),
        list(named("TokenIds"), 1, MOST_CHOICES).into(),
    ])
}

fn completion(about: About<'_>) -> Schema {
    common(Fields::new(), about)
        .must("prompt", prompts())
        .may("max_tokens", integer(1, MOST))
        .may("logprobs", integer(0, 5))
        .may("best_of", only(Type::Integer, 1))
        .may("echo", only(Type::Boolean, false))
        .may("suffix", only(Type::String, ""))
        .build()
}

fn embedding(about: About<'_>) -> Schema {
    Fields::new()
        .must("model", only(Type::String, about.model))
        .must("input", prompts())
        .may("encoding_format", one_of(&["float", "base64"]))
        .ignores("user")
        .build()
}

fn tokenize(about: About<'_>) -> Schema {
    let model = || only(Type::String, about.model);
    let text = Fields::new().must("model", model()).must("prompt", text());
    let messages = Fields::new().must("model", model()).must("messages", some(named("Message")));
    any_of([text.build().into(), messages.build().into()])
}

fn message() -> Schema {
    let said = |roles: &[&str]| {
        let fields = Fields::new().must("role", one_of(roles)).must("content", named("Content"));
        fields.may("name", text())
    };
    let assistant = || {
        let fields = Fields::new().must("role", only(Type::String, "assistant"));
        let none = list(anything(), 0, 0);
        fields.may("name", text()).may("refusal", text()).may("annotations", none)
    };
    let silent = assistant().must("tool_calls", list(named("SentCall"), 1, 128));
    any_of([
        said(&["system", "developer", "user"]).build().into(),
        said(&["tool"]).must("tool_call_id", text()).build().into(),
        assistant()
            .must("content", named("Content"))
            .may("tool_calls", list(named("SentCall"), 0, 128))
            .build()
            .into(),
        silent.may("content", named("Content")).build().into(),
    ])
}

fn content() -> Schema {
    let part = Fields::new().must("type", only(Type::String, "text")).must("text", text());
    any_of([text().into(), some(part.build()).into()])
}

fn call() -> Schema {
    let function = Fields::new().must("name", text()).must("arguments", text());
    Fields::new()
        .must("id", text())
        .must("type", only(Type::String, "function"))
        .may("index", integer(0, 128))
        .must("function", function.build())
        .build()
}

fn json_schema() -> Schema {
    Fields::new().description("A JSON schema that can be kept to.").open()
}

fn tool() -> Schema {
    let function = Fields::new()
        .must("name", name())
        .may("description", text())
        .may("parameters", json_schema())
        .may("strict", flag());
    Fields::new()
        .must("type", only(Type::String, "function"))
        .must("function", function.build())
        .build()
}

fn tool_choice() -> Schema {
    let function = Fields::new().must("name", name());
    let named = Fields::new()
        .must("type", only(Type::String, "function"))
        .must("function", function.build());
    any_of([one_of(&["none", "auto", "required"]).into(), named.build().into()])
}

fn response_format() -> Schema {
    let of = |kinds: &[&str]| Fields::new().must("type", one_of(kinds));
    let schema = Fields::new()
        .must("name", name())
        .may("description", text())
        .may("strict", flag())
        .must("schema", json_schema());
    any_of([
        of(&["text", "json_object"]).build().into(),
        of(&["json_schema"]).must("json_schema", schema.build()).build().into(),
    ])
}
