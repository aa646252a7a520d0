//! A small reader of DER (X.690) that never reads past the end: what requests and changes of signed bytes need.

use sealroom_attestation::reader::Reader;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const EXPLICIT_0: u8 = 0xa0;
pub(super) const EXPLICIT_2: u8 = 0xa2;

/// What is left of some elements side by side.
#[derive(Clone, Debug)]
pub(super) struct Der<'a>(Reader<'a>);

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// The content of the next element, when it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = self.0.clone();
        if ahead.u8("a tag").ok()? != tag {
            return None;
        }
        let length = length(&mut ahead)?;
        let content = ahead.bytes("a content", length).ok()?;
        self.0 = ahead;
        Some(content)
    }

    /// The elements inside the next one, when it has this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self::new)
    }

    /// Bytes read so far.
    pub(super) const fn offset(&self) -> usize {
        self.0.offset()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.left() == 0
    }

    /// Nothing is left.
    pub(super) fn finish(self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

/// A definite length of at most three bytes, none more than needed.
fn length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.u8("a length").ok()?;
    let count = match first {
        0..=0x7f => return Some(first.into()),
        0x81..=0x83 => usize::from(first - 0x80),
        _ => return None,
    };
    let bytes = reader.bytes("a length", count).ok()?;
    let length = bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
    let shortest = if count == 1 { 0x80 } else { 1 << (8 * (count - 1)) };
    (length >= shortest).then_some(length)
}

/// Where the signed part of a certificate or a list ends: it is the first element inside the whole.
pub(super) fn signed_end(whole: &[u8]) -> Option<usize> {
    let content = Der::new(whole).take(SEQUENCE)?;
    let mut parts = Der::new(content);
    parts.take(SEQUENCE)?;
    Some(whole.len() - content.len() + parts.offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_elements_and_nothing_past_their_end() {
        let mut der = Der::new(&[0x30, 3, 2, 1, 7, 4, 0]);
        assert_eq!(der.take(INTEGER), None);
        let mut inner = der.inside(SEQUENCE).expect("a sequence");
        assert_eq!((inner.take(INTEGER), inner.finish()), (Some(&[7][..]), Some(())));
        assert_eq!((der.take(OCTET_STRING), der.finish()), (Some(&[][..]), Some(())));
        for bad in [&[0x30, 3, 2, 1][..], &[0x30, 0x80, 0, 0], &[0x30, 0x81, 1, 0], &[0x30], &[]] {
            assert_eq!(Der::new(bad).take(SEQUENCE), None, "{bad:?}");
        }
        assert_eq!(signed_end(&[0x30, 5, 0x30, 1, 9, 4, 0]), Some(5));
    }
}
