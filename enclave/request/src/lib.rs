//! What may be asked of a node: the OpenAI requests as types, and the rules that they keep.
//!
//! Sans-I/O, and used at three places: the endpoint of an enterprise refuses what breaks a rule before anything is sealed, the
//! node refuses it again inside the seal, and the engine takes what is left. What only a node knows (its models, how many tokens
//! a text has) is checked there.

mod chat;
mod common;
mod completion;
mod document;
mod embedding;
mod fields;
mod format;
mod invalid;
mod private;
mod sampling;
mod tokenize;
mod tools;

pub use chat::{Chat, ChatMessage, Role};
pub use common::{Common, MOST_CHOICES};
pub use completion::{Completion, Prompt};
pub use document::{About, document};
pub use embedding::{Embedding, Encoding};
pub use format::Format;
pub use invalid::Invalid;
pub use private::PrivateText;
pub use sampling::{
    MAX_STOP_CHARS, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, OutOfRange, Sampling, check_stop,
};
pub use tokenize::{Tokenize, Untokenized};
pub use tools::{Tool, ToolCall, ToolChoice};

#[cfg(test)]
mod tests;
