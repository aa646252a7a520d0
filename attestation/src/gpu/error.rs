//! Why evidence of a GPU was not verified, one enum for each stage.

use super::compare::CompareError;
use super::nras::NrasError;
use super::ocsp::OcspError;
use super::rim::RimError;

/// The first reason why evidence was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// A RIM does not count.
    #[error(transparent)]
    Rim(#[from] RimError),
    /// Golden values and measurements differ.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// An OCSP response does not count, or it names a certificate in use.
    #[error(transparent)]
    Ocsp(#[from] OcspError),
    /// A token of the attestation service does not count.
    #[error(transparent)]
    Nras(#[from] NrasError),
    /// Nothing failed, and something that is needed was not there.
    #[error("undecided: {missing} could not be checked")]
    Undecided {
        /// The id of the first check that could not run.
        missing: &'static str,
    },
}

impl GpuError {
    /// True when no check failed: with more endorsements the answer may be yes or no.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }
}
