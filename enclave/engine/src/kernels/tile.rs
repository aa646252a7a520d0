//! The inner loops: one tile of a matrix times a few rows.

use super::layout::{GROUP, Layout, OUTPUTS, Quantised, VECTOR, VECTORS};
use super::rows::Group;
use super::vector::Vector;

/// Sums of one vector of outputs, from output `first` of the tile on, for `ROWS` rows. For each group of
/// inputs in turn: scales times the exact integer sum, then offsets times the sum of activations.
///
/// # Safety
/// The processor has the instructions of `V`; `tile` is a whole tile of `groups` groups, and `rows` is
/// the first of `ROWS` rows inside a block of `stride` rows with as many groups.
#[inline(always)]
pub(super) unsafe fn quantised<V: Vector, Q: Quantised, const FINE: bool, const ROWS: usize>(
    tile: *const u8,
    first: usize,
    groups: usize,
    rows: *const Group,
    stride: usize,
) -> [V::Floats; ROWS] {
    let layout = const { Q::LAYOUT };
    // SAFETY: the caller's promise, here and below.
    let mut sums = unsafe { [V::splat(0.0); ROWS] };
    let (mut block, mut rows) = (tile, rows);
    for _ in 0..groups / layout.groups() {
        for group in 0..layout.groups() {
            // SAFETY: blocks of the tile and groups of the rows follow each other.
            unsafe {
                let codes = unpack::<V>(layout, block.add(layout.codes_at(group)), first);
                let parts = codes.chunks_exact(VECTORS / layout.parts());
                for (part, codes) in parts.enumerate() {
                    let part = Part::<V>::load(layout, block, first, group, part);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        *sum = part.add::<FINE>(layout, codes, &*rows.add(row), *sum);
                    }
                }
                rows = rows.add(stride);
            }
        }
        // SAFETY: as above.
        block = unsafe { block.add(layout.block()) };
    }
    sums
}

/// Scales and offsets of a part of a group.
struct Part<V: Vector> {
    index: usize,
    scale: V::Floats,
    offset: V::Floats,
}

impl<V: Vector> Part<V> {
    /// # Safety
    /// As [`quantised`], with `group` inside of `block`.
    #[inline(always)]
    unsafe fn load(
        layout: Layout,
        block: *const u8,
        first: usize,
        group: usize,
        index: usize,
    ) -> Self {
        // SAFETY: the layout keeps 16 scales and, where it has them, offsets at these places.
        unsafe {
            let mut scale = V::from_f16(block.add(2 * first));
            let mut offset = scale;
            if layout.offset {
                offset = V::from_f16(block.add(2 * (OUTPUTS + first)));
            }
            if layout.scales > 0 {
                let small = V::from_i8(block.add(layout.scale_at(group, index) + first));
                scale = V::mul(scale, small);
                if layout.offset {
                    let small = V::from_i8(block.add(layout.offset_at(group, index) + first));
                    offset = V::mul(offset, small);
                }
            }
            Self { index, scale, offset }
        }
    }

    /// What this part, with these codes, adds to the sums of one row.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    #[inline(always)]
    unsafe fn add<const FINE: bool>(
        &self,
        layout: Layout,
        codes: &[V::Codes],
        row: &Group,
        sum: V::Floats,
    ) -> V::Floats {
        let whole = layout.parts() - 1 + self.index;
        // SAFETY: a part has as many activations as codes.
        unsafe {
            let at = self.index * (GROUP / 2);
            let (bits, centre, sum_of_all) = (layout.bits, layout.centre, row.counts[whole]);
            let (high, low) = (row.high.as_ptr().add(at), row.low.as_ptr().add(at));
            let dot = if FINE {
                let high = V::dot(codes, bits, centre, high, 0);
                V::join(high, V::dot(codes, bits, centre, low, sum_of_all))
            } else {
                V::dot(codes, bits, centre, high, sum_of_all)
            };
            let scale = V::mul(self.scale, V::splat(row.scale));
            let sum = V::mul_add(V::floats(dot), scale, sum);
            if !layout.offset {
                return sum;
            }
            V::mul_add(self.offset, V::splat(row.sums[whole]), sum)
        }
    }
}

/// Puts the codes of a group together from their planes.
///
/// # Safety
/// As [`quantised`], with the group's planes at `at`.
#[inline(always)]
unsafe fn unpack<V: Vector>(layout: Layout, at: *const u8, first: usize) -> [V::Codes; VECTORS] {
    let [low, high] = layout.planes();
    // SAFETY: a plane of `bits` bits is `bits` vectors long.
    unsafe {
        let mut codes = [V::codes(at); VECTORS];
        for (index, code) in codes.iter_mut().enumerate() {
            *code = field::<V>(at, first, index, low, 0);
            if high > 0 {
                let field = field::<V>(at.add(low * VECTOR), first, index, high, low);
                *code = V::or(*code, field);
            }
        }
        codes
    }
}

/// The bits of vector `index` in the plane at `at`, moved to bit `to`.
///
/// # Safety
/// As [`unpack`].
#[inline(always)]
unsafe fn field<V: Vector>(
    at: *const u8,
    first: usize,
    index: usize,
    bits: usize,
    to: usize,
) -> V::Codes {
    let share = VECTORS / bits;
    // SAFETY: the caller's promise.
    unsafe {
        let codes = V::codes(at.add(index / share * VECTOR + 4 * first));
        if bits == 8 { codes } else { V::field(codes, bits, index % share * bits, to) }
    }
}

/// How plain floats lie in a tile.
pub(super) trait Plain {
    const BYTES: usize;

    /// # Safety
    /// As [`Vector`].
    unsafe fn load<V: Vector>(at: *const u8) -> V::Floats;
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;

impl Plain for F32 {
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn load<V: Vector>(at: *const u8) -> V::Floats {
        // SAFETY: passed on.
        unsafe { V::from_f32(at) }
    }
}

impl Plain for F16 {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load<V: Vector>(at: *const u8) -> V::Floats {
        // SAFETY: passed on.
        unsafe { V::from_f16(at) }
    }
}

impl Plain for Bf16 {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load<V: Vector>(at: *const u8) -> V::Floats {
        // SAFETY: passed on.
        unsafe { V::from_bf16(at) }
    }
}

/// Like [`quantised`], for plain floats: four sums, each over every fourth input, hide the latency of
/// the additions.
///
/// # Safety
/// The processor has the instructions of `V`; `tile` is a whole tile of `inputs` inputs, and `rows` are
/// `ROWS` rows of as many values.
#[inline(always)]
pub(super) unsafe fn plain<V: Vector, P: Plain, const ROWS: usize>(
    tile: *const u8,
    first: usize,
    inputs: usize,
    rows: *const f32,
) -> [V::Floats; ROWS] {
    // SAFETY: the caller's promise; `input` stays below `inputs`.
    unsafe {
        let mut sums = [[V::splat(0.0); 4]; ROWS];
        let mut step = |input: usize, lane: usize| {
            let weights = P::load::<V>(tile.add((input * OUTPUTS + first) * P::BYTES));
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = V::splat(*rows.add(row * inputs + input));
                sums[lane] = V::mul_add(weights, value, sums[lane]);
            }
        };
        for input in (0..inputs / 4 * 4).step_by(4) {
            for lane in 0..4 {
                step(input + lane, lane);
            }
        }
        for input in inputs / 4 * 4..inputs {
            step(input, input % 4);
        }
        sums.map(|[a, b, c, d]| V::add(V::add(a, b), V::add(c, d)))
    }
}
