//! Plain Rust: what the other forms are compared with, and what runs on other processors.

use std::array::from_fn;

use half::{bf16, f16};

use super::vector::Vector;

pub(super) struct Scalar;

const LANES: usize = 16;

/// The value at `at`.
///
/// # Safety
/// `at` points to a whole `T` of plain bytes, aligned or not.
#[inline(always)]
unsafe fn read<T>(at: *const u8) -> T {
    // SAFETY: the caller's promise.
    unsafe { at.cast::<T>().read_unaligned() }
}

impl Vector for Scalar {
    const LANES: usize = LANES;
    const ROWS: usize = 4;

    type Codes = [[u8; 4]; LANES];
    type Counts = [i32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    unsafe fn codes(at: *const u8) -> Self::Codes {
        // SAFETY: a whole vector lies at `at`.
        unsafe { read(at) }
    }

    #[inline(always)]
    unsafe fn field(codes: Self::Codes, bits: usize, from: usize, to: usize) -> Self::Codes {
        let mask = ((1_u32 << bits) - 1) as u8;
        codes.map(|four| four.map(|code| ((code >> from) & mask) << to))
    }

    #[inline(always)]
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes {
        from_fn(|lane| from_fn(|index| a[lane][index] | b[lane][index]))
    }

    #[inline(always)]
    unsafe fn dot(
        codes: &[Self::Codes],
        _bits: usize,
        centre: i32,
        values: *const i8,
        sum: i32,
    ) -> Self::Counts {
        let mut counts = [-centre * sum; LANES];
        for (index, codes) in codes.iter().enumerate() {
            // SAFETY: there are four activations for each element of `codes`.
            let values: [i8; 4] = unsafe { read(values.add(4 * index).cast()) };
            for (count, codes) in counts.iter_mut().zip(codes) {
                for (code, value) in codes.iter().zip(values) {
                    *count += i32::from(*code) * i32::from(value);
                }
            }
        }
        counts
    }

    #[inline(always)]
    unsafe fn join(high: Self::Counts, low: Self::Counts) -> Self::Counts {
        from_fn(|lane| high[lane] * 256 + low[lane])
    }

    #[inline(always)]
    unsafe fn floats(counts: Self::Counts) -> Self::Floats {
        counts.map(|count| count as f32)
    }

    #[inline(always)]
    unsafe fn from_i8(at: *const u8) -> Self::Floats {
        // SAFETY: a whole vector lies at `at`.
        unsafe { read::<[i8; LANES]>(at) }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn from_f16(at: *const u8) -> Self::Floats {
        // SAFETY: a whole vector lies at `at`.
        unsafe { read::<[u16; LANES]>(at) }.map(|bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn from_bf16(at: *const u8) -> Self::Floats {
        // SAFETY: a whole vector lies at `at`.
        unsafe { read::<[u16; LANES]>(at) }.map(|bits| bf16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn from_f32(at: *const u8) -> Self::Floats {
        // SAFETY: a whole vector lies at `at`.
        unsafe { read(at) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Floats {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, at: *mut f32) {
        // SAFETY: a whole vector may be written at `at`.
        unsafe { at.cast::<[f32; LANES]>().write_unaligned(floats) };
    }
}
