//! Holds the page of other people's audits against the tree: its tests are tests, its checks are checks.

use std::{collections::BTreeSet, fs};

use crate::root;

/// What one row names: checks before the first file, then files with their tests.
#[derive(Default)]
struct Row<'p> {
    checks: Vec<&'p str>,
    tests: Vec<(&'p str, &'p str)>,
}

impl<'p> Row<'p> {
    fn read(line: &'p str) -> Self {
        let (mut row, mut file) = (Self::default(), None);
        for name in line.split('`').skip(1).step_by(2) {
            match file {
                _ if name.ends_with(".rs") => file = Some(name),
                None => row.checks.push(name),
                Some(file) => row.tests.push((file, name)),
            }
        }
        row
    }
}

fn page() -> String {
    fs::read_to_string(root().join("docs/audits.md")).expect("the page")
}

fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines().filter(|line| line.starts_with("| ")).map(Row::read).collect()
}

/// True where this file has a test of this name.
fn is_test(source: &str, name: &str) -> bool {
    source.match_indices(&format!("fn {name}(")).any(|(place, _)| {
        let before = source.get(..place).unwrap_or_default();
        let own = before.rsplit("\n\n").next().unwrap_or_default();
        own.contains("#[test]") || own.contains("#[tokio::test")
    })
}

#[test]
fn every_test_on_the_page_of_audits_is_in_the_tree() {
    let page = page();
    let named: Vec<_> = rows(&page).into_iter().flat_map(|row| row.tests).collect();
    for (file, name) in &named {
        let source = fs::read_to_string(root().join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_test(&source, name), "{file} has no test {name}");
    }
    assert!(named.len() > 80, "the page was not read");
}

#[test]
fn every_check_on_the_page_of_audits_is_one() {
    let page = page();
    let known: BTreeSet<_> = sealroom_attestation::checks::all().map(|check| check.id).collect();
    let named: Vec<_> = rows(&page).into_iter().flat_map(|row| row.checks).collect();
    let unknown: Vec<_> = named.iter().filter(|id| !known.contains(*id)).collect();
    assert!(named.len() > 60 && unknown.is_empty(), "{} checks, unknown: {unknown:?}", named.len());
}

/// A finding about evidence without a check or without a test would be a claim.
#[test]
fn every_finding_about_evidence_has_its_check_and_its_test() {
    let page = page();
    let section = page.split("\n## ").find(|section| section.starts_with("About evidence"));
    let lines = section.expect("the section").lines().filter(|line| line.starts_with("| "));
    let findings: Vec<_> = lines.skip(1).collect();
    for line in &findings {
        let row = Row::read(line);
        assert!(!row.checks.is_empty() && !row.tests.is_empty(), "{line}");
    }
    assert!(findings.len() > 20, "the page was not read");
}

#[test]
fn every_test_that_was_written_for_a_finding_is_on_the_page() {
    let page = page();
    let folder = fs::read_dir(root().join("verifier/tests/audits")).expect("the tests").flatten();
    let mut found = 0;
    for file in folder {
        let source = fs::read_to_string(file.path()).expect("a source file");
        for test in source.split("#[test]").skip(1) {
            let name =
                test.trim_start().strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            let name = name.expect("a function");
            assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
            found += 1;
        }
    }
    assert!(found > 10, "the tests were not read");
}
