//! The proof: decodes and verifies what a confidential node shows, offline, with every check recorded.
//!
//! Nothing here opens a file or a socket, reads a clock or draws randomness: time, bytes, randomness and
//! trust anchors are arguments, so every verdict can be replayed at any time, on any machine.
//!
//! How a quote travels through this crate: evidence is decoded from bytes, its statement is compared with the
//! hardware report and with the session, and what was proven comes back as [`claims::Verified`] beside a
//! ledger of every check.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod binder;
mod case;
pub mod cbor;
pub mod checks;
pub mod claims;
pub mod digests;
pub mod endorsements;
pub mod endpoints;
pub mod evidence;
pub mod gpu;
pub mod manifest;
pub mod node;
pub mod reader;
pub mod receipt;
pub mod seal;
pub mod snp;
pub mod statement;
pub mod tdx;
pub mod time;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transcript;
pub mod x509;

#[doc(inline)]
pub use claims::{Ledger, Outcome, Refusal, Verified};
#[doc(inline)]
pub use time::{UnixTime, Window};
