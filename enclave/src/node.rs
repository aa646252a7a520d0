//! A running node: what it is made of, and its life from the first evidence to the last stream.

mod state;

pub use state::State;
