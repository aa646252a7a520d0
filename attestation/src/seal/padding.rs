//! Hides lengths: Padmé for what is sent as one, buckets for streamed events (wire specification §9).

use super::bhttp::{self, Field};
use super::varint;
use super::{CHUNK_LIMIT, Plaintext};

/// The smallest padded message.
const FLOOR: usize = 1_024;
/// Bytes that announce the content of an event: every bucket needs exactly two.
const PREFIX: usize = 2;
/// The last chunk of a stream is a multiple of this.
const END: usize = 4_096;
/// The only size in constant mode.
const CONSTANT: usize = 512;
/// A constant stream runs on to a multiple of so many events.
const CONSTANT_RUN: u64 = 64;

/// The Padmé length of `length`, at least 1,024: the sizes reveal O(log log) bits and cost under 12 %
/// (Nikitin and others, "Reducing Metadata Leakage from Encrypted Files", PETS 2019).
///
/// ```
/// use sealroom_attestation::seal::padding::padme;
/// assert_eq!((padme(1), padme(1_025), padme(100_000)), (1_024, 1_088, 100_352));
/// ```
#[must_use]
pub const fn padme(length: usize) -> usize {
    let length = if length < FLOOR { FLOOR } else { length };
    let exponent = length.ilog2();
    let mantissa = exponent.ilog2().saturating_add(1);
    let mask = (1_usize << exponent.saturating_sub(mantissa)).saturating_sub(1);
    length.saturating_add(mask) & !mask
}

/// Adds zero bytes to `out` until it is `length` long.
pub(super) fn pad_to(length: usize, out: &mut Plaintext) {
    out.fill(0, length.saturating_sub(out.len()));
}

/// The body of a non-streamed answer: content as is, trailers, zero padding to Padmé. It follows the
/// head, which is alone in the first chunk.
#[must_use]
pub fn answer_body(content: &[u8], trailers: &[Field]) -> Plaintext {
    let mut out = Plaintext::with_capacity(padme(content.len().saturating_add(8_192)));
    bhttp::content_into(content, &mut out);
    bhttp::end_into(trailers, &mut out);
    pad_to(padme(out.len()), &mut out);
    out
}

/// The end of a streamed answer: end of content, trailers, zero padding to a multiple of 4,096.
/// [`ResponseWriter::finish`](super::ResponseWriter::finish) cuts what exceeds one chunk.
#[must_use]
pub fn stream_end(trailers: &[Field]) -> Plaintext {
    let mut out = Plaintext::with_capacity(END);
    bhttp::end_into(trailers, &mut out);
    pad_to(out.len().div_ceil(END).saturating_mul(END), &mut out);
    out
}

/// Events that a constant stream still sends after `sent` of them.
#[must_use]
pub const fn constant_tail(sent: u64) -> u64 {
    sent.next_multiple_of(CONSTANT_RUN).saturating_sub(sent)
}

/// Which chunk sizes a stream uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// 256, 512, then multiples of 1,024 to 16,384.
    Bucket,
    /// 512 always, one every interval: the number of events hides too.
    Constant,
}

impl Sizes {
    /// The largest content of one event, without its length prefix.
    const fn largest(self) -> usize {
        match self {
            Self::Bucket => CHUNK_LIMIT - PREFIX,
            Self::Constant => CONSTANT - PREFIX,
        }
    }

    const fn smallest(self) -> usize {
        match self {
            Self::Bucket => 256 - PREFIX,
            Self::Constant => CONSTANT - PREFIX,
        }
    }

    /// The least size, without prefix, that holds `length` bytes.
    const fn holding(self, length: usize) -> usize {
        let size = length.saturating_add(PREFIX);
        let bucket = match (self, size) {
            (Self::Constant, _) => CONSTANT,
            (Self::Bucket, 0..=256) => 256,
            (Self::Bucket, 257..=512) => 512,
            (Self::Bucket, _) => size.next_multiple_of(1_024),
        };
        bucket.saturating_sub(PREFIX)
    }

