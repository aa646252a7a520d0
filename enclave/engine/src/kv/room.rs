//! Room for sequences: pages that are taken, shared under a name, and wiped.

use std::time::{Duration, Instant};

use super::{Names, PAGE, PageId, Pages, pages::Taken, pages_of};
use crate::computer::Computer;

/// A computer's pages and who holds what of them.
pub(crate) struct Room {
    computer: Box<dyn Computer>,
    pages: Pages,
    /// How long a prefix that nobody uses is kept.
    keep: Duration,
}

/// The pages of one sequence, in order. They are given back to the room that gave them.
#[derive(Default)]
pub(crate) struct Table {
    pages: Vec<PageId>,
    /// Absent where the client brought no salt: nothing of it is ever found again.
    names: Option<Names>,
}

impl Table {
    /// The pages.
    pub(crate) fn pages(&self) -> &[PageId] {
        &self.pages
    }
}

impl Room {
    /// The `pages` pages of `computer`.
    pub(crate) fn new(computer: Box<dyn Computer>, pages: usize, keep: Duration) -> Self {
        Self { computer, pages: Pages::new(pages), keep }
    }

    /// What computes into the pages.
    pub(crate) fn computer(&mut self) -> &mut dyn Computer {
        &mut *self.computer
    }

    /// Pages that could be taken now.
    pub(crate) fn available(&self) -> usize {
        self.pages.available()
    }

    /// Pages that sequences hold.
    pub(crate) fn held(&self) -> usize {
        self.pages.held()
    }

    /// A table that begins with every full page of `tokens` that was computed before under the same salt, and how many
    /// tokens that is. The last token is always left to compute: its logits are needed.
    pub(crate) fn begin(&mut self, names: Option<Names>, tokens: &[u32]) -> (Table, usize) {
        let Some(mut known) = names else { return (Table::default(), 0) };
        let mut pages = Vec::new();
        let before_last = tokens.split_last().map_or(&[][..], |(_, before)| before);
        loop {
            let mut next = known.clone();
            let found = next.next(before_last).and_then(|name| self.pages.find(&name));
            let Some(page) = found else { break };
            pages.push(page);
            known = next;
        }
        let computed = pages.len() * PAGE;
        (Table { pages, names: Some(known) }, computed)
    }

    /// Makes room for `tokens` tokens in all. False where there is none; what was added stays in the table.
    #[must_use]
    pub(crate) fn grow(&mut self, table: &mut Table, tokens: usize) -> bool {
        let mut evicted = Vec::new();
        while table.pages.len() < pages_of(tokens) {
            match self.pages.take() {
                Some(Taken::Clean(page)) => table.pages.push(page),
                Some(Taken::Evicted(page)) => {
                    table.pages.push(page);
                    evicted.push(page);
                }
                None => break,
            }
        }
        self.wipe(&evicted);
        table.pages.len() >= pages_of(tokens)
    }

    /// Names the pages that became full: `computed` are the tokens whose keys and values are stored.
    pub(crate) fn name(&mut self, table: &mut Table, computed: &[u32]) {
        let Some(names) = &mut table.names else { return };
        while let Some(name) = names.next(computed) {
            let page = table.pages.get(names.count() - 1);
            page.into_iter().for_each(|&page| self.pages.name(page, name));
        }
    }

    /// Takes every page back.
    pub(crate) fn give_back(&mut self, table: Table) {
        let now = Instant::now();
        // From the end: what others may want most, the beginning, is given back last.
        let mut pages = table.pages;
        pages.reverse();
        pages.retain(|&page| self.pages.give_back(page, now));
        self.wipe(&pages);
    }

    /// Wipes the prefixes that nobody used for long, and says when the next one is due.
    pub(crate) fn expire(&mut self) -> Option<Instant> {
        let expired = self.pages.expire(Instant::now(), self.keep);
        self.wipe(&expired);
        self.pages.oldest().map(|then| then + self.keep)
    }

