//! AVX2 with FMA and F16C: half a tile in one register.

#![expect(
    unsafe_op_in_unsafe_fn,
    reason = "each line is an instruction; `Vector` states once what all of them need"
)]

use std::arch::x86_64::*;

use super::vector::Vector;

pub(super) struct Avx2;

// SAFETY (all methods): the caller has AVX2, FMA and F16C, and whole vectors at its pointers.
impl Vector for Avx2 {
    const LANES: usize = 8;
    const ROWS: usize = 4;

    type Codes = __m256i;
    type Counts = __m256i;
    type Floats = __m256;

    #[inline(always)]
    unsafe fn codes(at: *const u8) -> __m256i {
        _mm256_loadu_si256(at.cast())
    }

    #[inline(always)]
    unsafe fn field(codes: __m256i, bits: usize, from: usize, to: usize) -> __m256i {
        // There is no shift of bytes: bits that come from the neighbour are masked off.
        let moved = if from >= to {
            _mm256_srl_epi16(codes, _mm_cvtsi64_si128((from - to) as i64))
        } else {
            _mm256_sll_epi16(codes, _mm_cvtsi64_si128((to - from) as i64))
        };
        _mm256_and_si256(moved, _mm256_set1_epi8((((1_u32 << bits) - 1) << to) as i8))
    }

    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        _mm256_or_si256(a, b)
    }

    /// `vpmaddubsw` adds two products of u8 and i8 in 16 bits and saturates. Codes of up to 5 bits leave
    /// room for four such pairs (8 * 31 * 127 = 31,496), codes of 6 bits for two (4 * 63 * 127 = 32,004).
    /// Codes of 8 bits are centred here, and their sign moves to the activation (2 * 128 * 127 = 32,512).
    #[inline(always)]
    unsafe fn dot(
        codes: &[__m256i],
        bits: usize,
        centre: i32,
        values: *const i8,
        sum: i32,
    ) -> __m256i {
        let pairs = if bits <= 5 {
            4
        } else if bits <= 6 {
            2
        } else {
            1
        };
        let start = if bits == 8 { 0 } else { centre };
        let mut counts = _mm256_set1_epi32(-start * sum);
        for (index, codes) in codes.chunks_exact(pairs).enumerate() {
            let mut short = _mm256_setzero_si256();
            for (offset, &codes) in codes.iter().enumerate() {
                let four = values.cast::<i32>().add(index * pairs + offset).read_unaligned();
                let values = _mm256_set1_epi32(four);
                let products = if bits == 8 {
                    let weights = _mm256_xor_si256(codes, _mm256_set1_epi8(i8::MIN));
                    let values = _mm256_sign_epi8(values, weights);
                    _mm256_maddubs_epi16(_mm256_abs_epi8(weights), values)
                } else {
                    _mm256_maddubs_epi16(codes, values)
                };
                short = _mm256_add_epi16(short, products);
            }
            counts = _mm256_add_epi32(counts, _mm256_madd_epi16(short, _mm256_set1_epi16(1)));
        }
        counts
    }

    #[inline(always)]
    unsafe fn join(high: __m256i, low: __m256i) -> __m256i {
        _mm256_add_epi32(_mm256_slli_epi32::<8>(high), low)
    }

    #[inline(always)]
    unsafe fn floats(counts: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(counts)
    }

    #[inline(always)]
    unsafe fn from_i8(at: *const u8) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast())))
    }

    #[inline(always)]
    unsafe fn from_f16(at: *const u8) -> __m256 {
        _mm256_cvtph_ps(_mm_loadu_si128(at.cast()))
    }

    #[inline(always)]
    unsafe fn from_bf16(at: *const u8) -> __m256 {
        let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
    }

    #[inline(always)]
    unsafe fn from_f32(at: *const u8) -> __m256 {
        _mm256_loadu_ps(at.cast())
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        _mm256_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        _mm256_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        _mm256_mul_ps(a, b)
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        _mm256_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn store(floats: __m256, at: *mut f32) {
        _mm256_storeu_ps(at, floats);
    }
}
