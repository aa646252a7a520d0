//! Inference inside the confidential VM: a model file in private memory becomes answers, token by token.
//!
//! [`Engine`] is the seam; [`LocalEngine`] computes in this process. The crate opens no file and no
//! socket, and reads the clock only to measure how long a request took.

mod card;
pub mod default_model;
mod detokenizer;
mod engine;
mod error;
mod gguf;
mod kernels;
mod kv;
mod llama;
mod local;
mod memory;
mod model;
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
mod vocabulary;

pub use card::{Digest, ModelCard};
pub use engine::{
    Alternative, ChatMessage, Engine, Event, FinishReason, Finished, GenerationRequest, Input,
    MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, Sampling, Sink, SpecialTokens, Timing,
    Token, Usage,
};
pub use error::{EngineError, LoadError, TemplateError};
pub use local::{LocalEngine, Settings};
pub use private::{CacheSalt, PrivateText};
pub use scheduler::Occupancy;
pub use tokenizer::tokenizer_digest_layout;
