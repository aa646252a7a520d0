//! Every check by name: why it matters, and what to do when it fails.
//!
//! The names are part of the interface: policies, reports and other people's scripts match on them.

/// The definition of one check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The stable name, dots from the general to the particular.
    pub id: &'static str,
    /// What an attacker could do if nobody looked.
    pub why: &'static str,
    /// What the operator or the auditor can do about it.
    pub fix: &'static str,
}

macro_rules! checks {
    ($($name:ident = $id:literal, $why:literal, $fix:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $why)]
            pub static $name: Check = Check { id: $id, why: $why, fix: $fix };
        )*
        /// All of them, for lists and documentation.
        pub(super) static LIST: &[&Check] = &[$(&$name),*];
    };
}

mod endorsements;
mod gpu;
mod node;
mod snp;
mod tdx;

pub use endorsements::*;
pub use gpu::*;
pub use node::*;
pub use snp::*;
pub use tdx::*;

/// Every check that this version knows, for lists and documentation.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [snp::LIST, tdx::LIST, gpu::LIST, node::LIST, endorsements::LIST].into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_check_says_why_and_what_to_do() {
        let mut ids: Vec<_> = all().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all().count());
        assert!(all().all(|check| !check.why.is_empty() && !check.fix.is_empty()));
    }
}
