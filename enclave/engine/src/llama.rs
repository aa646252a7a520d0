//! The llama architecture.

mod cache;
mod weights;

pub(crate) use cache::Cache;
pub(crate) use weights::Shape;
