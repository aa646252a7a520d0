//! What the kernels need of an instruction set.

/// Vectors over [`LANES`](Self::LANES) neighbouring outputs of a tile.
///
/// # Safety
/// Every method needs the processor to have the form's instructions, and reads or writes one whole
/// vector at its pointer, aligned or not. All are `#[inline(always)]`, so that they are compiled for
/// the instructions of the function they end up in.
pub(super) trait Vector {
    /// Outputs in one vector: a divisor of 16.
    const LANES: usize;
    /// Rows whose sums fit into registers beside the unpacked codes.
    const ROWS: usize;

    /// Four bytes a lane: the codes of four inputs.
    type Codes: Copy;
    /// One i32 a lane.
    type Counts: Copy;
    /// One f32 a lane.
    type Floats: Copy;

    unsafe fn codes(at: *const u8) -> Self::Codes;
    /// Of each byte, the `bits` bits from bit `from` on, moved to bit `to`.
    unsafe fn field(codes: Self::Codes, bits: usize, from: usize, to: usize) -> Self::Codes;
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes;

    /// Sum of code * value over the inputs of `codes`, where a code has at most `bits` bits and `values` are
    /// that many times four activations, less `centre` times `sum`. Where codes have 8 bits the form may
    /// subtract `centre` from each instead: over both halves of the activations it is the same.
    unsafe fn dot(
        codes: &[Self::Codes],
        bits: usize,
        centre: i32,
        values: *const i8,
        sum: i32,
    ) -> Self::Counts;

    /// 256 times `high`, and `low`.
    unsafe fn join(high: Self::Counts, low: Self::Counts) -> Self::Counts;
    unsafe fn floats(counts: Self::Counts) -> Self::Floats;
    unsafe fn from_i8(at: *const u8) -> Self::Floats;
    unsafe fn from_f16(at: *const u8) -> Self::Floats;
    unsafe fn from_bf16(at: *const u8) -> Self::Floats;
    unsafe fn from_f32(at: *const u8) -> Self::Floats;

    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a * b + c, rounded once.
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    unsafe fn store(floats: Self::Floats, at: *mut f32);
}
