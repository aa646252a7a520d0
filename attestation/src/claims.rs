//! What was proven, as a type, and the ledger that says how.

use crate::checks::Check;
use crate::time::Window;

/// How one check ended. A check that could not run never reads as passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and what was found is what was expected.
    Pass,
    /// It ran, and what was found is not what was expected.
    Fail,
    /// It was needed and could not run: nothing that depends on it is decided.
    Missing,
    /// It could not run because an input that is not needed was not given. It proves nothing.
    NotGiven,
    /// It failed or could not run, and the relying party takes that on itself, by name and until a date.
    Excepted,
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check, with its reason and its remedy.
    pub check: &'static Check,
    /// Which of several devices it is about; `None` where there is one, or where it is about all of them.
    pub subject: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, for people. Never text of a user.
    pub found: String,
    /// What was expected, for people; empty where `found` says it all.
    pub expected: String,
}

/// Every check of one verification, in the order in which they ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    findings: Vec<Finding>,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub const fn new() -> Self {
        Self { findings: Vec::new() }
    }

    /// A ledger of these rows.
    pub(crate) const fn of(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// The rows, in order.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Records a check that passed.
    pub fn pass(&mut self, check: &'static Check, found: impl Into<String>) {
        self.record(check, Outcome::Pass, found.into(), String::new());
    }

    /// Records a check that failed.
    pub fn fail(
        &mut self,
        check: &'static Check,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.record(check, Outcome::Fail, found.into(), expected.into());
    }

    /// Records a needed check that could not run, with the reason.
    pub fn missing(&mut self, check: &'static Check, reason: impl Into<String>) {
        self.record(check, Outcome::Missing, reason.into(), String::new());
    }

    /// Records a check whose input was not given and is not needed here, with the reason.
    pub fn not_given(&mut self, check: &'static Check, reason: impl Into<String>) {
        self.record(check, Outcome::NotGiven, reason.into(), String::new());
    }

    /// Records `pass` or `fail`, and says which.
    pub fn require(
        &mut self,
        check: &'static Check,
        holds: bool,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> bool {
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        self.record(check, outcome, found.into(), expected.into());
        holds
    }

    /// Records every check of `checks` that has no row yet as missing: the verification stopped before it.
    pub fn stopped_before(&mut self, checks: &[&'static Check]) {
        for check in checks {
            if !self.findings.iter().any(|finding| std::ptr::eq(finding.check, *check)) {
                self.missing(check, "not reached: an earlier check failed");
            }
        }
    }

    /// Appends another ledger's rows.
    pub fn append(&mut self, other: Self) {
        self.findings.extend(other.findings);
    }

    /// Appends another ledger's rows, which are about `subject`, one of several devices.
    pub fn append_as(&mut self, subject: &str, other: Self) {
        let named = |row: Finding| Finding { subject: Some(subject.to_owned()), ..row };
        self.findings.extend(other.findings.into_iter().map(named));
    }

    /// Marks the rows of one check that failed or are missing: somebody answers for them, for this reason.
    pub fn except(&mut self, check: &'static Check, reason: &str) {
        for row in self.findings.iter_mut().filter(|row| std::ptr::eq(row.check, check)) {
            if matches!(row.outcome, Outcome::Fail | Outcome::Missing) {
                row.outcome = Outcome::Excepted;
                row.expected = match &*row.expected {
                    "" => reason.to_owned(),
                    expected => format!("{expected}; {reason}"),
                };
            }
        }
    }

    /// The rows that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome == Outcome::Fail)
    }

    /// True when some row failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed().next().is_some()
    }

    /// True when some needed check could not run.
    #[must_use]
    pub fn has_missing(&self) -> bool {
        self.findings.iter().any(|finding| finding.outcome == Outcome::Missing)
    }

    fn record(&mut self, check: &'static Check, outcome: Outcome, found: String, expected: String) {
        self.findings.push(Finding { check, subject: None, outcome, found, expected });
    }
}

/// A signed list or document that took part, by name for people, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// What it is, and whose.
    pub name: String,
    /// When it counts.
    pub validity: Window,
}

/// Claims whose evidence was verified. Only a `verify` of this crate that returned `Ok` makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T> {
    claims: T,
    ledger: Ledger,
}

impl<T> Verified<T> {
    /// The caller has run every needed check and none of them failed or was missing.
    pub(crate) fn new(claims: T, ledger: Ledger) -> Self {
        debug_assert!(!ledger.has_failed() && !ledger.has_missing());
        Self { claims, ledger }
    }

    /// What the evidence says.
    #[must_use]
    pub const fn claims(&self) -> &T {
        &self.claims
    }

    /// How it was proven.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Why evidence was not verified: the first reason, every check, and what the evidence says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal<E, C> {
    /// The first reason.
    pub error: E,
    /// Every check that ran, and those that did not.
    pub ledger: Ledger,
    /// What the evidence claims where it could be decoded. Unproven: good for refusing, never for accepting.
    pub claimed: Option<Box<C>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    #[test]
    fn a_stop_marks_only_what_has_no_row() {
        let mut ledger = Ledger::new();
        ledger.pass(&checks::SNP_REPORT_VERSION, "5");
        ledger.stopped_before(&[&checks::SNP_REPORT_VERSION, &checks::SNP_REPORT_SIGNATURE]);
        let outcomes: Vec<_> = ledger.findings().iter().map(|finding| finding.outcome).collect();
        assert_eq!(outcomes, [Outcome::Pass, Outcome::Missing]);
        assert!(ledger.has_missing() && !ledger.has_failed());
    }

    #[test]
    fn rows_about_one_of_several_devices_name_it() {
        let (mut all, mut one) = (Ledger::new(), Ledger::new());
        one.pass(&checks::GPU_REPORT_SIGNATURE, "by its key");
        all.append(one.clone());
        all.append_as("GPU 1", one);
        let subjects: Vec<_> = all.findings().iter().map(|row| row.subject.as_deref()).collect();
        assert_eq!(subjects, [None, Some("GPU 1")]);
    }

    #[test]
    fn what_is_excepted_is_neither_passed_nor_failed_and_only_of_the_check_that_is_named() {
        let mut ledger = Ledger::new();
        ledger.fail(&checks::SNP_PLATFORM_SMT, "set", "not set");
        ledger.missing(&checks::SNP_PLATFORM_SMT, "not said");
        ledger.pass(&checks::SNP_PLATFORM_SMT, "not set");
        ledger.fail(&checks::SNP_POLICY_SMT, "set", "not set");
        ledger.except(&checks::SNP_PLATFORM_SMT, "until Friday");
        let outcomes: Vec<_> = ledger.findings().iter().map(|row| row.outcome).collect();
        use Outcome::{Excepted, Fail, Pass};
        assert_eq!(outcomes, [Excepted, Excepted, Pass, Fail]);
        assert_eq!(ledger.findings()[0].expected, "not set; until Friday");
        assert!(!ledger.has_missing() && ledger.failed().count() == 1);
    }

    #[test]
    fn an_input_that_is_not_needed_leaves_nothing_missing() {
        let mut ledger = Ledger::new();
        ledger.not_given(&checks::SNP_CRL_SIGNATURE, "no revocation list was given");
        assert!(!ledger.has_missing());
        ledger.missing(&checks::SNP_CRL_SIGNATURE, "the policy needs one");
        assert!(ledger.has_missing());
    }
}
