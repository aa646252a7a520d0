//! Whole stories on loopback, one file each.

mod attacks;
mod connect;
mod secrecy;
mod support;
