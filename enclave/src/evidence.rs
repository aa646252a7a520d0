//! The node's evidence: collected with each epoch of KEM keys, bound to one session on demand.

mod waiting;

pub(crate) use waiting::{Asked, Batch, Waiting};
