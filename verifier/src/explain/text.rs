//! The text form: aligned columns, a heading for each clause, long values shortened.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};

use super::{Document, Kind, Line, NOTICE};
use crate::report::visible;

const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The widest name and value that have a column.
const NAME: usize = 24;
const VALUE: usize = 16;

/// An explanation as people read it; the first line says that nothing is proven.
///
/// Write it through a stream that strips styles where there is no terminal.
#[must_use]
pub fn text(documents: &[Document]) -> String {
    let mut text = String::new();
    write(documents, &mut text).expect("writing to a string");
    text
}

fn write(documents: &[Document], out: &mut String) -> fmt::Result {
    writeln!(out, "{YELLOW}{NOTICE}{YELLOW:#}")?;
    for Document { path, length, lines } in documents {
        writeln!(out, "\n{BOLD}{path}, {length} bytes{BOLD:#}")?;
        let mut clause = "";
        for line in lines {
            // A component's clause stands beside it only where it is not its field's.
            if line.kind == Kind::Field && line.clause != clause {
                clause = line.clause;
                writeln!(out, " {DIM}{clause}{DIM:#}")?;
            }
            row(path, line, out)?;
        }
    }
    Ok(())
}

fn row(document: &str, line: &Line, out: &mut String) -> fmt::Result {
    let Line { offset, length, value, meaning, .. } = line;
    let value = shortened(value, VALUE);
    match line.kind {
        Kind::Field => {
            let name = shortened(name(document, line), NAME);
            writeln!(out, "{offset:#07x} {length:>6}  {name:NAME$}  {value:VALUE$}  {meaning}")
        }
        Kind::Component => {
            let name = shortened(&line.name, NAME - 2);
            let width = NAME - 2;
            writeln!(out, "{:16}  {DIM}{name:width$}  {value:VALUE$}  {meaning}{DIM:#}", "")
        }
    }
}

/// Blocks and fields with the same names are told apart by their group.
fn name<'l>(document: &str, line: &'l Line) -> &'l str {
    let path = line.path.strip_prefix(document).unwrap_or(&line.path).trim_start_matches('/');
    match path.strip_prefix("response/") {
        Some(within) if within.starts_with("block ") && line.name == "Index" => within,
        _ => &line.name,
    }
}

fn shortened(text: &str, width: usize) -> String {
    // Lines of PEM follow each other; whatever else moves a cursor is not let through.
    let line: String = text.replace(['\r', '\n'], " ").chars().map(visible).collect();
    if line.chars().count() <= width {
        return line;
    }
    let mut start: String = line.chars().take(width - 1).collect();
    start.push('…');
    start
}
