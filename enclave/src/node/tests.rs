//! A node over real connections, with nothing real behind it.

mod connection;
mod evidence;
mod gateway;
mod openai;
