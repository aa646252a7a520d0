//! A bounds-checked reader: the only place in the crate that slices bytes from outside.

/// What was missing where: a read went past the end, or bytes were left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Fewer bytes are left than the field needs.
    #[error("{field} needs {needed} bytes at offset {offset}, {left} are left")]
    Short {
        /// The field that was being read.
        field: &'static str,
        /// Bytes from the start of the input.
        offset: usize,
        /// Bytes the field needs.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{left} bytes follow the last field at offset {offset}")]
    Trailing {
        /// Bytes from the start of the input.
        offset: usize,
        /// Bytes that were left.
        left: usize,
    },
}

/// Walks over borrowed bytes and hands out fields, never past the end.
///
/// ```
/// use sealroom_attestation::reader::Reader;
/// let mut reader = Reader::new(&[1, 0, 0xaa, 0xbb]);
/// assert_eq!(reader.u16_le("version")?, 1);
/// assert_eq!(reader.array::<2>("nonce")?, [0xaa, 0xbb]);
/// reader.finish()?;
/// # Ok::<(), sealroom_attestation::reader::ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes not yet read.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `needed` bytes.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer are left.
    pub fn bytes(&mut self, field: &'static str, needed: usize) -> Result<&'a [u8], ReadError> {
        let short = ReadError::Short { field, offset: self.offset, needed, left: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(needed).ok_or(short)?;
        self.rest = rest;
        self.offset = self.offset.saturating_add(needed);
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(field, N)?);
        Ok(array)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ReadError::Short`] at the end.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, ReadError> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    /// Two bytes, least significant first.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer are left.
    pub fn u16_le(&mut self, field: &'static str) -> Result<u16, ReadError> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    /// Four bytes, least significant first.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer are left.
    pub fn u32_le(&mut self, field: &'static str) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    /// Eight bytes, least significant first.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer are left.
    pub fn u64_le(&mut self, field: &'static str) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    /// Ends the walk: every byte must have been read.
    ///
    /// # Errors
    /// [`ReadError::Trailing`] when bytes are left.
    pub const fn finish(self) -> Result<(), ReadError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(ReadError::Trailing { offset: self.offset, left }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_read_past_the_end_and_stays_where_it_was() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16_le("first"), Ok(0x0201));
        let short = ReadError::Short { field: "second", offset: 2, needed: 2, left: 1 };
        assert_eq!(reader.u16_le("second"), Err(short));
        assert_eq!(reader.u8("second"), Ok(3));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn refuses_bytes_after_the_last_field() {
        let mut reader = Reader::new(&[1, 2]);
        assert_eq!(reader.u8("only"), Ok(1));
        assert_eq!(reader.finish(), Err(ReadError::Trailing { offset: 1, left: 1 }));
    }

    #[test]
    fn a_length_of_the_whole_address_space_is_short() {
        let mut reader = Reader::new(&[0; 8]);
        let short = ReadError::Short { field: "body", offset: 0, needed: usize::MAX, left: 8 };
        assert_eq!(reader.bytes("body", usize::MAX), Err(short));
    }
}
