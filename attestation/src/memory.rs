//! What was verified before, by its digest, and never past its end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::time::UnixTime;

/// The most entries of one memory: a fleet of a thousand platforms needs fewer.
const ROOM: usize = 4096;

/// Keeps what was verified, each entry until its end. Only what somebody trusted signed is ever kept, so that nobody
/// else can fill the room.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    entries: Mutex<HashMap<K, (V, UnixTime)>>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    /// What was kept under this name, unless it has ended.
    pub(crate) fn recall(&self, name: &K, now: UnixTime) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(name).filter(|(_, until)| now <= *until).map(|(value, _)| value.clone())
    }

    /// Keeps a value until its end. Where there is no room, what has ended goes first, and then everything: whatever is
    /// in use comes back at the price of one verification.
    pub(crate) fn keep(&self, name: K, value: V, until: UnixTime, now: UnixTime) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ROOM {
            entries.retain(|_, (_, until)| now <= *until);
        }
        if entries.len() >= ROOM {
            entries.clear();
        }
        entries.insert(name, (value, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recalls_until_the_last_second_and_no_longer() {
        let memory = Memory::default();
        memory.keep(1, "one", UnixTime(10), UnixTime(5));
        assert_eq!(memory.recall(&1, UnixTime(10)), Some("one"));
        assert_eq!(memory.recall(&1, UnixTime(11)), None);
        assert_eq!(memory.recall(&2, UnixTime(10)), None);
    }

    #[test]
    fn what_has_ended_makes_room_and_then_everything_does() {
        let memory = Memory::default();
        for name in 0..ROOM {
            memory.keep(name, (), UnixTime(if name < 10 { 10 } else { 100 }), UnixTime(5));
        }
        memory.keep(ROOM, (), UnixTime(100), UnixTime(11));
        assert_eq!(memory.recall(&10, UnixTime(11)), Some(()));
        assert_eq!(memory.recall(&9, UnixTime(10)), None);
        for name in 0..10 {
            memory.keep(name, (), UnixTime(100), UnixTime(11));
        }
        assert_eq!(memory.recall(&9, UnixTime(11)), Some(()));
        assert_eq!(memory.recall(&10, UnixTime(11)), None);
    }
}
