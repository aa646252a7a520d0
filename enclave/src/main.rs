//! `sealroom-enclave`: starts a node inside a confidential VM.

use std::process::ExitCode;

use sealroom_enclave::memory::WipingAllocator;

mod cli;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

fn main() -> ExitCode {
    cli::run()
}
