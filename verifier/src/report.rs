//! Verdicts for people and for programs.

mod gpu;
mod hardware;
mod json;
mod table;

pub use json::{SCHEMA, VerdictReport};
pub(crate) use table::visible;
pub use table::{summary, table};
