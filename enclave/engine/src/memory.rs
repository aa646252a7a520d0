//! Memory for keys and values: in one piece, never dumped, and locked where the process may lock.

use memmap2::{Advice, MmapMut};

use crate::error::LoadError;

/// Numbers of 16 bits, all zero at first. Memory is taken from the system where it is first written. Whoever writes wipes:
/// to overwrite all of it at the end would take what was never used.
pub(crate) struct Region {
    map: MmapMut,
}

impl Region {
    /// Room for `count` numbers.
    pub(crate) fn new(count: usize) -> Result<Self, LoadError> {
        let refused = |reason: String| LoadError::Memory { bytes: count.saturating_mul(2), reason };
        let bytes =
            count.checked_mul(2).ok_or_else(|| refused("more than can be counted".into()))?;
        let map = MmapMut::map_anon(bytes).map_err(|error| refused(error.to_string()))?;
        #[cfg(target_os = "linux")]
        map.advise(Advice::DontDump).map_err(|error| refused(error.to_string()))?;
        lock(&map);
        Ok(Self { map })
    }

    pub(crate) fn halves(&self) -> &[u16] {
        bytemuck::cast_slice(&self.map)
    }

    pub(crate) fn halves_mut(&mut self) -> &mut [u16] {
        bytemuck::cast_slice_mut(&mut self.map)
    }
}

/// Keeps what becomes real out of swap, as far as the limits of the process allow; a confidential VM has no swap.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe binding locks pages as they become real")]
fn lock(map: &MmapMut) {
    // SAFETY: the range is one live mapping of ours; locking changes neither its bytes nor its address.
    let _ = unsafe { libc::mlock2(map.as_ptr().cast(), map.len(), libc::MLOCK_ONFAULT) };
}

#[cfg(not(target_os = "linux"))]
fn lock(_: &MmapMut) {}
