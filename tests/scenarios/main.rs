//! Whole stories on loopback, one file each.

mod attacks;
mod connect;
mod sdk;
mod secrecy;
mod support;
mod vendors;
