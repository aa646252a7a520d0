//! Memory for weights: in large pieces, so that the system can map them in large pages. A token reads all of it once, and
//! with pages of 4 KiB the processor would look up the address of every one.

use std::io;
use std::sync::Arc;

use memmap2::{Advice, MmapMut, MmapRaw};

/// A large page of x86-64 and aarch64.
const LARGE: usize = 2 << 20;
/// What is taken from the system at once, unless more is needed.
const CHUNK: usize = 16 * LARGE;

/// Hands out memory, matrix after matrix.
#[derive(Default)]
pub(crate) struct Slab {
    chunk: Option<Arc<MmapRaw>>,
    /// Where the next piece begins in the chunk.
    next: usize,
}

/// Some bytes of a chunk, zero at first, on a cache line of their own.
pub(super) struct Piece {
    at: *mut u8,
    length: usize,
    /// Keeps the bytes mapped.
    _chunk: Arc<MmapRaw>,
}

// SAFETY: a piece is the only one with its bytes, and gives them out as any other owner would.
unsafe impl Send for Piece {}
// SAFETY: as above.
unsafe impl Sync for Piece {}

impl Slab {
    pub(super) fn take(&mut self, length: usize) -> io::Result<Piece> {
        let end = |from: usize| from.checked_add(length);
        let chunk =
            self.chunk.take().filter(|chunk| end(self.next).is_some_and(|end| end <= chunk.len()));
        let chunk = match chunk {
            Some(chunk) => chunk,
            None => self.chunk(length)?,
        };
        // SAFETY: the piece ends inside of the chunk.
        let at = unsafe { chunk.as_mut_ptr().add(self.next) };
        self.next = (self.next + length).next_multiple_of(64);
        self.chunk = Some(Arc::clone(&chunk));
        Ok(Piece { at, length, _chunk: chunk })
    }

    /// A new chunk; the next piece begins on a large page of it.
    fn chunk(&mut self, length: usize) -> io::Result<Arc<MmapRaw>> {
        let size = length.max(CHUNK).checked_add(LARGE).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(size)?;
        // Whoever has no large pages reads small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise(Advice::HugePage);
        self.next = map.as_ptr().align_offset(LARGE);
        Ok(Arc::new(MmapRaw::from(map)))
    }
}

impl Piece {
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: they are mapped as long as the chunk, and nobody else's.
        unsafe { std::slice::from_raw_parts(self.at, self.length) }
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_zero_aligned_and_apart() {
        let mut slab = Slab::default();
        let lengths = [1, 64, 65, CHUNK - 64, 3 * CHUNK, 100];
        let mut pieces: Vec<_> = lengths.iter().map(|&length| slab.take(length).unwrap()).collect();
        for (mark, piece) in (1..).zip(&mut pieces) {
            assert!(piece.as_mut_ptr().addr().is_multiple_of(64));
            assert!(piece.bytes().iter().all(|&byte| byte == 0));
            // SAFETY: the piece is as long as it says.
            unsafe { piece.as_mut_ptr().write_bytes(mark, piece.length) };
        }
        for ((mark, piece), length) in (1..).zip(&pieces).zip(lengths) {
            assert_eq!(piece.bytes().len(), length);
            assert!(piece.bytes().iter().all(|&byte| byte == mark));
        }
    }
}
