//! Schemas of what is answered.

use utoipa::openapi::schema::{Schema, Type};

use super::Named;
use super::shapes::{
    Fields, any_list, any_number, any_of, integer, named, one_of, only, or_null, text,
};

pub(super) fn all() -> [Named; 7] {
    [
        ("ChatAnswer", answer("chat.completion", chat_choice())),
        ("CompletionAnswer", answer("text_completion", completion_choice())),
        ("Usage", usage()),
        ("Tokens", tokens()),
        ("Vectors", vectors()),
        ("Models", models()),
        ("Error", error()),
    ]
}

fn count() -> Schema {
    integer(0, 1 << 53)
}

fn answer(object: &str, choice: Fields) -> Schema {
    let choice = choice
        .must("index", count())
        .must("finish_reason", one_of(&["stop", "length", "tool_calls"]));
    Fields::new()
        .must("id", text())
        .must("object", only(Type::String, object))
        .must("created", count())
        .must("model", text())
        .must("choices", any_list(choice.open()))
        .must("usage", named("Usage"))
        .open()
}

fn chat_choice() -> Fields {
    let function = Fields::new().must("name", text()).must("arguments", text());
    let call = Fields::new()
        .must("id", text())
        .must("type", only(Type::String, "function"))
        .must("function", function.open());
    let message = Fields::new()
        .must("role", only(Type::String, "assistant"))
        .must("content", or_null(text()))
        .may("tool_calls", any_list(call.open()));
    let token = || {
        let fields = Fields::new().must("token", text()).must("logprob", any_number());
        fields.must("bytes", any_list(integer(0, 255)))
    };
    let told = token().must("top_logprobs", any_list(token().open()));
    let logprobs = Fields::new().must("content", any_list(told.open()));
    Fields::new().must("message", message.open()).must("logprobs", or_null(logprobs.open()))
}

fn completion_choice() -> Fields {
    let logprobs = Fields::new()
        .must("tokens", any_list(text()))
        .must("token_logprobs", any_list(any_number()))
        .must("top_logprobs", any_list(Fields::new().open()))
        .must("text_offset", any_list(count()));
    Fields::new().must("text", text()).must("logprobs", or_null(logprobs.open()))
}

fn usage() -> Schema {
    let details = Fields::new().must("cached_tokens", count());
    Fields::new()
        .must("prompt_tokens", count())
        .must("completion_tokens", count())
        .must("total_tokens", count())
        .must("prompt_tokens_details", details.open())
        .open()
}

fn vectors() -> Schema {
    let vector = any_of([any_list(any_number()).into(), text().into()]);
    let one = Fields::new()
        .must("object", only(Type::String, "embedding"))
        .must("index", count())
        .must("embedding", vector);
    let usage = Fields::new().must("prompt_tokens", count()).must("total_tokens", count());
    Fields::new()
        .must("object", only(Type::String, "list"))
        .must("model", text())
        .must("data", any_list(one.open()))
        .must("usage", usage.open())
        .open()
}

fn tokens() -> Schema {
    Fields::new()
        .must("count", count())
        .must("max_model_len", count())
        .must("tokens", any_list(count()))
        .open()
}

fn models() -> Schema {
    let model = Fields::new()
        .must("id", text())
        .must("object", only(Type::String, "model"))
        .must("created", count())
        .must("owned_by", text());
    Fields::new()
        .must("object", only(Type::String, "list"))
        .must("data", any_list(model.open()))
        .open()
}

fn error() -> Schema {
    let error = Fields::new()
        .must("message", text())
        .must("type", text())
        .must("param", or_null(text()))
        .must("code", or_null(text()));
    Fields::new().must("error", error.open()).open()
}
