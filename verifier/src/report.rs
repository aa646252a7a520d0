//! Verdicts for people and for programs.

mod gpu;
mod hardware;
mod html;
mod json;
mod provenance;
mod receipt;
mod table;
mod visible;

pub use html::html;
pub use json::{JSON_SCHEMA, SCHEMA, VerdictReport};
pub use table::{summary, table};
pub(crate) use visible::visible;
