//! Which vector instructions to use.

use super::scalar::Scalar;
use super::vector::Vector;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// A set of instructions this processor was seen to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Scalar,
}

impl Form {
    /// All that this processor can run, the fastest first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        let sets = [
            #[cfg(target_arch = "x86_64")]
            has_avx512().then_some(Set::Avx512),
            #[cfg(target_arch = "x86_64")]
            has_avx2().then_some(Set::Avx2),
            Some(Set::Scalar),
        ];
        sets.into_iter().flatten().map(Self)
    }

    /// The fastest.
    pub(crate) fn best() -> Self {
        Self::available().next().unwrap_or(Self(Set::Scalar))
    }

    /// Runs `work` compiled for this set.
    #[inline]
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `available` makes this value, on a processor with these instructions.
            Set::Avx512 => unsafe { with_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx2 => unsafe { with_avx2(work) },
            // SAFETY: needs nothing beyond the target's own instructions.
            Set::Scalar => unsafe { work.run::<Scalar>() },
        }
    }
}

/// Something to compile once for each form.
pub(super) trait Work {
    type Output;

    /// Must be `#[inline(always)]`: it is compiled for the instructions of the function it ends up in.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
        && has_avx2()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
fn with_avx512<W: Work>(work: W) -> W::Output {
    // SAFETY: the attribute above names the instructions.
    unsafe { work.run::<Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn with_avx2<W: Work>(work: W) -> W::Output {
    // SAFETY: the attribute above names the instructions.
    unsafe { work.run::<Avx2>() }
}
