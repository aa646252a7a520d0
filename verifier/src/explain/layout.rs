//! Fields laid over bytes: each at its place, all of them covering every byte once.

use super::field::{Components, Field, Flags, Shape, Table, number};
use super::{Document, Kind, Line};

/// The fields of a list do not cover the bytes that were decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fields of {path} reach to byte {reached} where {expected} was expected")]
pub struct UncoveredError {
    /// Which document.
    pub path: String,
    /// Where they end, or leave a gap.
    pub reached: usize,
    /// Where they should.
    pub expected: usize,
}

/// A document while its fields are placed.
pub(super) struct Layout<'a> {
    path: String,
    bytes: &'a [u8],
    reached: usize,
    lines: Vec<Line>,
    tcb: (Option<Components>, &'static str),
}

/// A field whose length the evidence says.
pub(super) struct Sized<'n> {
    pub(super) length: usize,
    pub(super) name: &'n str,
    pub(super) shape: Shape,
    pub(super) meaning: &'n str,
    pub(super) clause: &'static str,
}

impl<'a> Layout<'a> {
    pub(super) fn new(path: &str, bytes: &'a [u8]) -> Self {
        Self { path: path.to_owned(), bytes, reached: 0, lines: Vec::new(), tcb: (None, "") }
    }

    /// What the bytes of every TCB stand for, where it is known, and where that is written.
    pub(super) fn with_tcb(self, components: Option<Components>, clause: &'static str) -> Self {
        Self { tcb: (components, clause), ..self }
    }

