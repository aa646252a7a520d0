//! The memory behind the pages, in half precision.

use half::f16;
use zeroize::Zeroize as _;

use super::{PAGE, PageId};
use crate::error::LoadError;
use crate::memory::Region;

/// For each layer, page and group a block of keys and one of values. Keys are stored coordinate by coordinate, so that one
/// vector holds the same coordinate of every token; values token by token.
pub(crate) struct Arena {
    region: Region,
    layers: usize,
    groups: usize,
    head: usize,
    pages: usize,
}

impl Arena {
    /// Room for `pages` pages.
    pub(crate) fn new(
        layers: usize,
        groups: usize,
        head: usize,
        pages: usize,
    ) -> Result<Self, LoadError> {
        let count = [layers, groups, head, pages]
            .iter()
            .try_fold(2 * PAGE, |all, &one| all.checked_mul(one));
        Ok(Self { region: Region::new(count.unwrap_or(usize::MAX))?, layers, groups, head, pages })
    }

    /// Everything of one layer: for each page and group keys, then values.
    pub(crate) fn layer(&self, layer: usize) -> &[u16] {
        let length = self.layer_length();
        self.region.halves().get(layer * length..(layer + 1) * length).unwrap_or_default()
    }

    /// Stores key and value of one token at `slot` of a page.
    pub(crate) fn store(
        &mut self,
        layer: usize,
        (page, slot): (PageId, usize),
        group: usize,
        (key, value): (&[f32], &[f32]),
    ) {
        let length = self.block();
        let from = layer * self.layer_length() + (page as usize * self.groups + group) * 2 * length;
        let both = self.region.halves_mut().get_mut(from..from + 2 * length).unwrap_or_default();
        let Some((keys, values)) = both.split_at_mut_checked(length) else { return };
        let column = keys.iter_mut().skip(slot).step_by(PAGE);
        column.zip(key).for_each(|(place, &number)| *place = f16::from_f32(number).to_bits());
        let row = values.iter_mut().skip(slot * self.head).take(self.head);
        row.zip(value).for_each(|(place, &number)| *place = f16::from_f32(number).to_bits());
    }

    /// Overwrites a page with zeros.
    pub(crate) fn wipe(&mut self, page: PageId) {
        let (length, page_length) = (self.layer_length(), 2 * self.groups * self.block());
        for layer in 0..self.layers {
            let from = layer * length + page as usize * page_length;
            let page = self.region.halves_mut().get_mut(from..from + page_length);
            page.unwrap_or_default().zeroize();
        }
    }

    const fn block(&self) -> usize {
        self.head * PAGE
    }

    const fn layer_length(&self) -> usize {
        self.pages * self.groups * 2 * self.block()
    }
}
