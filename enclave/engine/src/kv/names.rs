//! What a full page is called: by its tokens, all tokens before them, and the client's own salt. Whoever has another salt
//! names the same tokens otherwise, and learns nothing of who else sent them.

use ring::digest::{Context, SHA256};

use super::PAGE;
use crate::private::CacheSalt;

/// The name of a full page.
pub(crate) type Name = [u8; 32];

/// Names of one sequence's pages, in order.
#[derive(Clone)]
pub(crate) struct Names {
    last: Name,
    count: usize,
}

impl Names {
    /// Before the first page.
    pub(crate) fn new(salt: &CacheSalt) -> Self {
        Self { last: digest(b"sealroom prefix", salt.expose(), &[]), count: 0 }
    }

    /// Pages that were named.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The name of the next page of `tokens`; `None` until the page is full.
    pub(crate) fn next(&mut self, tokens: &[u32]) -> Option<Name> {
        let page = tokens.get(self.count * PAGE..(self.count + 1) * PAGE)?;
        self.last = digest(&self.last, &[], page);
        self.count += 1;
        Some(self.last)
    }
}

fn digest(before: &[u8], salt: &[u8], tokens: &[u32]) -> Name {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(salt);
    tokens.iter().for_each(|token| context.update(&token.to_le_bytes()));
    let mut name = Name::default();
    name.copy_from_slice(context.finish().as_ref());
    name
}
