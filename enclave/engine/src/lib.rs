//! Inference inside the confidential VM: a model file in private memory becomes answers, token by token.
//!
//! [`Engine`] is the seam; [`LocalEngine`] computes in this process. The crate opens no file and no
//! socket, and reads the clock only to measure how long a request took.

mod error;
mod private;

pub use error::{EngineError, LoadError, TemplateError};
pub use private::PrivateText;
