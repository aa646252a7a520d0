//! The OpenAPI document of one node: exactly what [`crate::Chat`] and the others accept, with the node's own model and
//! vocabulary.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApiBuilder, Ref, Required};

mod answers;
mod requests;
mod shapes;

/// What a document says about its node.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The one model's name.
    pub model: &'a str,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Whether it makes vectors of texts.
    pub embeds: bool,
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// The document, JSON.
#[must_use]
pub fn document(about: About<'_>) -> String {
    let info = InfoBuilder::new()
        .title("Sealroom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The OpenAI interface of one verified node."))
        .build();
    let paths = PathsBuilder::new()
        .path("/v1/chat/completions", asks("chat", "Goes on with a conversation.", "Chat", CHATS))
        .path("/v1/completions", asks("complete", "Continues texts.", "Completion", COMPLETIONS))
        .path("/tokenize", asks("tokenize", "Cuts a text into tokens.", "Tokenize", TOKENS))
        .path("/v1/models", gives("models", "Lists the models.", "Models"));
    let vectors = || asks("embed", "Makes vectors of texts.", "Embedding", VECTORS);
    let paths = if about.embeds { paths.path("/v1/embeddings", vectors()) } else { paths };
    let components = requests::all(about).into_iter().chain(answers::all());
    let components = components
        .fold(ComponentsBuilder::new(), |all, (name, schema)| all.schema(name, schema))
        .build();
    let document =
        OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components)).build();
    document.to_json().expect("a document has only string keys")
}

/// The answer as one, and whether it can come in events, too.
type Given = (&'static str, bool);
const CHATS: Given = ("ChatAnswer", true);
const COMPLETIONS: Given = ("CompletionAnswer", true);
const VECTORS: Given = ("Vectors", false);
const TOKENS: Given = ("Tokens", false);

fn asks(id: &str, summary: &str, body: &str, (answer, streams): Given) -> PathItem {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(body))).build();
    let body = RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True));
    let mut given = ResponseBuilder::new().description("The answer.").content(JSON, of(answer));
    if streams {
        given = given.content(EVENTS, ContentBuilder::new().build());
    }
    let operation = operation(id, summary)
        .request_body(Some(body.build()))
        .response("200", given.build())
        .response("400", error("The request breaks a rule: `param` says where."))
        .response("404", error("There is no such model."))
        .response("413", error("The request is too long."))
        .response("429", error("The node is busy: `Retry-After` says for how long."));
    PathItem::new(HttpMethod::Post, operation.build())
}

fn gives(id: &str, summary: &str, answer: &str) -> PathItem {
    let given = ResponseBuilder::new().description("The answer.").content(JSON, of(answer));
    PathItem::new(HttpMethod::Get, operation(id, summary).response("200", given.build()).build())
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    let failed = "No answer: the node is not there, or something that it showed does not hold.";
    OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .response("500", error("This machine failed."))
        .response("502", error(failed))
        .response("503", error(failed))
        .response("504", error(failed))
}

fn error(description: &str) -> utoipa::openapi::Response {
    ResponseBuilder::new().description(description).content(JSON, of("Error")).build()
}

fn of(schema: &str) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}

/// A schema and the name that it is referred to by.
type Named = (&'static str, Schema);

#[cfg(test)]
mod tests;
