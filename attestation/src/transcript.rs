//! `T` and `H`: the only two ways to build bytes that are hashed or signed.
//!
//! Every part carries its own length, so that no two lists of parts have the same bytes; every transcript
//! begins with a label of its own, so that no signature can be taken for another.

use ring::digest;

/// Collects the parts of one transcript. See the wire specification, section 1.
///
/// ```
/// use sealroom_attestation::transcript::Transcript;
/// let bytes = Transcript::new("sealroom/1 example").part(&[7]).bytes();
/// assert_eq!(bytes.len(), 1 + 18 + 1 + 4 + 1);
/// ```
#[derive(Clone, Debug)]
pub struct Transcript {
    label: &'static str,
    count: u8,
    parts: Vec<u8>,
}

impl Transcript {
    /// Begins a transcript. Labels are ASCII, begin with `sealroom/1 ` and are shorter than 256 bytes.
    #[must_use]
    pub const fn new(label: &'static str) -> Self {
        Self { label, count: 0, parts: Vec::new() }
    }

    /// Adds one part of any length.
    ///
    /// # Panics
    /// On the 256th part or a part of 4 GiB: every caller has a fixed list of bounded parts.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).expect("parts are bounded far below 4 GiB");
        self.count = self.count.checked_add(1).expect("a transcript has fewer than 256 parts");
        self.parts.extend_from_slice(&length.to_be_bytes());
        self.parts.extend_from_slice(part);
        self
    }

    /// `T(label, p1..pn)`.
    ///
    /// # Panics
    /// When the label is 256 bytes or longer; labels are constants of this crate.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let label = self.label.as_bytes();
        let mut bytes =
            Vec::with_capacity(label.len().saturating_add(self.parts.len()).saturating_add(2));
        bytes.push(u8::try_from(label.len()).expect("labels are short constants"));
        bytes.extend_from_slice(label);
        bytes.push(self.count);
        bytes.extend_from_slice(&self.parts);
        bytes
    }

    /// `H(label, p1..pn)`: SHA-256 over `T`.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.bytes())
    }

    /// SHA-512 over `T`: the form that fills the 64 bytes of `report_data`.
    #[must_use]
    pub fn sha512(&self) -> [u8; 64] {
        fixed(&digest::SHA512, &self.bytes())
    }
}

/// SHA-256 of bytes that are no transcript: keys, files and certificates as they stand.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(&digest::SHA256, bytes)
}

fn fixed<const N: usize>(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> [u8; N] {
    let mut output = [0; N];
    output.copy_from_slice(digest::digest(algorithm, bytes).as_ref());
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_bytes_of_the_specification() {
        let bytes = Transcript::new("sealroom/1 t").part(b"ab").part(b"").bytes();
        assert_eq!(bytes, b"\x0csealroom/1 t\x02\0\0\0\x02ab\0\0\0\0");
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_hash() {
        let one = Transcript::new("sealroom/1 t").part(b"ab").part(b"c");
        let other = Transcript::new("sealroom/1 t").part(b"a").part(b"bc");
        assert_ne!(one.sha256(), other.sha256());
    }
}
