//! What auditors of other confidential systems found, each as evidence that is refused beside evidence that is not.
//!
//! `docs/audits.md` has the whole list; most of it is held by tests beside the code.

mod boot;
mod gpus;
// A shell there limits a process in its address space.
#[cfg(target_os = "linux")]
mod lengths;
mod lifetime;
mod modules;
mod names;
#[path = "../support/bound_node.rs"]
mod node;
mod scene;
