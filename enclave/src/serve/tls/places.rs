//! Places for connections: so many in all, and no more than a share of them for one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One address may hold this part of all places. A relay needs few: its requests share connections.
const SHARE: usize = 4;

/// Who holds places.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// One place, until it is dropped.
pub(super) struct Place {
    places: Places,
    peer: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// A place for one more connection of `peer`, if there is one.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let mut taken = self.lock();
        let own = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if taken.all >= self.most || own >= self.most.div_ceil(SHARE) {
            return None;
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_peer.insert(peer, own.saturating_add(1));
        Some(Place { places: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        let own = taken.by_peer.get(&self.peer).copied().unwrap_or(0).saturating_sub(1);
        if own == 0 {
            taken.by_peer.remove(&self.peer);
        } else {
            taken.by_peer.insert(self.peer, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn peer(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn one_address_has_a_share_and_all_have_the_whole() {
        let places = Places::new(8);
        let one: Vec<_> = std::iter::from_fn(|| places.take(peer(1))).collect();
        assert_eq!(one.len(), 2);
        let others: Vec<_> = (2..9).filter_map(|last| places.take(peer(last))).collect();
        assert_eq!(others.len(), 6, "eight in all");
        drop(one);
        assert!(places.take(peer(1)).is_some());
        drop(others);
        assert!(places.lock().by_peer.is_empty(), "nobody is remembered");
    }
}
