//! One verification while it runs: the ledger, and the first reason against.

use crate::checks::Check;
use crate::claims::{Finding, Ledger, Outcome, Refusal, Verified};

/// A check that failed: for programs, and for people.
pub(crate) struct Mismatch<E> {
    error: E,
    found: Box<str>,
    expected: Box<str>,
}

impl<E: std::fmt::Display> Mismatch<E> {
    pub(crate) fn new(error: impl Into<E>, found: impl ToString, expected: impl ToString) -> Self {
        let (found, expected) = (found.to_string().into(), expected.to_string().into());
        Self { error: error.into(), found, expected }
    }

    /// Where the error says all there is to say.
    pub(crate) fn because(error: impl Into<E>, expected: impl ToString) -> Self {
        let error = error.into();
        let (found, expected) = (error.to_string().into(), expected.to_string().into());
        Self { error, found, expected }
    }
}

/// What a check returns: what was found, for people, or why not.
pub(crate) type Checked<E> = Result<String, Mismatch<E>>;

/// A verification in progress.
pub(crate) struct Case<E> {
    ledger: Ledger,
    error: Option<E>,
    undecided: fn(&'static str) -> E,
}

impl<E> Case<E> {
    /// Begins; `undecided` is the reason when nothing failed and a needed check, by id, could not run.
    pub(crate) const fn new(undecided: fn(&'static str) -> E) -> Self {
        Self { ledger: Ledger::new(), error: None, undecided }
    }

    /// Records one check, and says whether it passed.
    pub(crate) fn check(&mut self, check: &'static Check, result: Checked<E>) -> bool {
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
    pub(crate) fn check_with<T>(
        &mut self,
        check: &'static Check,
        input: Option<T>,
        run: impl FnOnce(T) -> Checked<E>,
    ) -> bool {
        match input {
            Some(input) => self.check(check, run(input)),
            None => {
                self.missing(check, "an input that it needs is missing or could not be read");
                false
            }
        }
    }

    pub(crate) fn missing(&mut self, check: &'static Check, reason: &str) {
        self.ledger.missing(check, reason);
    }

    /// Records what was not reached for one of several inputs: other inputs may have rows of the same checks.
    pub(crate) fn missing_all(&mut self, checks: &[&'static Check]) {
        checks.iter().for_each(|check| self.missing(check, "not reached: an earlier check failed"));
    }

    pub(crate) fn not_given(&mut self, checks: &[&'static Check], reason: &str) {
        checks.iter().for_each(|check| self.ledger.not_given(check, reason));
    }

    /// How many rows there are: where the next begins.
    pub(crate) fn rows(&self) -> usize {
        self.ledger.findings().len()
    }

    /// The rows from one on.
    pub(crate) fn rows_from(&self, first: usize) -> Vec<Finding> {
        self.ledger.findings().get(first..).unwrap_or_default().to_vec()
    }

    /// Writes the rows again that the same verification wrote before.
    pub(crate) fn repeat(&mut self, rows: Vec<Finding>) {
        self.ledger.append(Ledger::of(rows));
    }

    /// Takes over another verification's rows, each under the name of what they are about, and its first reason.
    pub(crate) fn append_as(&mut self, subject: &str, ledger: Ledger, error: Option<E>) {
        self.ledger.append_as(subject, ledger);
        if let Some(error) = error {
            self.error.get_or_insert(error);
        }
    }

    /// The rows, and the first reason against, for a verification of which this one is a part.
    pub(crate) fn into_parts(self) -> (Ledger, Option<E>) {
        (self.ledger, self.error)
    }

    /// What was not reached is said to be missing.
    pub(crate) fn stopped_before(&mut self, checks: &[&'static Check]) {
        self.ledger.stopped_before(checks);
    }

    /// Ends before there are claims.
    pub(crate) fn refuse<T, C>(self) -> Result<T, Refusal<E, C>> {
        Err(self.refusal(None))
    }

    /// Ends: verified when the claims are whole, nothing failed and nothing needed was missing.
    pub(crate) fn conclude<C>(self, claims: C, whole: bool) -> Result<Verified<C>, Refusal<E, C>> {
        if whole && !self.ledger.has_failed() && !self.ledger.has_missing() {
            return Ok(Verified::new(claims, self.ledger));
        }
        Err(self.refusal(Some(Box::new(claims))))
    }

    fn refusal<C>(self, claimed: Option<Box<C>>) -> Refusal<E, C> {
        let missing =
            self.ledger.findings().iter().find(|finding| finding.outcome == Outcome::Missing);
        let undecided = (self.undecided)(missing.map_or("claims", |row| row.check.id));
        Refusal { error: self.error.unwrap_or(undecided), ledger: self.ledger, claimed }
    }
}
