//! Keys and values of all sequences, in pages of one arena.

mod arena;
mod names;
mod pages;
mod room;

pub(crate) use arena::Arena;
pub(crate) use names::Names;
pub(crate) use pages::PageId;
pub(crate) use room::{Room, Table};

pub(crate) use crate::kernels::PAGE;
use names::Name;
use pages::Pages;

/// Pages that hold `tokens`.
pub(crate) const fn pages_of(tokens: usize) -> usize {
    tokens.div_ceil(PAGE)
}
