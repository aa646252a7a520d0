//! What a list of fields is made of.

use std::fmt::Write as _;

/// A field at a fixed place in its structure.
pub(super) struct Field {
    /// From the structure's first byte.
    pub(super) offset: usize,
    /// Bytes.
    pub(super) length: usize,
    /// As its standard spells it.
    pub(super) name: &'static str,
    /// How its value is shown.
    pub(super) shape: Shape,
    /// What it means.
    pub(super) meaning: &'static str,
}

/// A list of fields in one structure, in their order and without gaps.
pub(super) struct Table {
    /// Where the structure is written down.
    pub(super) clause: &'static str,
    /// Its fields.
    pub(super) fields: &'static [Field],
}

/// How a value is shown.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A number, least significant byte first.
    Number,
    /// A number with a word for what it stands for.
    Named(&'static [(u64, &'static str)]),
    /// Bytes in hexadecimal.
    Bytes,
    /// Bytes that must be zero.
    Zero,
    /// Text, as far as it is printable.
    Text,
    /// Flags, each with a line of its own.
    Flags(&'static Flags),
    /// Parts in order, each with a line of its own: name, bytes, meaning.
    Parts(&'static [(&'static str, usize, &'static str)]),
    /// A TCB_VERSION of AMD's, whose components depend on the processor.
    Tcb,
    /// Numbers of four bytes.
    Numbers,
    /// Something that its format shows in its own words.
    Own(fn(&[u8]) -> String),
}

/// The flags of a field.
pub(super) struct Flags {
    /// Where they are written down.
    pub(super) clause: &'static str,
    /// Lowest bit, number of bits, name, meaning.
    pub(super) bits: &'static [(u32, u32, &'static str, &'static str)],
}

/// Name, byte and meaning of each component of a field that has one byte for each.
pub(super) type Components = &'static [(&'static str, usize, &'static str)];

pub(super) const fn field(
    offset: usize,
    length: usize,
    name: &'static str,
    shape: Shape,
    meaning: &'static str,
) -> Field {
    Field { offset, length, name, shape, meaning }
}

/// Up to eight bytes, least significant first.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

impl Shape {
    pub(super) fn show(self, bytes: &[u8]) -> String {
        match self {
            Self::Number => number(bytes).to_string(),
            Self::Named(names) => {
                let value = number(bytes);
                let name = names.iter().find(|(known, _)| *known == value).map(|(_, name)| *name);
                format!("{value} ({})", name.unwrap_or("not known"))
            }
            Self::Bytes | Self::Parts(_) | Self::Tcb => hex::encode(bytes),
            Self::Zero if bytes.iter().all(|byte| *byte == 0) => "zeros".to_owned(),
            Self::Zero => format!("NOT ZERO: {}", hex::encode(bytes)),
            Self::Text => printable(bytes),
            Self::Flags(_) => format!("{:#x}", number(bytes)),
            Self::Numbers => {
                let (words, _) = bytes.as_chunks::<4>();
                let mut text = String::new();
                for word in words {
                    let gap = if text.is_empty() { "" } else { " " };
                    write!(text, "{gap}{}", u32::from_le_bytes(*word)).expect("a string");
                }
                text
            }
            Self::Own(show) => show(bytes),
        }
    }
}

/// Text for a terminal: what it would obey is shown in hexadecimal.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0');
    let plain = |character: char| character == ' ' || character.is_ascii_graphic();
    if text.is_empty() || !text.chars().all(plain) {
        return hex::encode(bytes);
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_by_their_shape() {
        assert_eq!(Shape::Number.show(&[1, 2]), "513");
        assert_eq!(Shape::Named(&[(1, "one")]).show(&[1]), "1 (one)");
        assert_eq!(Shape::Named(&[(1, "one")]).show(&[2]), "2 (not known)");
        assert_eq!(Shape::Zero.show(&[0, 0]), "zeros");
        assert_eq!(Shape::Zero.show(&[0, 1]), "NOT ZERO: 0001");
        assert_eq!(Shape::Text.show(b"550.90\0"), "\"550.90\"");
        assert_eq!(Shape::Text.show(b"\x1b[2J"), "1b5b324a");
        assert_eq!(Shape::Numbers.show(&[1, 0, 0, 0, 2, 0, 0, 0]), "1 2");
    }
}
