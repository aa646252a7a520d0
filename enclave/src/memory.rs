//! What keeps secrets from staying behind: an allocator that wipes, a stack that is overwritten, a process
//! that leaves no core and lets nobody attach.
//!
//! Types of ours wipe themselves. Those of other crates do not: ring's keys, buffers of TLS and HTTP, the
//! parser's scratch space, activations of the engine. All of them live on the heap, so the heap wipes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

/// Overwrites every block with zeros before it goes back, also the old block of one that grows.
///
/// Installed by a binary: `#[global_allocator] static ALLOCATOR: WipingAllocator = WipingAllocator::system();`
#[derive(Debug)]
pub struct WipingAllocator<A = System>(A);

impl WipingAllocator {
    /// In front of the operating system's allocator.
    #[must_use]
    pub const fn system() -> Self {
        Self(System)
    }
}

#[expect(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait: there is no other way to wipe the heap"
)]
// SAFETY: every block comes from and returns to `A` with the layout it was asked for; in between only
// bytes inside the block are read or written.
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives up a block of this size, so all of it may be written.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: the block came from `alloc` of the same allocator with the same layout.
        unsafe { self.0.dealloc(block, layout) };
    }

    /// Never in place: the allocator behind might move the block and leave the old bytes.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow.
        let grown = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises a size above zero.
        let new = unsafe { self.0.alloc(grown) };
        if !new.is_null() {
            // SAFETY: both blocks hold at least the smaller size and do not overlap, both being live.
            unsafe { std::ptr::copy_nonoverlapping(block, new, layout.size().min(size)) };
            // SAFETY: the old block is given up here and was allocated with `layout`.
            unsafe { self.dealloc(block, layout) };
        }
        new
    }
}

/// Writes zeros that the compiler cannot drop although the block is freed next.
#[expect(unsafe_code, reason = "writes through the pointer of a block that is being freed")]
unsafe fn wipe(block: *mut u8, size: usize) {
    // SAFETY: the caller owns `size` writable bytes at `block`.
    unsafe { block.write_bytes(0, size) };
    // SAFETY: no instruction; the compiler must assume that it reads all memory behind `block`.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags, readonly));
    }
}

/// How much stack is overwritten: more than key generation uses, in an unoptimised build too.
const STACK: usize = 256 * 1024;

/// Runs `birth` on stack that is overwritten before this returns. What it returns should hold secrets
/// behind a pointer only, or they are copied to the caller's stack after all.
pub(crate) fn off_the_stack<T>(birth: impl FnOnce() -> T) -> T {
    let born = call(birth);
    overwrite_stack();
    born
}

#[inline(never)]
fn call<T>(birth: impl FnOnce() -> T) -> T {
    black_box(birth())
}

#[inline(never)]
fn overwrite_stack() {
    let mut frame = [0_u8; STACK];
    black_box(&mut frame);
}

/// What hardening this process came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardened {
    /// Whether memory stays out of swap.
    pub locked: bool,
}

/// Why the process could not be hardened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system refused {call} with error {code}")]
pub struct HardenError {
    /// The system call.
    pub call: &'static str,
    /// Its errno.
    pub code: i32,
}

/// Forbids core dumps and attaching, and tries to keep memory out of swap.
///
/// # Errors
/// When core dumps or attaching cannot be forbidden. Locking may fail; the result says so.
pub fn harden() -> Result<Hardened, HardenError> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // Whoever may not dump core may not attach either: the kernel couples the two for other users.
    #[expect(unsafe_code, reason = "no safe binding without another dependency")]
    // SAFETY: `setrlimit` reads one struct that lives here; `prctl` with these numbers reads no memory.
    let (core, dumpable) = unsafe {
        (libc::setrlimit(libc::RLIMIT_CORE, &none), libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0))
    };
    check("setrlimit(RLIMIT_CORE)", core)?;
    check("prctl(PR_SET_DUMPABLE)", dumpable)?;
    Ok(Hardened { locked: lock().is_ok() })
}

/// Locks what is touched from now on. Without an unlimited allowance it does nothing: a later allocation
/// would fail at some arbitrary moment.
fn lock() -> Result<(), HardenError> {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    #[expect(unsafe_code, reason = "no safe binding without another dependency")]
    // SAFETY: `setrlimit` reads one struct that lives here.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &all) };
    check("setrlimit(RLIMIT_MEMLOCK)", raised)?;
    #[expect(unsafe_code, reason = "no safe binding without another dependency")]
    // SAFETY: takes flags only and changes no mapping's content.
    let locked =
        unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) };
    check("mlockall", locked)
}

fn check(call: &'static str, result: libc::c_int) -> Result<(), HardenError> {
    if result == 0 {
        return Ok(());
    }
    Err(HardenError { call, code: std::io::Error::last_os_error().raw_os_error().unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts freed blocks, and bytes in them that are not zero.
    #[derive(Default)]
    struct Spy {
        freed: AtomicUsize,
        dirty: AtomicUsize,
    }

    #[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]
    // SAFETY: passes everything on to the system's allocator and reads only live blocks.
    unsafe impl GlobalAlloc for Spy {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the block is live until the next line and every byte was written by the test.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            let dirty = bytes.iter().filter(|byte| **byte != 0).count();
            self.freed.fetch_add(1, Ordering::Relaxed);
            self.dirty.fetch_add(dirty, Ordering::Relaxed);
            // SAFETY: passed on.
            unsafe { System.dealloc(block, layout) };
        }
    }

    #[test]
    #[expect(unsafe_code, reason = "calls an allocator directly")]
    fn wipes_freed_blocks_and_the_old_block_of_one_that_grows() {
        let allocator = WipingAllocator(Spy::default());
        let layout = Layout::from_size_align(1000, 8).expect("a valid layout");
        let grown = Layout::from_size_align(4000, 8).expect("a valid layout");
        // SAFETY: blocks are used within their size and freed once, with their own layouts.
        unsafe {
            let block = allocator.alloc(layout);
            block.write_bytes(0xa5, 1000);
            let block = allocator.realloc(block, layout, 4000);
            assert_eq!(*block.add(999), 0xa5, "the content moves along");
            block.write_bytes(0xa5, 4000);
            allocator.dealloc(block, grown);
        }
        assert_eq!(allocator.0.freed.into_inner(), 2);
        assert_eq!(allocator.0.dirty.into_inner(), 0);
    }

    #[test]
    fn off_the_stack_returns_what_was_born() {
        assert_eq!(*off_the_stack(|| Box::new([7_u8; 32])), [7; 32]);
    }
}
