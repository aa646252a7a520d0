//! Variable-length integers (RFC 9000 §16), read one byte at a time and written as short as possible.

use super::Plaintext;

/// The largest number that fits.
pub(super) const MAX: u64 = (1 << 62) - 1;

/// Reads one number from bytes that may arrive one at a time. Longer forms than needed are accepted, as
/// RFC 9292 §3 and the chunked draft allow them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VarintReader {
    value: u64,
    left: u8,
    started: bool,
}

impl VarintReader {
    /// Takes one byte; `Some` when the number is complete, and the reader is then ready for the next.
    pub(super) fn push(&mut self, byte: u8) -> Option<u64> {
        if self.started {
            self.value = (self.value << 8) | u64::from(byte);
            self.left = self.left.saturating_sub(1);
        } else {
            self.started = true;
            self.value = u64::from(byte & 0x3f);
            self.left = match byte >> 6 {
                0 => 0,
                1 => 1,
                2 => 3,
                _ => 7,
            };
        }
        if self.left > 0 {
            return None;
        }
        let value = self.value;
        *self = Self::default();
        Some(value)
    }
}

/// Where numbers are written.
pub(super) trait Sink {
    /// Adds bytes at the end.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Plaintext {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes `value` in its shortest form. Numbers above [`MAX`] are lengths that cannot exist in memory;
/// they are written as [`MAX`].
pub(super) fn write(value: u64, out: &mut impl Sink) {
    let value = value.min(MAX);
    match value {
        0..=0x3f => out.put(&(value as u8).to_be_bytes()),
        0x40..=0x3fff => out.put(&(value as u16 | 0x4000).to_be_bytes()),
        0x4000..=0x3fff_ffff => out.put(&(value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.put(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// Writes a length in its shortest form.
pub(super) fn write_length(length: usize, out: &mut impl Sink) {
    write(u64::try_from(length).unwrap_or(MAX), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<u64> {
        let mut reader = VarintReader::default();
        let (last, first) = bytes.split_last()?;
        for byte in first {
            assert_eq!(reader.push(*byte), None);
        }
        reader.push(*last)
    }

    /// The examples of RFC 9000 §A.1, the last one being longer than needed.
    #[test]
    fn reads_the_examples_of_the_standard() {
        assert_eq!(
            read(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]),
            Some(151_288_809_941_952_652)
        );
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some(494_878_333));
        assert_eq!(read(&[0x7b, 0xbd]), Some(15_293));
        assert_eq!(read(&[0x25]), Some(37));
        assert_eq!(read(&[0x40, 0x25]), Some(37));
    }

    #[test]
    fn writes_the_shortest_form_at_every_boundary() {
        for (value, length) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 4),
            ((1 << 30) - 1, 4),
            (1 << 30, 8),
            (MAX, 8),
        ] {
            let mut bytes = Vec::new();
            write(value, &mut bytes);
            assert_eq!((bytes.len(), read(&bytes)), (length, Some(value)));
        }
    }
}