    /// The filler that brings `length` bytes to a size, or `None` when none does. A comment line needs
    /// two bytes; a gap of one or two goes to the next size where there is one.
    const fn filler(self, length: usize) -> Option<usize> {
        let largest = self.largest();
        if length > largest {
            return None;
        }
        let mut content = self.holding(length);
        if matches!(content.saturating_sub(length), 1 | 2) && content < largest {
            content = self.holding(content.saturating_add(1));
        }
        match content.saturating_sub(length) {
            1 => None,
            gap => Some(gap),
        }
    }
}

/// Why an event cannot be padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PadError {
    /// It is not one event: lines that end with a line feed, then one blank line, without carriage
    /// returns or comments.
    #[error("not exactly one event of lines and a blank line")]
    NotOneEvent,
}

/// Cuts one server-sent event (`data: ...`, line feed, blank line) into pieces that each fill exactly one
/// chunk. Nearly all events are one piece; larger ones are cut between lines where there are lines, and
/// stay one event because only the last piece holds the blank line.
///
/// # Errors
/// [`PadError::NotOneEvent`].
///
/// ```
/// use sealroom_attestation::seal::Plaintext;
/// use sealroom_attestation::seal::padding::{Sizes, pieces};
/// let mut chunk = Plaintext::new();
/// for piece in pieces(b"data: {}\n\n", Sizes::Bucket)? {
///     chunk.clear();
///     piece.encode_into(&mut chunk);
///     assert_eq!(chunk.len(), 256);
/// }
/// assert!(chunk.starts_with(b"\x40\xfedata: {}\n:....."));
/// # Ok::<(), sealroom_attestation::seal::padding::PadError>(())
/// ```
pub fn pieces(event: &[u8], sizes: Sizes) -> Result<Pieces<'_>, PadError> {
    let lines = event.strip_suffix(b"\n").ok_or(PadError::NotOneEvent)?;
    let mut last = b'\n';
    for byte in lines {
        if *byte == b'\r' || (last == b'\n' && matches!(byte, b'\n' | b':')) {
            return Err(PadError::NotOneEvent);
        }
        last = *byte;
    }
    if lines.is_empty() || last != b'\n' {
        return Err(PadError::NotOneEvent);
    }
    Ok(Pieces { rest: event, sizes })
}

/// The pieces of one event.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    sizes: Sizes,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some(filler) = self.sizes.filler(self.rest.len()) {
            let (before, after) = self.rest.split_at_checked(self.rest.len().saturating_sub(1))?;
            self.rest = &[];
            return Some(Piece { before, filler, after });
        }
        let room = self.rest.get(..self.sizes.largest().saturating_sub(2)).unwrap_or(self.rest);
        let line = room.iter().rposition(|byte| *byte == b'\n').map(|at| at.saturating_add(1));
        // A line longer than a chunk is cut inside: such a piece is full and needs no filler.
        let (before, rest) = self.rest.split_at_checked(line.unwrap_or(self.sizes.largest()))?;
        self.rest = rest;
        Some(Piece { before, filler: self.sizes.filler(before.len())?, after: &[] })
    }
}

/// Part of an event that fills exactly one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    before: &'a [u8],
    /// Length of the comment line, its colon and line feed included; 0 for none.
    filler: usize,
    after: &'a [u8],
}

impl Piece<'static> {
    /// A comment and a blank line of the smallest size: keeps a stream alive, or a constant one constant.
    #[must_use]
    pub const fn idle(sizes: Sizes) -> Self {
        Self { before: b"", filler: sizes.smallest().saturating_sub(1), after: b"\n" }
    }
}

impl Piece<'_> {
    /// Plaintext size of its chunk: one of the sizes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.content().saturating_add(PREFIX)
    }

    const fn content(&self) -> usize {
        self.before.len().saturating_add(self.filler).saturating_add(self.after.len())
    }

    /// Adds the BHTTP content chunk, exactly [`Piece::size`] bytes, to `out`.
    pub fn encode_into(&self, out: &mut Plaintext) {
        varint::write_length(self.content(), out);
        out.extend_from_slice(self.before);
        if let Some(dots) = self.filler.checked_sub(2) {
            out.push(b':');
            out.fill(b'.', dots);
            out.push(b'\n');
        }
        out.extend_from_slice(self.after);
    }
}
