//! Evidence bundles and what stands in them: CBOR, item by item, then the evidence inside.

mod names;

use sealroom_attestation::{
    cbor::Item,
    evidence::{Bundle, Hardware},
    manifest::{Configuration, Manifest},
    statement::Statement,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::field::Shape;
use super::layout::{Layout, Sized};
use super::{Document, ExplainError, gpu, snp, tdx};

use names::{BUNDLE, CONFIGURATION, Form, MANIFEST, Names, SNP, STATEMENT, TDX, VTPM};

/// The bundle, its statement, the report or quote, each GPU's report, manifest and configuration.
pub(super) fn documents(bytes: &[u8]) -> Result<Vec<Document>, ExplainError> {
    let bundle = Bundle::decode(bytes)?;
    let hardware = match &bundle.hardware {
        Hardware::Snp { .. } => SNP,
        Hardware::Tdx { .. } => TDX,
        Hardware::AzureVtpm { .. } => VTPM,
    };
    let mut documents = vec![items("bundle", &[BUNDLE, hardware], bytes)?];
    let path = "bundle/statement";
    Statement::decode(&bundle.statement).map_err(|error| within(path, error))?;
    documents.push(items(path, &[STATEMENT], &bundle.statement)?);
    match &bundle.hardware {
        Hardware::Snp { report, .. } => {
            let path = "bundle/hardware/report";
            documents.push(snp::document(path, report).map_err(|error| within(path, error))?);
        }
        Hardware::Tdx { quote, .. } => {
            let path = "bundle/hardware/quote";
            documents.push(tdx::document(path, quote).map_err(|error| within(path, error))?);
        }
        // The report of Azure's layer is only looked at as bytes.
        Hardware::AzureVtpm { .. } => {}
    }
    for (index, entry) in bundle.gpus.iter().enumerate() {
        let path = format!("bundle/GPU {index}/report");
        let document = gpu::document(&path, Some(entry.class), &entry.report);
        documents.push(document.map_err(|error| within(&path, error))?);
    }
    let path = "bundle/manifest";
    Manifest::decode(&bundle.manifest).map_err(|error| within(path, error))?;
    documents.push(items(path, &[MANIFEST], &bundle.manifest)?);
    let path = "bundle/configuration";
    Configuration::decode(&bundle.config).map_err(|error| within(path, error))?;
    documents.push(items(path, &[CONFIGURATION], &bundle.config)?);
    Ok(documents)
}

fn within(part: &str, error: impl Into<ExplainError>) -> ExplainError {
    ExplainError::Part { part: part.to_owned(), reason: Box::new(error.into()) }
}

/// The clause of everything here, which is our own.
const CLAUSE: &str = "Sealroom docs/wire-formats.md";

/// Every item of a document in the one deterministic encoding, which was decoded before.
fn items(path: &str, names: &[Names], bytes: &[u8]) -> Result<Document, ExplainError> {
    let mut layout = Layout::new(path, bytes);
    let mut walk = Walk { layout: &mut layout, names };
    walk.item("", 0)?;
    Ok(layout.finish()?)
}

struct Walk<'w, 'a> {
    layout: &'w mut Layout<'a>,
    names: &'w [Names],
}

/// The head of an item (RFC 8949 §3): its kind, its number, and how many bytes say so.
struct Head {
    kind: u8,
    number: u64,
    length: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let [first, rest @ ..] = bytes else { return Self { kind: 7, number: 0, length: 1 } };
        let kind = first >> 5;
        let more = match first & 0x1f {
            small @ 0..24 => return Self { kind, number: small.into(), length: 1 },
            24 => 1,
            25 => 2,
            26 => 4,
            _ => 8,
        };
        let digits = rest.get(..more).unwrap_or(rest);
        let number = digits.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
        Self { kind, number, length: 1 + more }
    }

    /// Bytes behind the head that belong to this item alone.
    fn content(&self) -> usize {
        match self.kind {
            2 | 3 => usize::try_from(self.number).unwrap_or(usize::MAX),
            _ => 0,
        }
    }
}

impl Walk<'_, '_> {
    /// The item that begins after the bytes of its key, and everything in it. `at` is its place, keys between slashes.
    fn item(&mut self, at: &str, key: usize) -> Result<(), ExplainError> {
        let head = Head::read(self.layout.ahead(key + 9).get(key..).unwrap_or_default());
        let before = key.saturating_add(head.length);
        let length = before.saturating_add(head.content());
        let (name, form, meaning) = self.named(at);
        let value = {
            let content = self.layout.ahead(length).get(before..).unwrap_or_default();
            shown(&head, form, content)
        };
        let group = "";
        let shape = Shape::Bytes;
        let field = Sized { length, name: &name, shape, meaning, clause: CLAUSE };
        self.layout.shown(group, &field, value)?;
        match head.kind {
            4 => (0..head.number).try_for_each(|index| self.item(&below(at, index), 0)),
            5 => (0..head.number).try_for_each(|_| {
                let (key, length) = self.key();
                self.item(&below(at, key), length)
            }),
            _ => Ok(()),
        }
    }

    /// The key that comes next, and its bytes.
    fn key(&self) -> (String, usize) {
        let head = Head::read(self.layout.ahead(9));
        let length = head.length.saturating_add(head.content());
        let text = self.layout.ahead(length).get(head.length..).unwrap_or_default();
        match head.kind {
            3 => (String::from_utf8_lossy(text).into_owned(), length),
            _ => (head.number.to_string(), length),
        }
    }

    /// Its name, with the number or text that stands where its list has a star.
    fn named(&self, at: &str) -> (String, Form, &'static str) {
        let found = self.names.iter().copied().flatten();
        let mut found = found.filter_map(|(place, name, form, meaning)| {
            let star = star(place, at)?;
            Some((name.replace('*', star), *form, *meaning))
        });
        found.next_back().unwrap_or((at.to_owned(), Form::Plain, "not named"))
    }
}

fn below(at: &str, key: impl std::fmt::Display) -> String {
    if at.is_empty() { key.to_string() } else { format!("{at}/{key}") }
}

/// What stands in the place of the star, where the rest is the same.
fn star<'a>(place: &str, at: &'a str) -> Option<&'a str> {
    if place == at {
        return Some("");
    }
    let (before, behind) = place.split_once('*')?;
    let rest = at.strip_prefix(before)?.strip_suffix(behind)?;
    // A key of text may hold a slash, a number never does.
    (behind.is_empty() || !rest.contains('/')).then_some(rest)
}

fn shown(head: &Head, form: Form, content: &[u8]) -> String {
    match (head.kind, form) {
        (0, Form::Time) => time(head.number),
        (0, Form::Named(_)) => form.word(head.number),
        (0, Form::Plain) => head.number.to_string(),
        (2, Form::Text) => String::from_utf8_lossy(content).into_owned(),
        (2, _) => hex::encode(content),
        (3, _) => format!("\"{}\"", String::from_utf8_lossy(content)),
        (4, _) => format!("{} items", head.number),
        (5, _) => format!("{} pairs", head.number),
        (7, _) if head.number == 22 => "null".to_owned(),
        _ => head.number.to_string(),
    }
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.map_or_else(|| seconds.to_string(), |text| format!("{seconds} ({text})"))
}
