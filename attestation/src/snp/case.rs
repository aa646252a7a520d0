//! One verification while it runs: the ledger, and the first reason against.

use crate::checks::Check;
use crate::claims::{Ledger, Outcome, Refusal, Verified};

use super::claims::SnpClaims;
use super::error::SnpError;

/// A check that failed: for programs, and for people.
pub(super) struct Mismatch {
    error: SnpError,
    found: String,
    expected: String,
}

impl Mismatch {
    pub(super) fn new(
        error: impl Into<SnpError>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self { error: error.into(), found: found.to_string(), expected: expected.to_string() }
    }

    /// Where the error says all there is to say.
    pub(super) fn because(error: impl Into<SnpError>, expected: impl ToString) -> Self {
        let error = error.into();
        Self { found: error.to_string(), error, expected: expected.to_string() }
    }
}

/// What a check returns: what was found, for people, or why not.
pub(super) type Checked = Result<String, Mismatch>;

/// A verification in progress.
#[derive(Default)]
pub(super) struct Case {
    ledger: Ledger,
    error: Option<SnpError>,
}

impl Case {
    /// Records one check, and says whether it passed.
    pub(super) fn check(&mut self, check: &'static Check, result: Checked) -> bool {
        match result {
            Ok(found) => {
                self.ledger.pass(check, found);
                true
            }
            Err(mismatch) => {
                self.ledger.fail(check, mismatch.found, mismatch.expected);
                self.error.get_or_insert(mismatch.error);
                false
            }
        }
    }

    /// Records one check whose input may not be there: then it could not run.
    pub(super) fn check_with<T>(
        &mut self,
        check: &'static Check,
        input: Option<T>,
        run: impl FnOnce(T) -> Checked,
    ) -> bool {
        match input {
            Some(input) => self.check(check, run(input)),
            None => {
                self.ledger
                    .missing(check, "an input that it needs is missing or could not be read");
                false
            }
        }
    }

    pub(super) fn missing(&mut self, check: &'static Check, reason: &str) {
        self.ledger.missing(check, reason);
    }

    pub(super) fn not_given(&mut self, checks: &[&'static Check], reason: &str) {
        checks.iter().for_each(|check| self.ledger.not_given(check, reason));
    }

    /// What was not reached is said to be missing.
    pub(super) fn stopped_before(&mut self, checks: &[&'static Check]) {
        self.ledger.stopped_before(checks);
    }

    /// Ends before there are claims.
    pub(super) fn refuse<T>(self) -> Result<T, Refusal<SnpError, SnpClaims>> {
        Err(self.refusal(None))
    }

    /// Ends: verified when nothing failed and nothing needed was missing.
    pub(super) fn conclude(
        self,
        claims: SnpClaims,
    ) -> Result<Verified<SnpClaims>, Refusal<SnpError, SnpClaims>> {
        let proven = claims.generation.is_some() && claims.vek.is_some();
        if proven && !self.ledger.has_failed() && !self.ledger.has_missing() {
            return Ok(Verified::new(claims, self.ledger));
        }
        Err(self.refusal(Some(Box::new(claims))))
    }

    fn refusal(self, claimed: Option<Box<SnpClaims>>) -> Refusal<SnpError, SnpClaims> {
        let missing =
            self.ledger.findings().iter().find(|finding| finding.outcome == Outcome::Missing);
        let undecided = SnpError::Undecided {
            missing: missing.map_or("snp.report.signature", |row| row.check.id),
        };
        Refusal { error: self.error.unwrap_or(undecided), ledger: self.ledger, claimed }
    }
}
