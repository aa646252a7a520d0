//! Deterministic CBOR (RFC 8949 §4.2.1) as the wire specification narrows it.
//!
//! A decoder reads leniently, encodes what it read, and refuses any difference: one comparison catches long
//! integers, indefinite lengths, unsorted, duplicate and unknown keys, tags and trailing bytes alike.

use std::{collections::BTreeMap, convert::Infallible};

use minicbor::{Decoder, Encoder, data::Type};

/// Why bytes are not the CBOR that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// The input is longer than the wire specification allows.
    #[error("{item} has {found} bytes, at most {limit} are allowed")]
    TooLong {
        /// What was being decoded.
        item: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not CBOR, or not of the expected shape.
    #[error("{item} is malformed at offset {offset}: {reason}")]
    Malformed {
        /// What was being decoded.
        item: &'static str,
        /// Bytes from its start.
        offset: usize,
        /// What was expected there.
        reason: &'static str,
    },
    /// Well-formed, but not the one deterministic encoding of its content.
    #[error("{item} is not in deterministic encoding")]
    NotDeterministic {
        /// What was being decoded.
        item: &'static str,
    },
    /// A version, role or kind that this code does not know.
    #[error("{item} has {field} {found}, which is not supported")]
    Unsupported {
        /// What was being decoded.
        item: &'static str,
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
}

/// The largest number on the wire: what every JSON reader can hold too.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// An item of the wire specification: its name for errors, its limit, and both directions.
pub trait Item: Sized {
    /// The name that errors use.
    const NAME: &'static str;
    /// The most bytes an encoding may have.
    const LIMIT: usize;

    /// Appends the fields.
    fn write(&self, out: &mut Writer);

    /// Reads the fields.
    ///
    /// # Errors
    /// [`CborError`] where the bytes are not of this item's shape.
    fn read(from: &mut Source<'_>) -> Result<Self, CborError>;

    /// The one encoding.
    fn encode(&self) -> Vec<u8> {
        encode(|out| self.write(out))
    }

    /// Decodes bytes from outside: limit first, then shape, then the comparison with the one encoding.
    ///
    /// # Errors
    /// [`CborError`] where any of these fails.
    fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let (item, found, limit) = (Self::NAME, bytes.len(), Self::LIMIT);
        if found > limit {
            return Err(CborError::TooLong { item, found, limit });
        }
        let decoded = Self::read(&mut Source::new(item, bytes))?;
        if decoded.encode() == bytes {
            Ok(decoded)
        } else {
            Err(CborError::NotDeterministic { item })
        }
    }
}

/// Encodes something that is never decoded, as the bytes under a signature are.
pub(crate) fn encode(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer(Encoder::new(Vec::new()));
    write(&mut out);
    out.0.into_writer()
}

/// Writes CBOR into memory, which cannot fail.
pub struct Writer(Encoder<Vec<u8>>);

impl Writer {
    fn done<T>(result: Result<T, minicbor::encode::Error<Infallible>>) {
        // The writer is a vector; its error type has no value.
        drop(result);
    }

    /// A map of `length` pairs follows.
    pub fn map(&mut self, length: usize) -> &mut Self {
        Self::done(self.0.map(length as u64).map(drop));
        self
    }

    /// An array of `length` items follows.
    pub fn array(&mut self, length: usize) -> &mut Self {
        Self::done(self.0.array(length as u64).map(drop));
        self
    }

    /// An unsigned number, or a map's key.
    pub fn number(&mut self, number: u64) -> &mut Self {
        Self::done(self.0.u64(number).map(drop));
        self
    }

    /// A negative number, as COSE's algorithms are.
    pub fn negative(&mut self, number: i64) -> &mut Self {
        Self::done(self.0.i64(number).map(drop));
        self
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        Self::done(self.0.bytes(bytes).map(drop));
        self
    }

    /// A text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        Self::done(self.0.str(text).map(drop));
        self
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        Self::done(self.0.null().map(drop));
        self
    }

    /// A byte string or `null`.
    pub fn optional_bytes(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.null(),
        }
    }

    /// A map from text to text. Keys go in the order of their encodings: shorter ones first.
    pub fn texts(&mut self, texts: &BTreeMap<String, String>) -> &mut Self {
        let mut pairs: Vec<_> = texts.iter().collect();
        pairs.sort_by_key(|(key, _)| (key.len(), key.as_str()));
        self.map(pairs.len());
        for (key, value) in pairs {
            self.text(key).text(value);
        }
        self
    }
}

