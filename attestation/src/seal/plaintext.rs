//! Bytes of users: wiped when dropped, never printed.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroize;

/// Opened or not yet sealed bytes. Wiped on drop and when they move to a larger buffer; `Debug` prints
/// the length only.
///
/// ```
/// let mut text = sealroom_attestation::seal::Plaintext::from(b"secret".to_vec());
/// text.extend_from_slice(b"!");
/// assert_eq!(format!("{text:?}"), "Plaintext(7 bytes)");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Holds nothing yet; does not move until `capacity` bytes are in it.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds bytes at the end.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Adds one byte at the end.
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Adds `count` bytes of `fill` at the end.
    pub fn fill(&mut self, fill: u8, count: usize) {
        self.reserve(count);
        self.0.resize(self.0.len().saturating_add(count), fill);
    }

    /// Forgets and wipes the content and keeps the buffer.
    pub fn clear(&mut self) {
        self.0.as_mut_slice().zeroize();
        self.0.clear();
    }

    /// A buffer that must grow leaves its old copy behind: wipe it before it goes.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2)));
            grown.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = grown;
        }
    }

    /// Adds sealed bytes, opens them in place and keeps what `open` says is plaintext. When it does not
    /// open nothing stays: unauthenticated bytes must not reach a caller.
    pub(super) fn append_opened(
        &mut self,
        sealed: &[u8],
        open: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<()> {
        let start = self.0.len();
        self.extend_from_slice(sealed);
        let tail = self.0.get_mut(start..)?;
        let opened = open(tail);
        if opened.is_none() {
            tail.zeroize();
        }
        self.0.truncate(start.saturating_add(opened.unwrap_or(0)));
        opened.map(|_| ())
    }
}

impl Deref for Plaintext {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Plaintext {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Plaintext {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plaintext({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_only_its_length() {
        assert_eq!(
            format!("{:?}", Plaintext::from(b"very secret".to_vec())),
            "Plaintext(11 bytes)"
        );
    }

    #[test]
    fn keeps_its_bytes_when_it_grows() {
        let mut text = Plaintext::with_capacity(2);
        for round in 0..100_u8 {
            text.push(round);
        }
        text.fill(7, 3);
        let expected: Vec<u8> = (0..100).chain([7, 7, 7]).collect();
        assert_eq!(&text[..], &expected[..]);
        text.clear();
        assert_eq!(text.len(), 0);
    }
}
