//! The policy over forged evidence: each rule broken by one change and kept one step away.

mod claims;
mod gpu;
mod keys;
#[path = "../support/node.rs"]
mod node;
mod rules;
mod scene;
mod snp;
mod tdx;
