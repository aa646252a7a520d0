//! The judgement: a policy over claims, with every check and its reason.
//!
//! [`judge`] is the whole of it for a live node: bytes, context, trust and time go in; out comes
//! [`Accepted`], the only thing to which a prompt may be sealed, or a [`Verdict`] that says why not.
//! [`check`] is the auditor's door: evidence of any kind from a file.

mod appraise;
mod check;
pub mod cli;
pub mod explain;
mod judge;
pub mod measure;
mod policy;
pub mod report;
mod verdict;

pub use appraise::{Standing, appraise};
pub use check::{Evidence, Input, Mode, UnknownEvidence, check};
pub use judge::{Accepted, Trust, judge};
pub use policy::{
    Architecture, FirmwareFloor, Flag, GpuPolicy, Pins, Policy, PolicyError, Required, Revocation,
    Rule, SnpPolicy, Suspended, TdImage, TdxFlag, TdxPolicy, UnknownBits, Version,
};
pub use verdict::{Claims, Crypto, Decision, Verdict};
