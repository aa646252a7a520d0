//! AVX-512 with VNNI: a whole tile of 16 outputs in one register.

#![expect(
    unsafe_op_in_unsafe_fn,
    reason = "each line is an instruction; `Vector` states once what all of them need"
)]

use std::arch::x86_64::*;

use super::vector::Vector;

pub(super) struct Avx512;

// SAFETY (all methods): the caller has AVX-512 F, BW, VL and VNNI, and whole vectors at its pointers.
impl Vector for Avx512 {
    const LANES: usize = 16;
    const ROWS: usize = 8;

    type Codes = __m512i;
    type Counts = __m512i;
    type Floats = __m512;

    #[inline(always)]
    unsafe fn codes(at: *const u8) -> __m512i {
        _mm512_loadu_si512(at.cast())
    }

    #[inline(always)]
    unsafe fn field(codes: __m512i, bits: usize, from: usize, to: usize) -> __m512i {
        // There is no shift of bytes: bits that come from the neighbour are masked off.
        let moved = if from >= to {
            _mm512_srl_epi16(codes, _mm_cvtsi64_si128((from - to) as i64))
        } else {
            _mm512_sll_epi16(codes, _mm_cvtsi64_si128((to - from) as i64))
        };
        _mm512_and_si512(moved, _mm512_set1_epi8((((1_u32 << bits) - 1) << to) as i8))
    }

    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        _mm512_or_si512(a, b)
    }

    #[inline(always)]
    unsafe fn dot(
        codes: &[__m512i],
        _bits: usize,
        centre: i32,
        values: *const i8,
        sum: i32,
    ) -> __m512i {
        let mut counts = _mm512_set1_epi32(-centre * sum);
        for (index, codes) in codes.iter().enumerate() {
            let four = values.cast::<i32>().add(index).read_unaligned();
            counts = _mm512_dpbusd_epi32(counts, *codes, _mm512_set1_epi32(four));
        }
        counts
    }

    #[inline(always)]
    unsafe fn join(high: __m512i, low: __m512i) -> __m512i {
        _mm512_add_epi32(_mm512_slli_epi32::<8>(high), low)
    }

    #[inline(always)]
    unsafe fn floats(counts: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(counts)
    }

    #[inline(always)]
    unsafe fn from_i8(at: *const u8) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast())))
    }

    #[inline(always)]
    unsafe fn from_f16(at: *const u8) -> __m512 {
        _mm512_cvtph_ps(_mm256_loadu_si256(at.cast()))
    }

    #[inline(always)]
    unsafe fn from_bf16(at: *const u8) -> __m512 {
        let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
    }

    #[inline(always)]
    unsafe fn from_f32(at: *const u8) -> __m512 {
        _mm512_loadu_ps(at.cast())
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        _mm512_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        _mm512_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        _mm512_mul_ps(a, b)
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn store(floats: __m512, at: *mut f32) {
        _mm512_storeu_ps(at, floats);
    }
}
