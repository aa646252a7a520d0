//! The sessions that wait for a quote. While one quote is made the next batch gathers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealroom_attestation::binder::Tree;
use sealroom_attestation::digests::Nonce;
use sealroom_attestation::endpoints::ChannelKind;
use sealroom_attestation::evidence::Hardware;
use sealroom_attestation::statement::QuoteFreshness;
use tokio::sync::{Notify, oneshot};

use super::Answers;
use crate::kem::Epoch;

/// The most sessions of one peer that wait: the wire specification, section 5.
const PER_PEER: usize = 64;
/// The most sessions that wait: what one tree holds.
const TOTAL: usize = QuoteFreshness::MAX_TREE as usize;

/// What one challenge asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) nonce: Nonce,
    pub(crate) kind: ChannelKind,
    /// Of the connection on which the challenge came. It counts for [`ChannelKind::Tls`] only.
    pub(crate) exporter: [u8; 32],
}

/// A quote over a tree of sessions.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) statement: Vec<u8>,
    pub(crate) hardware: Hardware,
    pub(super) gpus: Arc<Answers>,
    pub(crate) tree: Tree,
}

/// One session that waits.
pub(crate) struct Waiter {
    pub(crate) asked: Asked,
    reply: oneshot::Sender<(Arc<Batch>, usize)>,
}

/// The waiting list.
#[derive(Default)]
pub(crate) struct Waiting {
    list: Arc<Mutex<List>>,
    bell: Notify,
}

#[derive(Default)]
struct List {
    waiters: Vec<Waiter>,
    peers: HashMap<IpAddr, usize>,
    total: usize,
}

/// A place in the list, given back when the request ends, however it ends.
pub(crate) struct Ticket {
    list: Arc<Mutex<List>>,
    peer: IpAddr,
    answer: oneshot::Receiver<(Arc<Batch>, usize)>,
}

/// The list is full, for this peer or for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Waiting {
    /// Joins the list.
    pub(crate) fn join(&self, peer: IpAddr, asked: Asked) -> Result<Ticket, Full> {
        let mut list = lock(&self.list);
        let mine = list.peers.get(&peer).copied().unwrap_or(0);
        if mine >= PER_PEER || list.total >= TOTAL {
            return Err(Full);
        }
        list.peers.insert(peer, mine.saturating_add(1));
        list.total = list.total.saturating_add(1);
        // A peer that joins and leaves while a quote takes its time must not fill the memory.
        if list.waiters.len() >= PER_PEER.max(list.total.saturating_mul(2)) {
            list.waiters.retain(|waiter| !waiter.reply.is_closed());
        }
        let (reply, answer) = oneshot::channel();
        list.waiters.push(Waiter { asked, reply });
        self.bell.notify_one();
        Ok(Ticket { list: Arc::clone(&self.list), peer, answer })
    }

    /// Everybody who still waits, at once; `None` when nobody does.
    pub(crate) fn take(&self) -> Option<Vec<Waiter>> {
        let mut waiters = std::mem::take(&mut lock(&self.list).waiters);
        waiters.retain(|waiter| !waiter.reply.is_closed());
        (!waiters.is_empty()).then_some(waiters)
    }

    /// How many wait for the next batch.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.list).waiters.len()
    }

    /// Until somebody joins.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// Gives each waiter the batch and its place in it.
pub(super) fn answer(waiters: Vec<Waiter>, batch: &Arc<Batch>) {
    for (index, waiter) in waiters.into_iter().enumerate() {
        // Whoever is gone meanwhile stays a leaf that nobody asks for.
        drop(waiter.reply.send((Arc::clone(batch), index)));
    }
}

impl Ticket {
    /// The batch and the place in it; `None` when no quote was made.
    pub(crate) async fn answer(&mut self) -> Option<(Arc<Batch>, usize)> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut list = lock(&self.list);
        list.total = list.total.saturating_sub(1);
        match list.peers.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => drop(list.peers.remove(&self.peer)),
        }
    }
}

fn lock(list: &Mutex<List>) -> MutexGuard<'_, List> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked { nonce: Nonce([1; 32]), kind: ChannelKind::Kem, exporter: [0; 32] }
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_peer_has_64_places_and_gets_them_back() {
        let waiting = Waiting::default();
        let mut tickets: Vec<_> =
            (0..64).map(|_| waiting.join(peer(1), asked()).expect("a place")).collect();
        assert_eq!(waiting.join(peer(1), asked()).err(), Some(Full));
        drop(waiting.join(peer(2), asked()).expect("another peer waits on"));
        tickets.pop();
        drop(waiting.join(peer(1), asked()).expect("a place again"));
    }

    #[test]
    fn those_who_went_away_leave_no_room_taken_while_a_quote_takes_its_time() {
        let waiting = Waiting::default();
        let stays = waiting.join(peer(1), asked()).expect("a place");
        for _ in 0..10_000 {
            drop(waiting.join(peer(2), asked()).expect("a place"));
        }
        assert!(waiting.len() <= 2 * PER_PEER, "{} are remembered", waiting.len());
        assert_eq!(waiting.take().map(|waiters| waiters.len()), Some(1));
        drop(stays);
    }

    #[test]
    fn who_went_away_is_not_in_the_tree() {
        let waiting = Waiting::default();
        let gone = waiting.join(peer(1), asked()).expect("a place");
        let stays = waiting.join(peer(1), asked()).expect("a place");
        drop(gone);
        assert_eq!(waiting.take().map(|waiters| waiters.len()), Some(1));
        drop(stays);
        assert!(waiting.take().is_none());
    }
}
