//! What is written about verdicts: pages, JSON and its schema, attestation results.

mod ear;
mod html;
mod receipt;
mod scene;
mod schema;
