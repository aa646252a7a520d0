//! The strict outer walk: one encoding for the parts of a certificate that nobody signed.

use crate::reader::Reader;

use super::DecodeError;

/// Constructed SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

/// The three parts of a signed structure (RFC 5280 §4.1 and §5.1), as they stand.
pub(super) struct Signed<'a> {
    /// What the signature covers.
    pub(super) body: &'a [u8],
    /// The AlgorithmIdentifier, whole.
    pub(super) algorithm: &'a [u8],
    /// The bits of the signature.
    pub(super) signature: &'a [u8],
}

/// One element: its content and its whole bytes.
pub(crate) struct Element<'a> {
    /// What stands inside.
    pub(crate) content: &'a [u8],
    /// Tag and length too.
    pub(crate) whole: &'a [u8],
}

/// Splits a signed structure; the body's own AlgorithmIdentifier must equal the outer one byte for byte.
pub(super) fn signed(bytes: &[u8], limit: usize) -> Result<Signed<'_>, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { found: bytes.len(), limit });
    }
    let mut outside = Reader::new(bytes);
    let all = element(&mut outside, SEQUENCE, "the whole structure")?;
    finish(outside, "the whole structure")?;
    let mut parts = Reader::new(all.content);
    let body = element(&mut parts, SEQUENCE, "the signed part")?;
    let algorithm = element(&mut parts, SEQUENCE, "the signature algorithm")?;
    let signature = element(&mut parts, BIT_STRING, "the signature")?;
    finish(parts, "the signature")?;
    let Some((0, signature)) = signature.content.split_first() else {
        return Err(DecodeError::Der { field: "the signature" });
    };
    if inner_algorithm(body.content)? != algorithm.whole {
        return Err(DecodeError::AlgorithmsDiffer);
    }
    Ok(Signed { body: body.whole, algorithm: algorithm.whole, signature })
}

/// The AlgorithmIdentifier inside the signed part: after version and serial in a certificate, after the version
/// in a revocation list.
fn inner_algorithm(body: &[u8]) -> Result<&[u8], DecodeError> {
    let mut reader = Reader::new(body);
    let mut ahead = reader.clone();
    while let Ok(tag) = ahead.u8("tag") {
        match tag {
            VERSION | INTEGER => ahead = after(&mut reader, tag)?,
            _ => break,
        }
    }
    Ok(element(&mut reader, SEQUENCE, "the signed part")?.whole)
}

/// Passes over one element.
fn after<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>, DecodeError> {
    element(reader, tag, "the version or serial")?;
    Ok(reader.clone())
}

/// The next element, with exactly this tag and a length in its shortest form.
pub(crate) fn element<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Element<'a>, DecodeError> {
    let wrong = |_| DecodeError::Der { field };
    let mut whole = reader.clone();
    if reader.u8(field).map_err(wrong)? != tag {
        return Err(DecodeError::Der { field });
    }
    let length = length(reader).ok_or(DecodeError::Der { field })?;
    let content = reader.bytes(field, length).map_err(wrong)?;
    let used = reader.offset().saturating_sub(whole.offset());
    Ok(Element { content, whole: whole.bytes(field, used).map_err(wrong)? })
}

/// The next element if it has this tag.
pub(crate) fn optional<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Option<Element<'a>>, DecodeError> {
    match reader.clone().u8(field) {
        Ok(found) if found == tag => element(reader, tag, field).map(Some),
        _ => Ok(None),
    }
}

/// X.690 §10.1: the definite form, with the fewest bytes. At most three, which the longest input needs.
fn length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.u8("length").ok()?;
    if first < 0x80 {
        return Some(usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=3).contains(&count) {
        return None;
    }
    let bytes = reader.bytes("length", count).ok()?;
    let value = bytes.iter().fold(0_usize, |value, byte| (value << 8) | usize::from(*byte));
    let shortest = match count {
        1 => value >= 0x80,
        2 => value >= 0x100,
        _ => value >= 0x1_0000,
    };
    shortest.then_some(value)
}

pub(crate) fn finish(reader: Reader<'_>, field: &'static str) -> Result<(), DecodeError> {
    reader.finish().map_err(|_| DecodeError::Der { field })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEQUENCE { SEQUENCE { INTEGER 1, SEQUENCE {} }, SEQUENCE {}, BIT STRING { 0 unused, 0xaa } }
    const SMALL: [u8; 15] = [0x30, 13, 0x30, 5, 2, 1, 1, 0x30, 0, 0x30, 0, 3, 2, 0, 0xaa];

    #[test]
    fn splits_a_signed_structure() {
        let signed = signed(&SMALL, 15).unwrap();
        assert_eq!((signed.body, signed.algorithm), (&SMALL[2..9], &SMALL[9..11]));
        assert_eq!(signed.signature, [0xaa]);
    }

    #[test]
    fn a_length_has_its_shortest_form() {
        let read = |bytes: &[u8]| length(&mut Reader::new(bytes));
        assert_eq!((read(&[0x7f]), read(&[0x80]), read(&[0x80, 1])), (Some(0x7f), None, None));
        assert_eq!((read(&[0x81, 0x7f]), read(&[0x81, 0x80])), (None, Some(0x80)));
        assert_eq!((read(&[0x82, 0, 0xff]), read(&[0x82, 1, 0])), (None, Some(0x100)));
        let (short, long) = (read(&[0x83, 0, 0xff, 0xff]), read(&[0x83, 1, 0, 0]));
        assert_eq!((short, long), (None, Some(0x1_0000)));
        assert_eq!(read(&[0x84, 1, 0, 0, 0]), None);
    }

    #[test]
    fn refuses_what_is_not_the_one_encoding() {
        let der = |field| Some(DecodeError::Der { field });
        assert_eq!(signed(&SMALL, 14).err(), Some(DecodeError::TooLong { found: 15, limit: 14 }));
        let mut trailing = SMALL.to_vec();
        trailing.push(0);
        assert_eq!(signed(&trailing, 16).err(), der("the whole structure"));
        let mut long_form = vec![0x30, 0x81, 13];
        long_form.extend_from_slice(&SMALL[2..]);
        assert_eq!(signed(&long_form, 16).err(), der("the whole structure"));
        let mut unused_bits = SMALL;
        unused_bits[13] = 1;
        assert_eq!(signed(&unused_bits, 15).err(), der("the signature"));
        let mut algorithms = SMALL.to_vec();
        algorithms.splice(9..11, [0x30, 2, 5, 0]);
        algorithms[1] = 15;
        assert_eq!(signed(&algorithms, 17).err(), Some(DecodeError::AlgorithmsDiffer));
    }
}
