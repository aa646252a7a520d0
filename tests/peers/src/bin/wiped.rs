//! The same benches in a process that wipes its heap, as nodes do.

#[path = "../main.rs"]
mod program;

use sealroom_enclave::memory::WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

fn main() -> anyhow::Result<()> {
    program::main()
}
