//! Answers requests: TLS, the few endpoints outside the seal, and what is inside it.

mod padding;

pub use padding::Padding;
