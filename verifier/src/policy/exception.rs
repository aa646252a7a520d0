//! Exceptions: rules that a policy's owner lets break, by name, for a reason, until a date.

use sealroom_attestation::{
    UnixTime,
    checks::{self, Check},
};

/// One rule that may be broken. It is printed first in every verdict, used or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DangerException {
    /// The rule's check.
    pub check: &'static Check,
    /// Why, for whoever reads the verdict.
    pub reason: String,
    /// The last second in which it counts.
    pub until: UnixTime,
}

/// Rules that may be excepted: those of the policy alone, and none that says which code runs, which model answers, or
/// whether the evidence is genuine and fresh.
pub const EXCEPTABLE: &[&Check] = &[
    &checks::POLICY_PHYSICAL,
    &checks::POLICY_STATEMENT_LIFETIME,
    &checks::POLICY_BULLETIN,
    &checks::SNP_PRODUCT_GENERATION,
    &checks::SNP_VEK_ACCEPTED,
    &checks::SNP_POLICY_SMT,
    &checks::SNP_POLICY_SINGLE_SOCKET,
    &checks::SNP_POLICY_CXL,
    &checks::SNP_POLICY_MEM_AES,
    &checks::SNP_POLICY_RAPL,
    &checks::SNP_POLICY_CIPHERTEXT_HIDING,
    &checks::SNP_POLICY_PAGE_SWAP,
    &checks::SNP_PLATFORM_SMT,
    &checks::SNP_PLATFORM_TSME,
    &checks::SNP_PLATFORM_ECC,
    &checks::SNP_PLATFORM_RAPL,
    &checks::SNP_PLATFORM_CIPHERTEXT_HIDING,
    &checks::SNP_PLATFORM_ALIAS_CHECK,
    &checks::SNP_PLATFORM_TIO,
    &checks::SNP_TCB_REPORTED,
    &checks::SNP_TCB_CURRENT,
    &checks::SNP_TCB_COMMITTED,
    &checks::SNP_TCB_LAUNCH,
    &checks::SNP_TCB_PROVISIONAL,
    &checks::SNP_FIRMWARE_API,
    &checks::SNP_MITIGATIONS,
    &checks::SNP_CHIP,
    &checks::SNP_REVOCATION,
    &checks::TDX_TCB_STATUS,
    &checks::TDX_TCB_ADVISORIES,
    &checks::TDX_TCB_EVALUATION,
    &checks::TDX_TCB_AGE,
    &checks::TDX_TCB_DATE,
    &checks::TDX_TCB_COMPONENTS,
    &checks::TDX_PLATFORM,
    &checks::TDX_PLATFORM_DYNAMIC,
    &checks::TDX_PLATFORM_CACHED_KEYS,
    &checks::TDX_PLATFORM_SMT,
    &checks::TDX_REVOCATION,
    &checks::GPU_COUNT,
    &checks::GPU_ARCHITECTURE,
    &checks::GPU_MODE,
    &checks::GPU_DRIVER,
    &checks::GPU_VBIOS,
    &checks::GPU_RIM_AGE,
    &checks::GPU_OCSP_AGE,
    &checks::GPU_REVOCATION,
    &checks::GPU_HOLD,
];

/// The check of this name, where it may be excepted.
pub(super) fn exceptable(id: &str) -> Option<&'static Check> {
    EXCEPTABLE.iter().find(|check| check.id == id).copied()
}

impl DangerException {
    /// True until its date.
    #[must_use]
    pub fn counts(&self, at: UnixTime) -> bool {
        at <= self.until
    }
}
