//! The policy over forged evidence: each rule broken by one change and kept one step away.

mod claims;
mod gpu;
mod rules;
mod scene;
mod snp;
mod tdx;
