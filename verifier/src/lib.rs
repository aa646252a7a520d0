//! The judgement: a policy over claims, with every check and its reason.
//!
//! [`judge`] is the whole of it for a live node: bytes, context, trust and time go in; out comes
//! [`Accepted`], the only thing to which a prompt may be sealed, or a [`Verdict`] that says why not.
//! [`check`] is the auditor's door: evidence of any kind from a file.

mod appraise;
pub mod bundle;
mod check;
pub mod cli;
pub mod explain;
mod judge;
pub mod measure;
mod policy;
pub mod report;
mod verdict;

pub use appraise::{Appraiser, Standing};
pub use check::{Evidence, Input, Mode, UnknownEvidence, check};
pub use judge::{Accepted, Trust, judge};
pub use policy::{
    Architecture, Bulletin, BulletinError, BulletinRules, DangerException, EXCEPTABLE,
    EventLogRules, ExpectedEvent, FirmwareFloor, Flag, GpuPolicy, Host, KEYS, Key, Need,
    Permission, Physical, Pins, Platform, Policy, PolicyError, PolicyRule, Required, Rule,
    SnpPolicy, StatusGrace, TcbGrace, TdImage, TdxFlag, TdxPolicy, UnknownBits, Version,
    reference as policy_reference,
};
pub use verdict::{Claims, Crypto, Decision, Verdict};
