//! `explain`: every byte of every kind of evidence has its field, and the fields say what the decoders say.

mod agreement;
mod evidence;
mod hostile;

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use evidence::{forged, real};
use sealroom_verifier::{
    Evidence,
    explain::{Document, Kind, Line, explain, text},
};
use serde_json::Value;

/// The value at a path, of a field or of a component.
pub(crate) fn value<'d>(documents: &'d [Document], path: &str) -> &'d str {
    let lines = documents.iter().flat_map(|document| &document.lines);
    let mut found = lines.filter(|line| line.path == path);
    let first = found.next().unwrap_or_else(|| panic!("{path} is not there"));
    assert!(found.next().is_none(), "{path} is there twice");
    &first.value
}

/// Fields follow each other from the first byte to the last; components lie in the field above them.
fn covers(document: &Document) {
    let (mut reached, mut above) = (0, 0..0);
    for Line { offset, length, path, kind, name, meaning, clause, .. } in &document.lines {
        match kind {
            Kind::Field => {
                assert_eq!(*offset, reached, "{path}");
                (reached, above) = (offset + length, *offset..offset + length);
            }
            Kind::Component => {
                assert!(above.start <= *offset && offset + length <= above.end, "{path}");
            }
        }
        assert!(path.starts_with(&format!("{}/", document.path)), "{path}");
        let said = !name.is_empty() && !meaning.is_empty() && !clause.is_empty();
        assert!(said && meaning != "not named", "{path}");
    }
    assert_eq!(reached, document.length, "{}", document.path);
}

#[test]
fn the_fields_of_every_format_cover_every_byte_once() {
    for (name, evidence) in real().into_iter().chain(forged()) {
        let documents = explain(&evidence).unwrap_or_else(|error| panic!("{name}: {error}"));
        documents.iter().for_each(covers);
        let (Evidence::Bundle(bytes)
        | Evidence::SnpReport(bytes)
        | Evidence::TdxQuote(bytes)
        | Evidence::GpuReport(bytes)) = &evidence;
        assert_eq!(documents[0].length, bytes.len(), "{name}");
    }
}

fn verifier(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.arg("explain").args(arguments).env("NO_COLOR", "1");
    command.output().expect("the verifier runs")
}

pub(crate) fn on_file(bytes: &[u8], arguments: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let path = file.path().to_str().expect("a path");
    verifier(&[&[path], arguments].concat())
}

#[test]
fn the_first_line_says_that_nothing_is_verified_and_columns_are_aligned() {
    let (_, Evidence::SnpReport(report)) = &forged()[10] else { panic!("a report of version 5") };
    let output = on_file(report, &[]);
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(shown.lines().next(), Some("decoded, not verified: anybody can write these bytes"));
    for start in [
        " AMD 56860 §7.3, table 23 (ATTESTATION_REPORT)",
        "0x00000      4  VERSION                   5                 layout of the report",
        "0x00090     48  MEASUREMENT               ",
        "                  SMT                     1                 bit 16: multithreading",
    ] {
        assert!(shown.lines().any(|line| line.starts_with(start)), "{start}\n{shown}");
    }
}

#[test]
fn json_holds_every_line_with_its_value_whole() {
    for (name, evidence) in forged() {
        let (Evidence::Bundle(bytes)
        | Evidence::SnpReport(bytes)
        | Evidence::TdxQuote(bytes)
        | Evidence::GpuReport(bytes)) = &evidence;
        let output = on_file(bytes, &["--json"]);
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&json["schema"], output.status.code()), (&1.into(), Some(0)), "{name}");
        let documents = explain(&evidence).expect("evidence");
        let lines: Vec<_> = documents.iter().flat_map(|document| &document.lines).collect();
        let expected = serde_json::to_value(&lines).expect("JSON");
        assert_eq!(json["fields"], expected, "{name}");
        let keys = json["fields"][0].as_object().expect("an object").keys();
        let keys: BTreeSet<_> = keys.map(String::as_str).collect();
        let expected = ["clause", "length", "meaning", "name", "offset", "path", "value"];
        assert_eq!(keys, expected.into());
    }
}

#[test]
fn nothing_in_evidence_moves_a_cursor() {
    for (name, evidence) in forged() {
        let shown = text(&explain(&evidence).expect("evidence"));
        let plain = anstream::adapter::strip_str(&shown).to_string();
        let hidden =
            plain.chars().find(|one| *one != '\n' && one.is_control() || *one == '\u{202e}');
        assert_eq!(hidden, None, "{name}");
    }
}
