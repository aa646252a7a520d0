//! Explanations: every document is shown whole, each byte once, and nothing in it moves a cursor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_verifier::{
    Evidence,
    explain::{Document, ExplainError, Kind, explain, text},
};

/// Yellow, bold, dim, and their end.
const STYLES: [&str; 4] = ["\u{1b}[33m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"];

/// Fields follow each other from the first byte to the last; components lie in the field above them.
fn covers(document: &Document) {
    let (mut reached, mut above) = (0, 0..0);
    for line in &document.lines {
        let end = line.offset + line.length;
        match line.kind {
            Kind::Field => {
                assert_eq!(line.offset, reached, "{}", line.path);
                (reached, above) = (end, line.offset..end);
            }
            Kind::Component => {
                assert!(above.start <= line.offset && end <= above.end, "{}", line.path)
            }
        }
    }
    assert_eq!(reached, document.length, "{}", document.path);
}

fn look(evidence: &Evidence, length: usize) {
    match explain(evidence) {
        Ok(documents) => {
            assert_eq!(documents[0].length, length);
            documents.iter().for_each(covers);
            // Our own styles, and nothing else that a terminal obeys.
            let shown = STYLES.iter().fold(text(&documents), |text, one| text.replace(one, ""));
            assert!(!shown.contains(|one: char| one.is_control() && one != '\n'), "{shown:?}");
        }
        Err(ExplainError::Uncovered(error)) => panic!("{error}"),
        Err(_) => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    let all = [Evidence::Bundle, Evidence::SnpReport, Evidence::TdxQuote, Evidence::GpuReport];
    all.iter().for_each(|kind| look(&kind(bytes.to_vec()), bytes.len()));
});
