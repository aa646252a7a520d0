//! The table form of a verdict, for terminals and plain text. Colours are styles that a plain stream strips.

use std::{
    collections::HashMap,
    fmt::{self, Write},
};

use anstyle::{AnsiColor, Style};
use sealroom_attestation::claims::{Finding, Outcome};

use super::{receipt, visible::visible};
use crate::verdict::{Crypto, Decision, Verdict};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// How wide a list of names grows, in characters.
const WRAP: usize = 96;

/// The longest `found` that is shown whole, in characters.
const WIDE: usize = 60;

/// A verdict as people read it: SIMULATED first, then every check, then the decision.
///
/// Write it through a stream that strips styles where there is no terminal.
#[must_use]
pub fn table(verdict: &Verdict) -> String {
    let mut text = String::new();
    write(verdict, false, &mut text).expect("writing to a string");
    text
}

/// As [`table`], with one line for what many devices pass alike.
#[must_use]
pub fn summary(verdict: &Verdict) -> String {
    let mut text = String::new();
    write(verdict, true, &mut text).expect("writing to a string");
    text
}

fn write(verdict: &Verdict, folded: bool, out: &mut String) -> fmt::Result {
    if verdict.simulated() {
        let root =
            "SIMULATED: the hardware root is a test key; this proves nothing about a machine";
        writeln!(out, "{RED}{root}{RED:#}\n")?;
    }
    exceptions(verdict, out)?;
    if let Some(said) = &verdict.receipt {
        receipt::lines(said, out)?;
    }
    let rows = verdict.ledger.findings();
    let width = rows.iter().map(|row| row.check.id.len()).max().unwrap_or(0);
    let (open, ruled): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row.outcome == Outcome::NotGiven);
    let mut passed = HashMap::<_, usize>::new();
    for row in &ruled {
        if folded && row.outcome == Outcome::Pass {
            *passed.entry(row.check.id).or_default() += 1;
        }
    }
    for row in ruled {
        let alike = match row.outcome {
            Outcome::Pass if folded => passed.remove(row.check.id),
            _ => Some(1),
        };
        if let Some(alike) = alike {
            line(row, alike, width, out)?;
        }
    }
    unruled(&open, out)?;
    conclusion(verdict, out)
}

/// Rules that the policy's owner lets break, used or not.
fn exceptions(verdict: &Verdict, out: &mut String) -> fmt::Result {
    for one in &verdict.exceptions {
        let (id, until, state) = (one.check.id, one.until, verdict.state(one));
        let reason = shortened(&one.reason);
        writeln!(out, "{RED}DANGER: {id} is excepted until {until} ({state}): {reason}{RED:#}")?;
    }
    if verdict.exceptions.is_empty() { Ok(()) } else { writeln!(out) }
}

/// What nobody asked about, by name: it is said that it was not checked, without a line for each.
fn unruled(open: &[&Finding], out: &mut String) -> fmt::Result {
    if open.is_empty() {
        return Ok(());
    }
    // Devices share what nobody asked about: each name once.
    let mut ids: Vec<&str> = Vec::new();
    for row in open {
        if !ids.contains(&row.check.id) {
            ids.push(row.check.id);
        }
    }
    write!(out, "\n  {DIM}not checked, having no rule or no input ({}):", ids.len())?;
    let mut column = WRAP;
    for id in ids {
        if column + id.len() > WRAP {
            write!(out, "\n   ")?;
            column = 0;
        }
        write!(out, " {id}")?;
        column += id.len() + 1;
    }
    writeln!(out, "{DIM:#}")
}

/// One row, and how many it stands for.
fn line(row: &Finding, alike: usize, width: usize, out: &mut String) -> fmt::Result {
    let (style, word) = match row.outcome {
        Outcome::Pass => (GREEN, "pass"),
        Outcome::Fail => (RED, "FAIL"),
        Outcome::Missing => (YELLOW, "not checked, needed"),
        Outcome::NotGiven => (DIM, "not checked"),
        Outcome::Excepted => (RED, "EXCEPTED"),
    };
    let id = row.check.id;
    let about = row.subject.as_ref().map_or(String::new(), |subject| format!("{subject}: "));
    let found = shortened(&row.found);
    write!(out, "  {id:width$}  {style}{word}{style:#}  {about}{found}")?;
    if alike > 1 {
        write!(out, " {DIM}and {} more{DIM:#}", alike - 1)?;
    }
    if !matches!(row.outcome, Outcome::Fail | Outcome::Excepted) {
        return writeln!(out);
    }
    let indent = width + 4;
    writeln!(out)?;
    writeln!(out, "{:indent$}wanted: {}", "", shortened(&row.expected))?;
    writeln!(out, "{:indent$}why:    {}", "", row.check.why)?;
    writeln!(out, "{:indent$}do:     {}", "", row.check.fix)
}

/// The start of a long value: whole ones are in the JSON form.
fn shortened(text: &str) -> String {
    let mut start: String = text.chars().take(WIDE).map(visible).collect();
    if text.chars().nth(WIDE).is_some() {
        start.push('…');
    }
    start
}

fn conclusion(verdict: &Verdict, out: &mut String) -> fmt::Result {
    let style = match verdict.decision {
        Decision::Accepted => GREEN,
        Decision::Refused => RED,
        Decision::Undecided => YELLOW,
    };
    let crypto = match verdict.crypto {
        Crypto::Genuine if verdict.simulated() => "the evidence is a simulated vendor's",
        Crypto::Genuine => "the evidence is genuinely the vendor's",
        Crypto::Forged => "the evidence does not prove what it says",
        Crypto::Undecided => "whether the evidence is genuine could not be decided",
    };
    writeln!(out, "\n{style}{}{style:#}: {crypto}", verdict.decision.name())?;
    if let (Some(row), false) = (verdict.decisive(), verdict.decision == Decision::Accepted) {
        let about = row.subject.as_ref().map_or(String::new(), |subject| format!(" ({subject})"));
        writeln!(out, "  because {}{about}: {}", row.check.id, shortened(&row.found))?;
        writeln!(out, "  {}", row.check.fix)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn shows_the_start_of_a_text_and_nothing_that_moves_the_cursor() {
        assert_eq!(shortened("model é"), "model é");
        assert_eq!(shortened("a\u{1b}[2J\r\n\u{202e}b"), "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b");
        assert_eq!(shortened(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(shortened(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
