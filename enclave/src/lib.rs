//! The node: answers sealed prompts inside a confidential VM and shows what it is.
//!
//! A prompt travels: TLS ([`serve`]) → the seal is opened in memory that wipes itself → the engine → events
//! are padded and sealed → a receipt is signed. A quote travels: the keys of this boot → statement →
//! [`Collector`] → bundle → bound to one session.
//!
//! What is absent on purpose: no key or prompt is written to disk or to a log, no request is taken without
//! unexpired evidence, nothing inside can simulate hardware.

pub mod boot;
mod clock;
pub mod collect;
pub mod config;
mod entropy;
mod evidence;
mod kem;
mod keys;
pub mod memory;
#[cfg(test)]
mod mock;
mod node;
mod readiness;
mod receipts;
pub mod serve;
pub mod telemetry;
mod trial;
mod upstream;
mod weights;

pub use boot::{BootError, Times};
pub use clock::{Clock, SystemClock};
pub use collect::{CollectError, Collector, GpuCollector};
pub use config::{Config, ConfigError};
pub use entropy::{Entropy, SystemEntropy};
pub use evidence::EvidenceError;
pub use keys::{Keys, KeysError, Leaf};
pub use node::{Node, Parts, State};
pub use trial::{Trial, try_model};
pub use upstream::{ConfinementError, LaunchError};
pub use weights::{Weights, WeightsError};
