//! Products of rows and matrices, spread over the pool.

use super::form::{Form, Work};
use super::layout::{self, GROUP, Kind, OUTPUTS, Quantised};
use super::matrix::Matrix;
use super::pool::{Pool, Shared};
use super::rows::{BLOCK, Rounding, Rows};
use super::tile::{self, Plain};
use super::vector::Vector;

/// Tasks for each thread: enough that one which starts late delays nobody.
const TASKS: usize = 4;

/// Multiplies each row with all matrices: `out` is (rows, sum of outputs).
pub(crate) fn project(
    form: Form,
    matrices: &[&Matrix],
    rows: &Rows,
    out: &mut [f32],
    pool: &mut Pool,
) {
    run(form, matrices, rows, out, Store::Replace, pool);
}

/// Like [`project`], and adds the products to what is in `out`.
pub(crate) fn project_onto(
    form: Form,
    matrices: &[&Matrix],
    rows: &Rows,
    out: &mut [f32],
    pool: &mut Pool,
) {
    run(form, matrices, rows, out, Store::Add, pool);
}

#[derive(Clone, Copy)]
enum Store {
    Replace,
    Add,
}

fn run(
    form: Form,
    matrices: &[&Matrix],
    rows: &Rows,
    out: &mut [f32],
    store: Store,
    pool: &mut Pool,
) {
    let same = matrices.iter().all(|matrix| matrix.inputs() == rows.inputs());
    assert!(same, "rows are as long as the matrices are wide");
    let width: usize = matrices.iter().map(|matrix| matrix.outputs()).sum();
    assert_eq!(out.len(), rows.count() * width, "room for every output of every row");
    let tiles: usize = matrices.iter().map(|matrix| matrix.tiles()).sum();
    let share = tiles.div_ceil(TASKS * pool.threads());
    let out = Shared(out.as_mut_ptr());
    pool.run(tiles.div_ceil(share.max(1)), |task| {
        // Tiles of this task, in each matrix it reaches into.
        let (mut from, mut to, mut column) = (task * share, (task + 1) * share, 0);
        for matrix in matrices {
            let end = matrix.tiles();
            let tiles = from.min(end)..to.min(end);
            // SAFETY: the lengths were compared above; tasks have different tiles, so no output is
            // written twice.
            let out = unsafe { out.get().add(column) };
            form.run(Task { matrix, tiles, rows, out, width, store });
            (from, to) = (from.saturating_sub(end), to.saturating_sub(end));
            column += matrix.outputs();
        }
    });
}

/// Some tiles of one matrix times all rows.
struct Task<'a> {
    matrix: &'a Matrix,
    tiles: std::ops::Range<usize>,
    rows: &'a Rows,
    /// The matrix's first output in the first row.
    out: *mut f32,
    /// From one row to the next.
    width: usize,
    store: Store,
}

impl Work for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the kind is the matrix's; what the kernels need was compared in `run`.
        unsafe {
            match self.matrix.kind() {
                Kind::F32 => self.plain::<V, tile::F32>(),
                Kind::F16 => self.plain::<V, tile::F16>(),
                Kind::Bf16 => self.plain::<V, tile::Bf16>(),
                Kind::Q4_0 => self.rounded::<V, layout::Q4_0>(),
                Kind::Q4_1 => self.rounded::<V, layout::Q4_1>(),
                Kind::Q5_0 => self.rounded::<V, layout::Q5_0>(),
                Kind::Q5_1 => self.rounded::<V, layout::Q5_1>(),
                Kind::Q8_0 => self.rounded::<V, layout::Q8_0>(),
                Kind::Q2K => self.rounded::<V, layout::Q2K>(),
                Kind::Q3K => self.rounded::<V, layout::Q3K>(),
                Kind::Q4K => self.rounded::<V, layout::Q4K>(),
                Kind::Q5K => self.rounded::<V, layout::Q5K>(),
                Kind::Q6K => self.rounded::<V, layout::Q6K>(),
            }
        }
    }
}