    /// All at once: on a device each call of this has its price.
    fn wipe(&mut self, pages: &[PageId]) {
        if !pages.is_empty() {
            self.computer.wipe(pages);
        }
    }
}

/// Everything that sequences hold is theirs to give back; what is kept for others is wiped here.
impl Drop for Room {
    fn drop(&mut self) {
        let kept = self.pages.expire(Instant::now(), Duration::ZERO);
        self.wipe(&kept);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::computer::{Computed, Piece};
    use crate::kv::Arena;
    use crate::private::CacheSalt;

    /// Memory alone, for the test to look at.
    #[derive(Clone)]
    struct Memory(Arc<Mutex<Arena>>);

    impl Computer for Memory {
        fn compute(&mut self, _: &[Piece<'_>]) -> candle_core::Result<Computed> {
            Ok(Computed::default())
        }

        fn wipe(&mut self, pages: &[PageId]) {
            pages.iter().for_each(|&page| self.0.lock().unwrap().wipe(page));
        }

        fn chooses(&self) -> bool {
            false
        }
    }

    impl Memory {
        fn is_zero(&self) -> bool {
            self.0.lock().unwrap().layer(0).iter().all(|&half| half == 0)
        }
    }

    fn room(pages: usize) -> (Room, Memory) {
        let memory = Memory(Arc::new(Mutex::new(Arena::new(1, 1, 16, pages).unwrap())));
        (Room::new(Box::new(memory.clone()), pages, Duration::from_secs(60)), memory)
    }

    fn names(salt: u8) -> Option<Names> {
        Some(Names::new(&CacheSalt::new([salt; 32])))
    }

    /// Computes a sequence and gives it back.
    fn compute((room, memory): &mut (Room, Memory), names: Option<Names>, tokens: &[u32]) -> usize {
        let (mut table, found) = room.begin(names, tokens);
        assert!(room.grow(&mut table, tokens.len()));
        let page = table.pages()[found / PAGE];
        memory.0.lock().unwrap().store(0, (page, 0), 0, (&[1.0; 16], &[1.0; 16]));
        room.name(&mut table, tokens);
        room.give_back(table);
        found
    }

    #[test]
    fn a_prefix_is_found_under_the_same_salt_alone() {
        let (mut room, tokens) = (room(8), (0..40).collect::<Vec<u32>>());
        assert_eq!(compute(&mut room, names(1), &tokens), 0);
        assert_eq!(compute(&mut room, names(2), &tokens), 0, "another client's");
        assert_eq!(compute(&mut room, None, &tokens), 0, "nobody's");
        assert_eq!(compute(&mut room, names(1), &tokens), 32);
        assert_eq!(compute(&mut room, names(1), &tokens[..32]), 16, "the last token is computed");
        let mut other = tokens;
        other[0] = 99;
        assert_eq!(compute(&mut room, names(1), &other), 0, "every token before counts");
    }

    #[test]
    fn whatever_is_given_back_without_a_name_is_zero() {
        let (mut room, tokens) = (room(4), (0..40).collect::<Vec<u32>>());
        compute(&mut room, None, &tokens);
        assert!(room.0.held() == 0 && room.1.is_zero());
        compute(&mut room, names(1), &tokens);
        let (mut room, memory) = room;
        assert!(!memory.is_zero(), "the control");
        // Four pages are needed: both prefixes give way, and are wiped on the way.
        let (mut table, _) = room.begin(None, &[]);
        assert!(room.grow(&mut table, 64));
        assert!(memory.is_zero());
        assert!(!room.grow(&mut table, 65));
        room.give_back(table);
    }

    #[test]
    fn a_prefix_that_nobody_used_for_long_is_wiped() {
        let (mut room, tokens) = (room(4), (0..40).collect::<Vec<u32>>());
        room.0.keep = Duration::ZERO;
        compute(&mut room, names(1), &tokens);
        assert!(!room.1.is_zero(), "the control");
        assert_eq!(room.0.expire(), None);
        assert!(room.1.is_zero());
    }
}
