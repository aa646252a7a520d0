//! The relying party, outside the confidential VM: nothing leaves this machine unless the node was verified.
//!
//! How a prompt travels through this crate: [`connect`] takes it from an OpenAI client on loopback,
//! [`keeper`] lends the one open [`session::Session`], the session seals it to the attested key and sends
//! it on the attested connection, and [`session::Answer`] lets the answer out only as far as it is proven:
//! the end of a stream, and the whole of any other answer, waits for the receipt.

pub mod cli;
pub mod clock;
pub mod connect;
pub mod keeper;
pub mod session;

#[doc(inline)]
pub use clock::{Clock, SystemClock};