impl Task<'_> {
    /// # Safety
    /// As [`Self::quantised`].
    #[inline(always)]
    unsafe fn rounded<V: Vector, Q: Quantised>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.rows.rounding() {
                Rounding::Eight => self.quantised::<V, Q, false>(),
                Rounding::Sixteen => self.quantised::<V, Q, true>(),
            }
        }
    }

    /// A tile stays in the nearest cache while all rows pass by.
    ///
    /// # Safety
    /// The processor has the instructions of `V`, and the matrix is of kind `Q`.
    #[inline(always)]
    unsafe fn quantised<V: Vector, Q: Quantised, const FINE: bool>(&self) {
        let groups = self.rows.inputs() / GROUP;
        for tile in self.tiles.clone() {
            let weights = self.matrix.tile(tile).as_ptr();
            for start in (0..self.rows.count()).step_by(BLOCK) {
                let block = self.rows.block(start);
                let count = block.len() / groups;
                let mut row = 0;
                while row < count {
                    // SAFETY: the rows are inside the block, and its groups are those of the tile.
                    row += unsafe {
                        let block = block.as_ptr().add(row);
                        let out = self.outputs(tile, start + row);
                        match (count - row).min(V::ROWS) {
                            8.. => out.write::<V, 8>(|at| {
                                tile::quantised::<V, Q, FINE, 8>(weights, at, groups, block, count)
                            }),
                            4.. => out.write::<V, 4>(|at| {
                                tile::quantised::<V, Q, FINE, 4>(weights, at, groups, block, count)
                            }),
                            3.. => out.write::<V, 3>(|at| {
                                tile::quantised::<V, Q, FINE, 3>(weights, at, groups, block, count)
                            }),
                            2.. => out.write::<V, 2>(|at| {
                                tile::quantised::<V, Q, FINE, 2>(weights, at, groups, block, count)
                            }),
                            _ => out.write::<V, 1>(|at| {
                                tile::quantised::<V, Q, FINE, 1>(weights, at, groups, block, count)
                            }),
                        }
                    };
                }
            }
        }
    }

    /// # Safety
    /// The processor has the instructions of `V`, and the matrix is of kind `P`.
    #[inline(always)]
    unsafe fn plain<V: Vector, P: Plain>(&self) {
        let inputs = self.rows.inputs();
        for tile in self.tiles.clone() {
            let weights = self.matrix.tile(tile).as_ptr();
            let mut row = 0;
            while row < self.rows.count() {
                let values = self.rows.values(row).as_ptr();
                // SAFETY: at least as many rows are left, as wide as the tile.
                row += unsafe {
                    let out = self.outputs(tile, row);
                    match (self.rows.count() - row).min(V::ROWS / 2) {
                        4.. => out.write::<V, 4>(|at| {
                            tile::plain::<V, P, 4>(weights, at, inputs, values)
                        }),
                        2.. => out.write::<V, 2>(|at| {
                            tile::plain::<V, P, 2>(weights, at, inputs, values)
                        }),
                        _ => out.write::<V, 1>(|at| {
                            tile::plain::<V, P, 1>(weights, at, inputs, values)
                        }),
                    }
                };
            }
        }
    }

    /// # Safety
    /// `tile` and `row` exist.
    #[inline(always)]
    unsafe fn outputs(&self, tile: usize, row: usize) -> Outputs {
        let first = tile * OUTPUTS;
        Outputs {
            // SAFETY: the caller's promise.
            at: unsafe { self.out.add(row * self.width + first) },
            count: (self.matrix.outputs() - first).min(OUTPUTS),
            width: self.width,
            store: self.store,
        }
    }
}

/// Where the outputs of a tile go.
struct Outputs {
    at: *mut f32,
    /// Outputs the matrix has there.
    count: usize,
    width: usize,
    store: Store,
}

impl Outputs {
    /// Writes `ROWS` rows, a vector of outputs at a time, and returns their number.
    ///
    /// # Safety
    /// The rows exist, nobody else uses these outputs, and the processor has the instructions of `V`.
    #[inline(always)]
    unsafe fn write<V: Vector, const ROWS: usize>(
        self,
        sums: impl Fn(usize) -> [V::Floats; ROWS],
    ) -> usize {
        for first in (0..self.count).step_by(V::LANES) {
            let count = (self.count - first).min(V::LANES);
            for (row, sums) in sums(first).into_iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { self.store::<V>(sums, self.at.add(row * self.width + first), count) };
            }
        }
        ROWS
    }

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// So many floats exist at `at`, and the processor has the instructions of `V`.
    #[inline(always)]
    unsafe fn store<V: Vector>(&self, sums: V::Floats, at: *mut f32, count: usize) {
        let mut lanes = [0.0; OUTPUTS];
        // SAFETY: a vector has at most 16 lanes, and only `count` of them are copied.
        unsafe {
            let mut place = at;
            if count < V::LANES {
                place = lanes.as_mut_ptr();
                place.copy_from_nonoverlapping(at, count);
            }
            match self.store {
                Store::Replace => V::store(sums, place),
                Store::Add => V::store(V::add(V::from_f32(place.cast()), sums), place),
            }
            if count < V::LANES {
                at.copy_from_nonoverlapping(place, count);
            }
        }
    }
}
