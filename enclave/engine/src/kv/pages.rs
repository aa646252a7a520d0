//! Who holds which page. Full pages whose sequences ended are kept for a while under their names; everything else that is
//! given back is wiped by the caller, so that a free page is always zero.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::Name;

/// The number of a page in the arena.
pub(crate) type PageId = u32;

/// All pages of an arena.
pub(crate) struct Pages {
    free: Vec<PageId>,
    pages: Vec<Page>,
    named: HashMap<Name, PageId>,
    /// Named pages that nobody holds, by when they were given back.
    idle: BTreeMap<u64, (Instant, PageId)>,
    /// Counts what was given back: later is greater.
    turn: u64,
}

#[derive(Clone, Default)]
struct Page {
    holders: u32,
    name: Option<Name>,
    /// Its key among the idle ones.
    since: u64,
}

/// A page for somebody to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is all zero.
    Clean(PageId),
    /// Somebody's prefix lay in it: to be wiped first.
    Evicted(PageId),
}

impl Pages {
    /// `count` free pages.
    pub(crate) fn new(count: usize) -> Self {
        let count = PageId::try_from(count).unwrap_or(PageId::MAX);
        Self {
            free: (0..count).rev().collect(),
            pages: vec![Page::default(); count as usize],
            named: HashMap::new(),
            idle: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Pages that can be taken.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// Pages that sequences hold.
    pub(crate) fn held(&self) -> usize {
        self.pages.len() - self.available()
    }

    /// A page for one sequence: a free one, or the prefix that was not used for the longest time.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let taken = match self.free.pop() {
            Some(page) => Taken::Clean(page),
            None => Taken::Evicted(self.idle.pop_first().map(|(_, (_, page))| page)?),
        };
        let (Taken::Clean(page) | Taken::Evicted(page)) = taken;
        self.forget(page);
        self.page(page).holders = 1;
        Some(taken)
    }

    /// The page of this name, held once more.
    pub(crate) fn find(&mut self, name: &Name) -> Option<PageId> {
        let id = *self.named.get(name)?;
        let page = self.page(id);
        page.holders += 1;
        let since = page.since;
        self.idle.remove(&since);
        Some(id)
    }

    /// Names a full page that its sequence will not write to again. One name is one page: a second one stays nameless.
    pub(crate) fn name(&mut self, id: PageId, name: Name) {
        if self.page(id).name.is_none() && !self.named.contains_key(&name) {
            self.named.insert(name, id);
            self.page(id).name = Some(name);
        }
    }

    /// Gives back a page. The caller wipes it where the answer is true.
    #[must_use]
    pub(crate) fn give_back(&mut self, id: PageId, now: Instant) -> bool {
        self.turn += 1;
        let turn = self.turn;
        let page = self.page(id);
        page.holders = page.holders.saturating_sub(1);
        if page.holders > 0 {
            return false;
        }
        if page.name.is_none() {
            self.free.push(id);
            return true;
        }
        page.since = turn;
        self.idle.insert(turn, (now, id));
        false
    }

    /// Frees the prefixes that were not used for so long; the caller wipes them.
    pub(crate) fn expire(&mut self, now: Instant, age: Duration) -> Vec<PageId> {
        let mut expired = Vec::new();
        while let Some(entry) = self.idle.first_entry()
            && now.saturating_duration_since(entry.get().0) >= age
        {
            let (_, page) = entry.remove();
            self.forget(page);
            self.free.push(page);
            expired.push(page);
        }
        expired
    }

    /// When the oldest idle prefix was given back.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.idle.first_key_value().map(|(_, (then, _))| *then)
    }

    fn forget(&mut self, id: PageId) {
        if let Some(name) = self.page(id).name.take() {
            self.named.remove(&name);
        }
    }

    fn page(&mut self, id: PageId) -> &mut Page {
        self.pages.get_mut(id as usize).expect("a page of this arena")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Name = [1; 32];
    const B: Name = [2; 32];

    #[test]
    fn a_page_without_a_name_is_wiped_and_taken_again() {
        let (mut pages, now) = (Pages::new(1), Instant::now());
        assert_eq!(pages.take(), Some(Taken::Clean(0)));
        assert_eq!((pages.take(), pages.held()), (None, 1));
        assert!(pages.give_back(0, now));
        assert_eq!(pages.take(), Some(Taken::Clean(0)));
    }

    #[test]
    fn a_named_page_is_found_until_its_room_is_needed() {
        let (mut pages, now) = (Pages::new(2), Instant::now());
        for (page, name) in [(0, A), (1, B)] {
            assert_eq!(pages.take(), Some(Taken::Clean(page)));
            pages.name(page, name);
            assert!(!pages.give_back(page, now));
        }
        assert_eq!((pages.find(&A), pages.find(&A)), (Some(0), Some(0)));
        assert!(!pages.give_back(0, now));
        assert_eq!(pages.take(), Some(Taken::Evicted(1)), "the one that nobody holds");
        assert_eq!((pages.find(&B), pages.take()), (None, None));
        assert!(!pages.give_back(0, now));
        assert_eq!(pages.find(&A), Some(0), "it was held twice");
    }

    #[test]
    fn a_second_page_of_one_name_stays_nameless() {
        let (mut pages, now) = (Pages::new(2), Instant::now());
        for page in [0, 1] {
            assert_eq!(pages.take(), Some(Taken::Clean(page)));
            pages.name(page, A);
        }
        assert!(pages.give_back(1, now));
        assert_eq!(pages.find(&A), Some(0));
    }

    #[test]
    fn prefixes_that_nobody_used_for_long_expire_oldest_first() {
        let (mut pages, now) = (Pages::new(2), Instant::now());
        for (page, name) in [(0, A), (1, B)] {
            assert_eq!(pages.take(), Some(Taken::Clean(page)));
            pages.name(page, name);
            let then = now + Duration::from_secs(u64::from(page));
            assert!(!pages.give_back(page, then));
        }
        let age = Duration::from_secs(10);
        assert!(pages.expire(now + age - Duration::from_nanos(1), age).is_empty());
        assert_eq!(pages.expire(now + age, age), [0]);
        assert_eq!((pages.find(&A), pages.find(&B)), (None, Some(1)));
        assert_eq!(pages.held(), 1);
    }
}