    /// Bytes without a field so far.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.reached)
    }

    /// The next bytes, or fewer where the document ends.
    pub(super) fn ahead(&self, length: usize) -> &'a [u8] {
        let rest = self.bytes.get(self.reached..).unwrap_or_default();
        rest.get(..length).unwrap_or(rest)
    }

    /// Every field of a structure that begins here.
    pub(super) fn table(&mut self, group: &str, table: &Table) -> Result<(), UncoveredError> {
        let base = self.reached;
        for field in table.fields {
            let offset = base.saturating_add(field.offset);
            if offset != self.reached {
                return Err(self.uncovered(offset));
            }
            let &Field { length, name, shape, meaning, .. } = field;
            self.field(group, &Sized { length, name, shape, meaning, clause: table.clause })?;
        }
        Ok(())
    }

    /// One field that begins here. Returns its bytes.
    pub(super) fn field(
        &mut self,
        group: &str,
        field: &Sized<'_>,
    ) -> Result<&'a [u8], UncoveredError> {
        let end = self.reached.saturating_add(field.length);
        let bytes = self.bytes.get(self.reached..end).ok_or_else(|| self.uncovered(end))?;
        self.line(group, field, field.shape.show(bytes));
        self.components(field, bytes);
        self.reached = end;
        Ok(bytes)
    }

    /// One field that begins here, whose value its format shows in its own words.
    pub(super) fn shown(
        &mut self,
        group: &str,
        field: &Sized<'_>,
        value: String,
    ) -> Result<(), UncoveredError> {
        let end = self.reached.saturating_add(field.length);
        if self.bytes.len() < end {
            return Err(self.uncovered(end));
        }
        self.line(group, field, value);
        self.reached = end;
        Ok(())
    }

    fn line(&mut self, group: &str, field: &Sized<'_>, value: String) {
        let &Sized { length, name, meaning, clause, .. } = field;
        let path = self.path_of(group, name);
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        let (offset, kind) = (self.reached, Kind::Field);
        self.lines.push(Line { offset, length, name, value, meaning, clause, path, kind });
    }

    fn path_of(&self, group: &str, name: &str) -> String {
        let group = if group.is_empty() { String::new() } else { format!("{group}/") };
        format!("{}/{group}{name}", self.path)
    }

    /// A line about a piece of the field that was placed last.
    pub(super) fn component(
        &mut self,
        (offset, length): (usize, usize),
        name: &str,
        value: String,
        meaning: &str,
        clause: &'static str,
    ) {
        let above = self.lines.iter().rev().find(|line| line.kind == Kind::Field);
        let above = above.map_or(self.path.as_str(), |line| line.path.as_str());
        let path = format!("{above}/{name}");
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        let kind = Kind::Component;
        self.lines.push(Line { offset, length, name, value, meaning, clause, path, kind });
    }

    fn components(&mut self, field: &Sized<'_>, bytes: &[u8]) {
        match field.shape {
            Shape::Flags(flags) => self.flags(flags, bytes),
            Shape::Parts(parts) => self.parts(parts, field.clause, bytes),
            Shape::Tcb => self.tcb(bytes),
            _ => {}
        }
    }

    fn flags(&mut self, flags: &Flags, bytes: &[u8]) {
        let (at, all) = ((self.reached, bytes.len()), number(bytes));
        let mut named = 0;
        for &(bit, width, name, meaning) in flags.bits {
            let mask = u64::MAX >> (64 - width);
            named |= mask << bit;
            let place = match width {
                1 => format!("bit {bit}: {meaning}"),
                _ => format!("bits {}:{bit}: {meaning}", bit + width - 1),
            };
            self.component(at, name, ((all >> bit) & mask).to_string(), &place, flags.clause);
        }
        let unknown = all & !named;
        if unknown != 0 {
            let meaning = "bits without a name here";
            self.component(at, "other", format!("{unknown:#x}"), meaning, flags.clause);
        }
    }

    fn parts(
        &mut self,
        parts: &[(&'static str, usize, &'static str)],
        clause: &'static str,
        bytes: &[u8],
    ) {
        let (mut rest, mut offset) = (bytes, self.reached);
        for &(name, length, meaning) in parts {
            let Some((part, behind)) = rest.split_at_checked(length) else { break };
            let shape = if length > 2 { Shape::Bytes } else { Shape::Number };
            self.component((offset, length), name, shape.show(part), meaning, clause);
            (rest, offset) = (behind, offset + length);
        }
    }

    fn tcb(&mut self, bytes: &[u8]) {
        let (components, clause) = self.tcb;
        let Some(components) = components else {
            let meaning = "processor not known: not named";
            let at = (self.reached, bytes.len());
            self.component(at, "components", hex::encode(bytes), meaning, clause);
            return;
        };
        for &(name, byte, meaning) in components {
            let version = bytes.get(byte).copied().unwrap_or_default().to_string();
            self.component((self.reached + byte, 1), name, version, meaning, clause);
        }
    }

    fn uncovered(&self, reached: usize) -> UncoveredError {
        let path = self.path.clone();
        UncoveredError { path, reached, expected: self.bytes.len() }
    }

    /// Every byte was covered.
    pub(super) fn finish(self) -> Result<Document, UncoveredError> {
        if self.reached != self.bytes.len() {
            return Err(self.uncovered(self.reached));
        }
        Ok(Document { path: self.path, length: self.bytes.len(), lines: self.lines })
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::field;
    use super::*;

    const TWO: Table = Table {
        clause: "none",
        fields: &[
            field(0, 1, "A", Shape::Number, "the first"),
            field(1, 2, "B", Shape::Bytes, "the second"),
        ],
    };

    #[test]
    fn bytes_that_no_field_covers_are_an_error_and_so_are_fields_without_bytes() {
        let placed = |bytes: &[u8]| {
            let mut layout = Layout::new("x", bytes);
            layout.table("", &TWO)?;
            layout.finish()
        };
        let error =
            |reached, expected| Err(UncoveredError { path: "x".to_owned(), reached, expected });
        assert_eq!(placed(&[1, 2, 3]).map(|document| document.lines.len()), Ok(2));
        assert_eq!(placed(&[1, 2, 3, 4]), error(3, 4));
        assert_eq!(placed(&[1, 2]), error(3, 2));
    }

    #[test]
    fn a_list_with_a_gap_is_an_error() {
        const GAP: Table =
            Table { clause: "none", fields: &[field(1, 1, "A", Shape::Number, "late")] };
        let mut layout = Layout::new("x", &[1, 2]);
        let error = UncoveredError { path: "x".to_owned(), reached: 1, expected: 2 };
        assert_eq!(layout.table("", &GAP), Err(error));
    }
}
