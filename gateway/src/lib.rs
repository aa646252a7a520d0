//! The relying party, outside the confidential VM: nothing leaves this machine unless the node was verified.

pub mod clock;
pub mod connect;
pub mod keeper;
pub mod session;

#[doc(inline)]
pub use clock::{Clock, SystemClock};
