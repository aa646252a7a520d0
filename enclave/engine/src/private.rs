//! What belongs to a user beside text: the bytes of a token, and the salt of their cache.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that a token stands for: part of a character at times. Wiped when dropped; prints only its length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PrivateBytes(Zeroizing<Vec<u8>>);

impl PrivateBytes {
    /// The bytes themselves. The caller must not log them or store them outside private memory.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for PrivateBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl fmt::Debug for PrivateBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateBytes({} bytes)", self.0.len())
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
