//! Endorsements from wherever they can be had: a closed list of what may be asked for, a pinned table of whom to ask, and
//! nothing that is believed for where it came from.

mod answer;
mod base;
mod cache;
mod disk;
mod flight;
mod gather;
mod http;
mod needs;
mod pause;
mod place;
mod ratchet;
mod resource;
mod services;
mod store;
mod validators;

pub use answer::{Edition, Statement, Unfit, verify};
pub use base::{Base, BaseError};
pub use cache::{Cache, Entry, Listed};
pub use disk::DiskError;
pub use gather::{Gathered, Problem, Tell, gather};
pub use http::{HttpError, Probe, notify, probe};
pub use needs::{Needs, needs};
pub use ratchet::{Ratchet, RolledBack};
pub use resource::{Resource, RimId, Standing, Update};
pub use services::{Request, Service, Services};
pub use store::{Asked, FetchError, Origin, Store};
pub use validators::Validators;
