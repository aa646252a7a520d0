//! Signs receipts, one number after the other, and keeps them for whoever lost the answer's end.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealroom_attestation::receipt::{self, Receipt};

use crate::keys::Keys;

/// How long a receipt can be fetched: the wire specification, section 7.
const KEPT: Duration = Duration::from_secs(600);
/// How many are kept; older ones go first.
const MOST: usize = 16_384;

/// The receipts of this boot.
pub(crate) struct Receipts {
    state: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    kept: HashMap<Place, Arc<[u8]>>,
    order: VecDeque<(Duration, Place)>,
}

/// The peer that gave a nonce, and the nonce: nobody else is given the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) peer: IpAddr,
    pub(crate) nonce: [u8; 16],
}

impl Receipts {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// The number that the next receipt will have.
    pub(crate) fn next(&self) -> u64 {
        self.lock().next
    }

    /// Gives `make` the next number and signs what it makes. The number is used up even if the receipt
    /// is lost afterwards; it is never given twice and none is left out.
    pub(crate) fn issue(&self, keys: &Keys, make: impl FnOnce(u64) -> Receipt) -> Vec<u8> {
        let mut inner = self.lock();
        let receipt = make(inner.next);
        inner.next = inner.next.saturating_add(1);
        receipt::sign(&receipt, |message| keys.sign_as_receipts(message))
    }

    /// Keeps a receipt for the peer that gave its billing nonce. A second one under the same nonce is
    /// not kept: the relay gives each nonce once.
    pub(crate) fn keep(&self, place: Place, signed: &[u8], now: Duration) {
        let mut inner = self.lock();
        inner.forget(now);
        if inner.kept.contains_key(&place) {
            return;
        }
        inner.kept.insert(place, signed.into());
        inner.order.push_back((now, place));
    }

    /// A kept receipt.
    pub(crate) fn find(&self, place: &Place, now: Duration) -> Option<Arc<[u8]>> {
        let mut inner = self.lock();
        inner.forget(now);
        inner.kept.get(place).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, now: Duration) {
        while let Some((since, place)) = self.order.front().copied() {
            if now.saturating_sub(since) < KEPT && self.order.len() < MOST {
                return;
            }
            self.order.pop_front();
            self.kept.remove(&place);
        }
    }
}

/// The ids of requests that were acted on: a second use within 1,200 s is refused.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    state: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    used: HashMap<[u8; 16], Duration>,
    order: VecDeque<(Duration, [u8; 16])>,
}

/// How long an id counts as used: as long as a key that could carry it twice.
const USED: Duration = crate::kem::ACCEPTED;
/// How many ids are remembered. One more is refused, none is forgotten early.
const MOST_IDS: usize = 262_144;

/// Why an id was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdRefused {
    /// A request with this id was acted on.
    Used,
    /// No room to remember it.
    Full,
}

impl RequestIds {
    /// Takes an id just before its request is acted on.
    pub(crate) fn take(&self, id: [u8; 16], now: Duration) -> Result<(), IdRefused> {
        let Ids { used, order } = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, old)) = order.front().copied() {
            if now.saturating_sub(since) < USED {
                break;
            }
            order.pop_front();
            // An id that was given back and taken again has a younger entry.
            if used.get(&old) == Some(&since) {
                used.remove(&old);
            }
        }
        if used.contains_key(&id) {
            return Err(IdRefused::Used);
        }
        if used.len() >= MOST_IDS {
            return Err(IdRefused::Full);
        }
        // Ids that were given back leave their entries behind; they count for nobody.
        if order.len() >= 2 * MOST_IDS {
            order.retain(|(since, id)| used.get(id) == Some(since));
        }
        used.insert(id, now);
        order.push_back((now, id));
        Ok(())
    }

    /// Gives an id back: its request was refused before any work, so it may come again.
    pub(crate) fn give_back(&self, id: [u8; 16]) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).used.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{self, FixedEntropy};
    use std::net::Ipv4Addr;

    const NOW: Duration = Duration::from_secs(5000);

    fn place(last: u8, nonce: u8) -> Place {
        Place { peer: Ipv4Addr::new(10, 0, 0, last).into(), nonce: [nonce; 16] }
    }

    #[test]
    fn numbers_have_no_gaps_and_signatures_hold() {
        let keys = Keys::generate(&FixedEntropy::new()).expect("keys");
        let receipts = Receipts::new();
        for sequence in 0..3 {
            assert_eq!(receipts.next(), sequence);
            let signed = receipts.issue(&keys, mock::receipt);
            let found = receipt::verify_signature(&signed, &keys.receipt_key()).expect("signed");
            assert_eq!(found.sequence, sequence);
        }
    }

    #[test]
    fn a_receipt_is_found_by_its_peer_alone_and_for_600_seconds() {
        let receipts = Receipts::new();
        receipts.keep(place(1, 7), b"receipt", NOW);
        let later = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(receipts.find(&place(1, 7), later(599)).as_deref(), Some(&b"receipt"[..]));
        assert_eq!(receipts.find(&place(2, 7), later(1)), None);
        assert_eq!(receipts.find(&place(1, 8), later(1)), None);
        assert_eq!(receipts.find(&place(1, 7), later(600)), None);
    }

    #[test]
    fn an_id_is_taken_once_in_1200_seconds() {
        let ids = RequestIds::default();
        assert_eq!(ids.take([1; 16], NOW), Ok(()));
        let later = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(ids.take([1; 16], later(1199)), Err(IdRefused::Used));
        assert_eq!(ids.take([2; 16], later(1199)), Ok(()));
        assert_eq!(ids.take([1; 16], later(1200)), Ok(()));
    }

    #[test]
    fn ids_given_back_take_no_room_from_others() {
        let ids = RequestIds::default();
        for _ in 0..2 * MOST_IDS + 10 {
            assert_eq!(ids.take([1; 16], NOW), Ok(()));
            ids.give_back([1; 16]);
        }
        assert!(ids.state.lock().expect("not poisoned").order.len() <= 2 * MOST_IDS);
        assert_eq!(ids.take([2; 16], NOW), Ok(()));
        assert_eq!(ids.take([2; 16], NOW), Err(IdRefused::Used));
    }

    #[test]
    fn an_id_given_back_may_come_again_and_then_counts_anew() {
        let ids = RequestIds::default();
        assert_eq!(ids.take([1; 16], NOW), Ok(()));
        ids.give_back([1; 16]);
        let again = NOW + Duration::from_secs(600);
        assert_eq!(ids.take([1; 16], again), Ok(()));
        // The first entry's time is over, the second's is not.
        let after = NOW + Duration::from_secs(1300);
        assert_eq!(ids.take([1; 16], after), Err(IdRefused::Used));
    }
}
