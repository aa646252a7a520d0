//! The OpenAI interface inside the seal.
//!
//! Prompts and replies live in buffers that wipe themselves and are never formatted into an error or a log.

mod error;
mod feed;
mod fields;
mod writer;

pub(super) use error::ApiError;
pub(super) use feed::{Feed, feed};
pub(super) use writer::{DONE, Shape, Writer};
