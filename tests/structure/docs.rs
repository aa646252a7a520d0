//! Holds the pages against the tree: every path that they name is there, and every example is accepted.

use std::{fs, path::PathBuf};

use sealroom_verifier::Policy;

use crate::root;

fn pages() -> Vec<PathBuf> {
    let folder =
        fs::read_dir(root().join("docs")).expect("docs/").flatten().map(|entry| entry.path());
    let own = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let pages = folder.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain(own).collect()
}

/// What stands between single backticks and looks like a path of this tree.
fn paths(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let folders = ["attestation/", "verifier/", "enclave/", "gateway/", "tests/", "docs/"];
    quoted.filter(move |text| {
        !text.contains([' ', '\n', '*']) && folders.iter().any(|folder| text.starts_with(folder))
    })
}

#[test]
fn every_path_on_a_page_is_in_the_tree() {
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for path in paths(&text) {
            assert!(root().join(path).exists(), "{} names {path}", page.display());
            found += 1;
        }
    }
    assert!(found > 20, "the pages were not read");
}

#[test]
fn the_policy_on_its_page_is_accepted() {
    let page = fs::read_to_string(root().join("docs/policy.md")).expect("the page");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = example.expect("an example");
    let policy = Policy::from_toml(example).expect("a policy");
    assert!(policy.pins_a_measurement());
    assert_eq!(page, sealroom_verifier::policy_reference(), "made by `policy reference`");
}

/// The checks that answer the attacks are checks that exist.
#[test]
fn every_check_of_the_threat_model_is_one() {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let named =
        rows.flat_map(|row| row.split('`').skip(1).step_by(2)).filter(|id| id.contains('.'));
    let known: Vec<_> = sealroom_attestation::checks::all().map(|check| check.id).collect();
    let unknown: Vec<_> = named.clone().filter(|id| !known.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(named.count() > 15, "the page was not read");
}

/// Every check of hardware evidence is on its page, and the page names no other.
#[test]
fn every_check_of_hardware_evidence_is_on_its_page() {
    let page = fs::read_to_string(root().join("docs/checks.md")).expect("the page");
    let mut named: Vec<_> = page.split('`').skip(1).step_by(2).collect();
    let all = sealroom_attestation::checks::all().map(|check| check.id);
    let mut known: Vec<_> = all
        .filter(|id| {
            ["snp.", "tdx.", "gpu.", "endorsements."].iter().any(|kind| id.starts_with(kind))
        })
        .collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}
