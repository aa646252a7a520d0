//! What is written about verdicts: pages, JSON and its schema, attestation results.

mod ear;
mod html;
#[path = "../support/node.rs"]
mod node;
mod receipt;
mod scene;
mod schema;
