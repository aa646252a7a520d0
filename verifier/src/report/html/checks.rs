//! Every check, the failed ones first, and what was not checked.

use sealroom_attestation::{Outcome, claims::Finding};

use super::{markup::Html, tables};
use crate::{report::provenance::severity, verdict::Verdict};

/// Rows that say the same of several devices.
struct Alike<'v> {
    row: &'v Finding,
    subjects: Vec<&'v str>,
    count: usize,
}

/// All checks.
pub(super) fn section(verdict: &Verdict, out: &mut Html) {
    let rows = verdict.ledger.findings();
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    out.raw("<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">All checks</h2>\n");
    out.element("<p>", count(Outcome::Fail), " failed, ");
    out.element("", count(Outcome::Excepted), " excepted, ");
    out.element("", count(Outcome::Missing), " needed and not checked, ");
    out.element("", count(Outcome::NotGiven), " not checked and not needed, ");
    out.element(
        "",
        count(Outcome::Pass),
        " passed. What is equal for several devices is one line.</p>\n",
    );
    let caption = "Every check, failed first, then those that did not run, then passed";
    let columns = ["Check", "Result", "About", "Found", "Wanted", "Why it matters", "What to do"];
    tables::begin(out, caption, &columns);
    for alike in grouped(rows) {
        line(&alike, out);
    }
    tables::end(out);
    out.raw("</section>\n");
}

fn line(alike: &Alike<'_>, out: &mut Html) {
    let row = alike.row;
    let (class, word) = result(row.outcome);
    tables::row(out, class, row.check.id);
    tables::cell(out, "Result", word);
    tables::cell(out, "About", about(alike));
    tables::cell(out, "Found", &row.found);
    tables::cell(out, "Wanted", if row.expected.is_empty() { "–" } else { &row.expected });
    tables::cell(out, "Why it matters", row.check.why);
    let to_do = if row.outcome == Outcome::Pass { "nothing" } else { row.check.fix };
    tables::cell(out, "What to do", to_do);
    tables::end_row(out);
}

/// What was not checked, and why not.
pub(super) fn not_checked(verdict: &Verdict, out: &mut Html) {
    out.raw("<section aria-labelledby=\"open\">\n<h2 id=\"open\">What was not checked</h2>\n");
    let open = |row: &&Finding| matches!(row.outcome, Outcome::Missing | Outcome::NotGiven);
    let rows: Vec<_> = verdict.ledger.findings().iter().filter(open).cloned().collect();
    if rows.is_empty() {
        out.raw("<p>Nothing: every check of this version ran.</p>\n</section>\n");
        return;
    }
    out.raw("<p>None of these reads as passed. The needed ones leave the verdict undecided.</p>\n");
    tables::begin(out, "Checks that did not run", &["Check", "Needed?", "About", "Why not"]);
    for alike in grouped(&rows) {
        let row = alike.row;
        tables::row(out, result(row.outcome).0, row.check.id);
        let needed = if row.outcome == Outcome::Missing { "needed" } else { "not needed" };
        tables::cell(out, "Needed?", needed);
        tables::cell(out, "About", about(&alike));
        tables::cell(out, "Why not", &row.found);
        tables::end_row(out);
    }
    tables::end(out);
    out.raw("</section>\n");
}

const fn result(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Fail => ("bad", "FAIL"),
        Outcome::Excepted => ("bad", "EXCEPTED"),
        Outcome::Missing => ("open", "not checked, needed"),
        Outcome::NotGiven => ("dim", "not checked"),
        Outcome::Pass => ("good", "pass"),
    }
}

fn about(alike: &Alike<'_>) -> String {
    match (alike.subjects.as_slice(), alike.count) {
        ([], 1) => "the evidence".to_owned(),
        ([], count) => format!("the evidence, {count} times"),
        (subjects, _) => subjects.join(", "),
    }
}

/// Rows by how they ended, in the order in which they ran; those that differ in nothing but the device together.
fn grouped(rows: &[Finding]) -> Vec<Alike<'_>> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for row in rows {
        let same = |other: &&mut Alike<'_>| {
            let other = other.row;
            std::ptr::eq(other.check, row.check)
                && other.outcome == row.outcome
                && other.subject.is_some() == row.subject.is_some()
                && (&other.found, &other.expected) == (&row.found, &row.expected)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.add(row),
            None => {
                let mut group = Alike { row, subjects: Vec::new(), count: 0 };
                group.add(row);
                groups.push(group);
            }
        }
    }
    groups.sort_by_key(|group| severity(group.row.outcome));
    groups
}

impl<'v> Alike<'v> {
    fn add(&mut self, row: &'v Finding) {
        self.count = self.count.saturating_add(1);
        if let Some(subject) = row.subject.as_deref().filter(|one| !self.subjects.contains(one)) {
            self.subjects.push(subject);
        }
    }
}
