//! Whole stories on loopback, one file each.

mod attacks;
mod connect;
mod endorsements;
mod models;
mod sdk;
mod secrecy;
mod structured;
mod support;
mod trial;
mod upstream;
mod vendors;
