//! One verification of SEV-SNP evidence while it runs.

use crate::case;

use super::error::SnpError;

/// A check that failed: for programs, and for people.
pub(super) type Mismatch = case::Mismatch<SnpError>;
/// What a check returns: what was found, for people, or why not.
pub(super) type Checked = case::Checked<SnpError>;
/// A verification in progress.
pub(super) type Case = case::Case<SnpError>;
