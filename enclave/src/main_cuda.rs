//! `sealroom-enclave-cuda`: the same node, built to compute on a GPU. An image holds one of the two, and its measurement says
//! which.

use std::process::ExitCode;

use sealroom_enclave::memory::WipingAllocator;

mod cli;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

fn main() -> ExitCode {
    cli::run()
}
