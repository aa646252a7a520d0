//! Everything around the product that a test or the demo needs: simulated hardware, a clock that moves when
//! told, an engine that answers at once, and the attackers.
//!
//! Nothing here is linked into a production binary; a test holds that.

pub mod attacks;
pub mod canary;
pub mod carrier;
pub mod clock;
pub mod echo;
pub mod gpus;
pub mod hardware;
pub mod liar;
pub mod middle;
pub mod model;
pub mod vendors;
pub mod world;
