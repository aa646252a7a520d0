//! The judgement: a policy over claims, with every check and its reason.
//!
//! [`judge`] is the whole of it for a live node: bytes, context, trust and time go in; out comes
//! [`Accepted`], the only thing to which a prompt may be sealed, or a [`Verdict`] that says why not.
//! [`check`] is the auditor's door, evidence of any kind from a file, and [`inspect`] the one to a live node.
//! [`contact`] dials and asks, for whoever judges what is shown.
//!
//! ```
//! use sealroom_attestation::{UnixTime, endorsements::{Anchors, Endorsements}};
//! use sealroom_verifier::{Decision, Evidence, Input, Mode, Policy, Trust, check};
//! # let forged = sealroom_forge::Fake::snp([1; 32]).measurement([7; 48]).sign();
//! # let (report, vcek, chain, list) = (forged.report, forged.vek, [forged.authority, forged.root], forged.crl);
//! # let policy_file = format!(
//! #     "version = 1\nfreshness = \"none\"\n[snp.measurements]\n\"image 1\" = \"{}\"", "07".repeat(48));
//!
//! let policy = Policy::from_toml(&policy_file)?;
//! let mut endorsements = Endorsements::default();
//! for file in [&vcek, &chain[0], &chain[1], &list] {
//!     endorsements.add_file(file)?;
//! }
//! let anchors = Anchors::production(); // AMD's, Intel's and NVIDIA's roots
//! # let anchors = anchors.danger_accept_simulated(forged.root_sha256);
//! let trust = Trust::new(policy, &endorsements, &anchors);
//! let evidence = Evidence::from_file(&report)?;
//! let at = UnixTime::from_rfc3339("2026-06-01T00:00:00Z").ok_or("a time")?;
//! let verdict = check(&Input { evidence, nonce: None, mode: Mode::Policy, at }, &trust);
//! match verdict.decision {
//!     Decision::Accepted => assert!(verdict.decisive().is_none()),
//!     Decision::Refused | Decision::Undecided => panic!("{:?}", verdict.decisive()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod appraise;
pub mod bundle;
mod check;
pub mod cli;
pub mod contact;
pub mod ear;
pub mod endorsements;
pub mod explain;
mod inspect;
mod judge;
pub mod measure;
mod policy;
mod receipt;
pub mod report;
mod verdict;

pub use appraise::{Appraiser, Standing};
pub use check::{Evidence, Input, Mode, UnknownEvidence, check};
pub use inspect::inspect;
pub use judge::{Accepted, Trust, judge};
pub use policy::{
    Architecture, Bulletin, BulletinError, BulletinRules, DangerException, EXCEPTABLE,
    EventLogRules, ExpectedEvent, FirmwareFloor, Flag, GpuPolicy, Host, KEYS, Key, Need,
    Permission, Physical, Pins, Platform, Policy, PolicyError, PolicyRule, Required, Rule,
    SnpPolicy, StatusGrace, TcbGrace, TdImage, TdxFlag, TdxPolicy, UnknownBits, Version,
    reference as policy_reference,
};
pub use receipt::{Exchange, NoNode, audit_receipt};
pub use verdict::{Claims, Crypto, Decision, Verdict};
