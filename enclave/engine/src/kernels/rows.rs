//! Activations, in the form the products take them.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::form::{Form, Work};
use super::layout::GROUP;
use super::pool::{Pool, Shared};
use super::vector::Vector;

/// Rows that are multiplied together: their sums fit into the registers of AVX-512.
pub(super) const BLOCK: usize = 8;

/// How activations are rounded before a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To 8 bits, as llama.cpp does it.
    #[default]
    Eight,
    /// To 16 bits. It costs up to twice as much, and keeps what eight round away: a few activations are many
    /// times greater than their neighbours.
    Sixteen,
}

/// Rows of activations, as f32 and as integers in groups of 32. Buffers are kept from one call to the
/// next and wiped when dropped or outgrown: they are what somebody wrote.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Rows {
    count: usize,
    inputs: usize,
    #[zeroize(skip)]
    rounding: Rounding,
    values: Vec<f32>,
    /// In blocks of 8 rows (the last has fewer), and inside a block group after group: one pointer walks
    /// over all rows of a block.
    groups: Vec<Group>,
}

/// 32 activations of one row. Rounded to 8 bits, one is its high half times the scale; to 16, 256 times its
/// high half, and its low half, times the scale.
#[derive(Clone, Copy, Default, Zeroize)]
#[repr(C, align(64))]
pub(super) struct Group {
    pub(super) high: [i8; GROUP],
    pub(super) low: [i8; GROUP],
    pub(super) scale: f32,
    /// Sums of the integers: of all, of the first 16, of the others.
    pub(super) counts: [i32; 3],
    /// The same times `scale`.
    pub(super) sums: [f32; 3],
}

impl Rows {
    /// Takes rows of `inputs` values: a group's scale is its greatest magnitude over 127, or
    /// over 32,512, and halves round to even.
    pub(crate) fn quantise(
        &mut self,
        form: Form,
        rounding: Rounding,
        values: &[f32],
        inputs: usize,
        pool: &mut Pool,
    ) {
        assert!(inputs > 0 && values.len().is_multiple_of(inputs), "rows are whole");
        (self.count, self.inputs, self.rounding) = (values.len() / inputs, inputs, rounding);
        fit(&mut self.values, values.len());
        self.values.copy_from_slice(values);
        let (count, width) = (self.count, inputs / GROUP);
        // Other widths have products with plain floats only.
        let whole = inputs.is_multiple_of(GROUP);
        fit(&mut self.groups, if whole { count * width } else { 0 });
        if !whole {
            return;
        }
        let groups = Shared(self.groups.as_mut_ptr());
        pool.run(count.div_ceil(BLOCK), |block| {
            let first = block * BLOCK;
            let rows = (count - first).min(BLOCK);
            // SAFETY: tasks have different blocks, and those lie one after the other in `groups`.
            let groups = unsafe {
                std::slice::from_raw_parts_mut(groups.get().add(first * width), rows * width)
            };
            let values = &values[first * inputs..][..rows * inputs];
            form.run(Quantise { rounding, values, groups, rows, width });
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn rounding(&self) -> Rounding {
        self.rounding
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The block of rows that begins with row `first`, a multiple of 8.
    pub(super) fn block(&self, first: usize) -> &[Group] {
        let width = self.groups.len() / self.count;
        let rows = (self.count - first).min(BLOCK);
        &self.groups[first * width..][..rows * width]
    }

    pub(super) fn values(&self, first: usize) -> &[f32] {
        &self.values[first * self.inputs..]
    }
}

/// Resizes without leaving a copy of the old content behind.
fn fit<T: Default + Clone + Zeroize>(buffer: &mut Vec<T>, length: usize) {
    if buffer.capacity() < length {
        buffer.zeroize();
        *buffer = Vec::with_capacity(length);
    }
    buffer.resize(length, T::default());
}

struct Quantise<'a> {
    rounding: Rounding,
    values: &'a [f32],
    groups: &'a mut [Group],
    rows: usize,
    width: usize,
}

impl Work for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (values, _) = self.values.as_chunks::<GROUP>();
        for (row, values) in values.chunks_exact(self.width).enumerate() {
            let groups = self.groups.chunks_exact_mut(self.rows);
            for (values, groups) in values.iter().zip(groups) {
                match self.rounding {
                    Rounding::Eight => quantise::<127, 0>(values, &mut groups[row]),
                    Rounding::Sixteen => quantise::<{ 127 << 8 }, 8>(values, &mut groups[row]),
                }
            }
        }
    }
}

/// To integers up to `MOST`, whose high half is above the lowest `LOW` bits. Plain Rust: the compiler makes
/// vectors of it, and it rounds alike everywhere.
#[inline(always)]
fn quantise<const MOST: i32, const LOW: u32>(values: &[f32; GROUP], group: &mut Group) {
    // Magnitudes are ordered like their bits, and a maximum of integers is one of vectors.
    let greatest = values.iter().map(|value| value.abs().to_bits()).fold(0, u32::max);
    let greatest = f32::from_bits(greatest);
    // Below this the inverse of the scale would overflow; such a group is zero to any product.
    let inverse = if greatest < 1e-30 { 0.0 } else { MOST as f32 / greatest };
    group.scale = if greatest < 1e-30 { 0.0 } else { greatest / MOST as f32 };
    // Adding 1.5 * 2^23 rounds to an integer, halves to even, and leaves it in the low bits: 16 of
    // them hold what is in range, and whatever else a row of NaN comes to.
    const ROUND: f32 = 12_582_912.0;
    let (values, _) = values.as_chunks::<{ GROUP / 2 }>();
    let (highs, _) = group.high.as_chunks_mut::<{ GROUP / 2 }>();
    let (lows, _) = group.low.as_chunks_mut::<{ GROUP / 2 }>();
    // In a variable of its own: with stores to the group in between this is twice as slow.
    let mut counts = [0_i32; 3];
    for half in 0..2 {
        let (mut high, mut low) = ([0_i32; GROUP / 2], [0_i32; GROUP / 2]);
        for ((high, low), value) in high.iter_mut().zip(&mut low).zip(&values[half]) {
            let rounded = i32::from((value * inverse + ROUND).to_bits() as i16);
            *high = (rounded + (1 << LOW >> 1)) >> LOW;
            // -128 has no opposite, which one form needs.
            *low = (rounded - (*high << LOW)).max(-127);
        }
        highs[half].iter_mut().zip(high).for_each(|(place, high)| *place = high as i8);
        lows[half].iter_mut().zip(low).for_each(|(place, low)| *place = low as i8);
        counts[1 + half] = (high.iter().sum::<i32>() << LOW) + low.iter().sum::<i32>();
    }
    counts[0] = counts[1] + counts[2];
    group.counts = counts;
    group.sums = counts.map(|count| count as f32 * group.scale);
}
