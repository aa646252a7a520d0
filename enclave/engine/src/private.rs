//! What belongs to a user: prompts, replies and their pieces, and the salt of their cache.

use std::fmt;

use zeroize::Zeroizing;

/// Text that belongs to a user. It is wiped when dropped, prints only its length and cannot be
/// serialized; [`PrivateText::expose`] is the one way to read it, so that every reader can be found.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PrivateText(Zeroizing<String>);

impl PrivateText {
    /// Takes ownership of `text`; its buffer is wiped on drop.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. The caller must not log it or store it outside private memory.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateText({} bytes)", self.len())
    }
}

impl From<&str> for PrivateText {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl From<String> for PrivateText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// 32 bytes that a client draws and repeats: its own name for what of its requests may be used again, and the name of its
/// place in the queue. Whoever has another one finds nothing of it, not even by how long an answer takes.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheSalt(Zeroizing<[u8; 32]>);

impl CacheSalt {
    /// As the client sent it.
    #[must_use]
    pub fn new(salt: [u8; 32]) -> Self {
        Self(Zeroizing::new(salt))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CacheSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheSalt(32 bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_a_length_and_nothing_else() {
        assert_eq!(format!("{:?}", PrivateText::from("a secret")), "PrivateText(8 bytes)");
    }
}
