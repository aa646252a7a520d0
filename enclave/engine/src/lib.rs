//! Inference inside the confidential VM: a model file in private memory becomes answers, token by token.
//!
//! [`Engine`] is the seam; [`LocalEngine`] computes in this process, [`UpstreamEngine`] asks a server beside it, in the same
//! virtual machine. The crate opens no file, and no socket but for those to that server; it reads the clock only to measure how
//! long a request took, and to end one that takes too long.

mod calls;
mod card;
mod computer;
pub mod default_model;
mod detokenizer;
mod engine;
mod error;
mod gguf;
mod grammar;
mod kernels;
mod kv;
mod llama;
mod local;
mod memory;
mod model;
mod pooled;
mod private;
mod random;
mod request;
mod sampling;
mod scheduler;
mod stop;
mod template;
#[cfg(test)]
mod tiny;
mod tokenizer;
mod upstream;
mod vocabulary;

pub use card::{Digest, ModelCard};
pub use engine::{
    Alternative, Call, Engine, Event, FinishReason, Finished, Form, GenerationRequest, Input, Sink,
    SpecialTokens, Timing, Token, Usage,
};
pub use error::{EngineError, LoadError, TemplateError};
pub use local::{Device, LocalEngine, Settings};
pub use private::{CacheSalt, PrivateBytes};
pub use scheduler::Occupancy;
pub use sealroom_request::{
    ChatMessage, MAX_STOP_CHARS, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, OutOfRange, PrivateText, Role,
    Sampling, Tool, ToolCall, ToolChoice,
};
pub use tokenizer::tokenizer_digest_layout;
pub use upstream::{
    Address, AddressError, ConnectError, Deadlines, Kind, Socket, UpstreamEngine, UpstreamError,
    UpstreamSettings,
};