/// Reads CBOR and names the item in every error.
pub struct Source<'a> {
    item: &'static str,
    decoder: Decoder<'a>,
}

impl<'a> Source<'a> {
    fn new(item: &'static str, bytes: &'a [u8]) -> Self {
        Self { item, decoder: Decoder::new(bytes) }
    }

    /// Reads with the decoder; an error names the place where the reading began.
    fn expect<T>(
        &mut self,
        reason: &'static str,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T, minicbor::decode::Error>,
    ) -> Result<T, CborError> {
        let error = self.malformed(reason);
        read(&mut self.decoder).map_err(|_| error)
    }

    /// The error for the place that was reached.
    #[must_use]
    pub fn malformed(&self, reason: &'static str) -> CborError {
        CborError::Malformed { item: self.item, offset: self.decoder.position(), reason }
    }

    /// The error for a value that this code does not know.
    #[must_use]
    pub const fn unsupported(&self, field: &'static str, found: u64) -> CborError {
        CborError::Unsupported { item: self.item, field, found }
    }

    /// The pairs of a map.
    ///
    /// # Errors
    /// Where no map of definite length stands here.
    pub fn map(&mut self) -> Result<u64, CborError> {
        let length = self.expect("a map", Decoder::map)?;
        length.ok_or_else(|| self.malformed("a map of definite length"))
    }

    /// The items of an array.
    ///
    /// # Errors
    /// Where no array of definite length stands here.
    pub fn array(&mut self) -> Result<u64, CborError> {
        let length = self.expect("an array", Decoder::array)?;
        length.ok_or_else(|| self.malformed("an array of definite length"))
    }

    /// A map of exactly `length` pairs.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn map_of(&mut self, length: u64) -> Result<(), CborError> {
        if self.map()? == length { Ok(()) } else { Err(self.malformed("a map of another size")) }
    }

    /// The next key of a map, which must be `key`.
    ///
    /// # Errors
    /// Where another key or no number stands here.
    pub fn key(&mut self, key: u64) -> Result<(), CborError> {
        if self.number()? == key { Ok(()) } else { Err(self.malformed("another key")) }
    }

    /// The version field under key 1, which must be 1.
    ///
    /// # Errors
    /// [`CborError::Unsupported`] for any other version.
    pub fn version(&mut self) -> Result<(), CborError> {
        self.key(1)?;
        match self.number()? {
            1 => Ok(()),
            found => Err(self.unsupported("version", found)),
        }
    }

    /// An unsigned number of at most 2^53 - 1.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn number(&mut self) -> Result<u64, CborError> {
        let number = self.expect("an unsigned number", Decoder::u64)?;
        if number <= MAX_NUMBER {
            Ok(number)
        } else {
            Err(self.malformed("a number up to 2^53 - 1"))
        }
    }

    /// A negative number, as COSE's algorithms are.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn negative(&mut self) -> Result<i64, CborError> {
        self.expect("a number", Decoder::i64)
    }

    /// A byte string, borrowed.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        self.expect("a byte string", Decoder::bytes)
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        self.bytes()?.try_into().map_err(|_| self.malformed("a byte string of another length"))
    }

    /// A text without control characters.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn text(&mut self) -> Result<String, CborError> {
        let text = self.expect("a text", Decoder::str)?;
        if text.chars().any(char::is_control) {
            return Err(self.malformed("a text without control characters"));
        }
        Ok(text.to_owned())
    }

    /// A map from text to text.
    ///
    /// # Errors
    /// Where something else stands here.
    pub fn texts(&mut self) -> Result<BTreeMap<String, String>, CborError> {
        let mut texts = BTreeMap::new();
        for _ in 0..self.map()? {
            let key = self.text()?;
            texts.insert(key, self.text()?);
        }
        Ok(texts)
    }

    /// `true` after reading a `null`; `false`, and nothing read, where something else stands here.
    ///
    /// # Errors
    /// At the end of the input.
    pub fn null(&mut self) -> Result<bool, CborError> {
        let next = self.expect("one more item", |decoder| decoder.datatype())?;
        if next != Type::Null {
            return Ok(false);
        }
        self.expect("null", Decoder::null)?;
        Ok(true)
    }

    /// What `read` reads, or `None` for a `null`.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<Option<T>, CborError> {
        if self.null()? { Ok(None) } else { read(self).map(Some) }
    }
}

#[cfg(test)]
mod tests;
