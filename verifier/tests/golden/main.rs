//! What the auditor's tool writes, whole: every row of real evidence and one of each other answer, held against files.

mod commands;
mod files;
mod transcript;
#[path = "../support/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;

use commands::CASES;
use files::{Golden, names};
use transcript::Folder;
use vectors::{Row, each_row, find, rows};

/// The golden files of a row: its evidence, when it is judged, which question, and what came with it last.
///
/// Rows are told apart by what they say and not by their place, so that a new one renames none.
fn stem(row: &Row) -> String {
    let bare = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let at = row.at.trim_end_matches('Z').trim_end_matches("T00:00:00").replace(':', "-");
    let mode = if row.crypto_only { "crypto" } else { "policy" };
    let mut stem = format!("{}@{at}_{mode}", bare(&row.file));
    let given = row.with.iter().rfind(|name| !name.starts_with("roots/"));
    if let Some((_, name)) = given.and_then(|name| name.split_once('/')) {
        stem.extend(["_", &bare(name)]);
    }
    stem
}

fn text_and_json(row: &Row, golden: &mut Golden) {
    let folder = Folder::with(row.files().map(|name| (name, find(name).expect("it is here"))));
    let asked = row.arguments(str::to_owned);
    let text = folder.run(&asked);
    let told = format!("{} at {}", row.file, row.at);
    // A golden file that is written anew still cannot say another thing than the table.
    assert_eq!(text.exit, row.exit, "{told}");
    assert!(row.fails.iter().all(|id| text.stdout.contains(id.as_str())), "{told}");
    let json = folder.run(&[asked, vec!["--json".to_owned()]].concat());
    assert_eq!((json.exit, json.stderr.as_str()), (row.exit, ""), "{told}, as JSON");
    let stem = stem(row);
    golden.holds(&format!("{stem}.txt"), &text.shown());
    golden.holds(&format!("{stem}.json"), &json.stdout);
}

#[test]
fn every_row_of_real_evidence_is_told_as_text_and_as_json_to_the_letter() {
    let mut golden = Golden::default();
    each_row(|row| text_and_json(row, &mut golden));
    golden.end();
}

#[test]
fn every_other_answer_is_told_to_the_letter() {
    let mut golden = Golden::default();
    for case in &CASES {
        golden.holds(&format!("{}.txt", case.name), &case.shown());
    }
    golden.end();
}

#[test]
fn no_golden_file_is_left_over_and_no_two_rows_share_one() {
    let stems = rows();
    let stems: Vec<_> = stems.iter().map(stem).collect();
    let mut expected: BTreeSet<_> = stems
        .iter()
        .flat_map(|stem| ["txt", "json"].map(|kind| format!("{stem}.{kind}")))
        .collect();
    assert_eq!(expected.len(), stems.len() * 2, "two rows have one name");
    expected.extend(CASES.iter().map(|case| format!("{}.txt", case.name)));
    let found = names();
    let left_over: Vec<_> = found.difference(&expected).collect();
    assert!(left_over.is_empty(), "delete these, nothing is told as they say: {left_over:?}");
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(
        missing.is_empty() || files::blessing(),
        "not written yet: {missing:?}; do it with {}",
        files::RENEW
    );
}

/// Nobody else's machine has these folders, and no golden file may need them.
#[test]
fn no_golden_file_names_a_folder_of_the_machine_it_was_made_on() {
    for name in names() {
        let text = files::read(&name).expect("a golden file");
        for place in
            [env!("CARGO_MANIFEST_DIR"), "/tmp/", "/home/", "/root/", "\\Users\\", "\u{1b}"]
        {
            assert!(!text.contains(place), "{name} holds {place:?}");
        }
    }
}
