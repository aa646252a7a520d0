//! Refuses an encapsulation that was seen before under the same key.

use std::collections::HashSet;

use ring::digest;

use super::key::KemKey;
use super::node::{CompleteRequest, FreshRequest};

/// Why a complete request is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// This encapsulation was admitted before.
    #[error("this encapsulated request was seen before")]
    Replayed,
    /// The set holds as many requests as it may; nothing is ever forgotten to make room.
    #[error("the key has admitted {capacity} requests, as many as it may")]
    Full {
        /// The set's capacity.
        capacity: usize,
    },
    /// The request was sealed to another key than this set's.
    #[error("the request was sealed to another key")]
    WrongKey,
}

/// Every encapsulation that was admitted under one key. Lives exactly as long as that key: because keys
/// die with the boot and are never shared, nothing has to be stored (wire specification §2, §8).
#[derive(Debug)]
pub struct ReplaySet {
    key: [u8; 32],
    seen: HashSet<[u8; 32]>,
    capacity: usize,
}

impl ReplaySet {
    /// Has seen nothing yet; admits at most `capacity` requests to `key`.
    #[must_use]
    pub fn new(key: &KemKey, capacity: usize) -> Self {
        Self { key: key.config_digest(), seen: HashSet::new(), capacity }
    }

    /// Remembers the request and says that it is fresh. Call it just before acting.
    ///
    /// # Errors
    /// [`ReplayError::Replayed`] also when the set is full: a replay is never mistaken for load.
    pub fn admit(&mut self, request: CompleteRequest) -> Result<FreshRequest, ReplayError> {
        if request.config_digest() != self.key {
            return Err(ReplayError::WrongKey);
        }
        let mut enc = [0; 32];
        enc.copy_from_slice(digest::digest(&digest::SHA256, request.enc()).as_ref());
        if self.seen.contains(&enc) {
            return Err(ReplayError::Replayed);
        }
        if self.seen.len() >= self.capacity {
            return Err(ReplayError::Full { capacity: self.capacity });
        }
        self.seen.insert(enc);
        Ok(request.fresh())
    }

    /// Requests admitted so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing was admitted yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}
