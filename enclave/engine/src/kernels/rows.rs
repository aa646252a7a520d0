//! Activations, in the form the products take them.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::form::{Form, Work};
use super::layout::GROUP;
use super::pool::{Pool, Shared};
use super::vector::Vector;

/// Rows that are multiplied together: their sums fit into the registers of AVX-512.
pub(super) const BLOCK: usize = 8;

/// Rows of activations, as f32 and as int8 in groups of 32. Buffers are kept from one call to the next
/// and wiped when dropped or outgrown: they are what somebody wrote.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Rows {
    count: usize,
    inputs: usize,
    values: Vec<f32>,
    /// In blocks of 8 rows (the last has fewer), and inside a block group after group: one pointer walks
    /// over all rows of a block.
    groups: Vec<Group>,
}

/// 32 activations of one row: a cache line.
#[derive(Clone, Copy, Default, Zeroize)]
#[repr(C, align(64))]
pub(super) struct Group {
    pub(super) codes: [i8; GROUP],
    pub(super) scale: f32,
    /// Sums of the codes: all, the first half, the second.
    pub(super) counts: [i32; 3],
    /// The same times `scale`.
    pub(super) sums: [f32; 3],
}

impl Rows {
    /// Takes rows of `inputs` values: their scale is their greatest magnitude over 127, and halves round
    /// to even.
    pub(crate) fn quantise(&mut self, form: Form, values: &[f32], inputs: usize, pool: &mut Pool) {
        assert!(inputs > 0 && values.len().is_multiple_of(inputs), "rows are whole");
        (self.count, self.inputs) = (values.len() / inputs, inputs);
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
            form.run(Quantise { values, groups, rows, width });
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.count
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
                quantise(values, &mut groups[row]);
            }
        }
    }
}

/// Plain Rust: the compiler makes vectors of it, and it rounds alike everywhere.
#[inline(always)]
fn quantise(values: &[f32; GROUP], group: &mut Group) {
    // Magnitudes are ordered like their bits, and a maximum of integers is one of vectors.
    let greatest = values.iter().map(|value| value.abs().to_bits()).fold(0, u32::max);
    let greatest = f32::from_bits(greatest);
    // Below this the inverse of the scale would overflow; such a group is zero to any product.
    let inverse = if greatest < 1e-30 { 0.0 } else { 127.0 / greatest };
    group.scale = if greatest < 1e-30 { 0.0 } else { greatest / 127.0 };
    // Adding 1.5 * 2^23 rounds to an integer, halves to even, and leaves it in the low bits: 8 of
    // them hold what is in range, and whatever else a row of NaN comes to.
    const ROUND: f32 = 12_582_912.0;
    let (values, _) = values.as_chunks::<{ GROUP / 2 }>();
    let (codes, _) = group.codes.as_chunks_mut::<{ GROUP / 2 }>();
    // In a variable of its own: with stores to the group in between this is twice as slow.
    let mut counts = [0_i32; 3];
    for half in 0..2 {
        let mut rounded = [0; GROUP / 2];
        for (rounded, value) in rounded.iter_mut().zip(&values[half]) {
            *rounded = i32::from((value * inverse + ROUND).to_bits() as i8);
        }
        codes[half].iter_mut().zip(rounded).for_each(|(code, rounded)| *code = rounded as i8);
        counts[1 + half] = rounded.iter().sum::<i32>();
    }
    counts[0] = counts[1] + counts[2];
    group.counts = counts;
    group.sums = counts.map(|count| count as f32 * group.scale);
}
