//! What candle does not have as one operation: each is one pass over f32 in memory.

use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, InplaceOp1, InplaceOp2, Layout, Result, Shape, bail,
};
use pulp::Arch;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Root-mean-square norm of every row, times a weight.
pub(super) struct Norm {
    pub(super) epsilon: f32,
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, weight) = (slice(rows, rows_layout)?, slice(weight, weight_layout)?);
        let mut out = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(weight.len()) {
            let square = sum(row, |x| x * x) / row.len() as f32;
            let scale = (square + self.epsilon).sqrt().recip();
            out.extend(row.iter().zip(weight).map(|(x, w)| x * scale * w));
        }
        Ok((CpuStorage::F32(out), rows_layout.shape().clone()))
    }
}

/// Rotary positions. GGUF stores llama's heads so that neighbouring coordinates form a pair.
#[derive(Clone)]
pub(super) struct Rotate {
    /// Sine and cosine for every position and pair.
    angles: Arc<Vec<(f32, f32)>>,
    pairs: usize,
    position: usize,
}

impl Rotate {
    /// Angles of every position below `context`.
    pub(super) fn new(frequencies: &[f64], context: usize) -> Self {
        let angle = |position: usize, frequency: &f64| {
            let (sine, cosine) = (position as f64 * frequency).sin_cos();
            (sine as f32, cosine as f32)
        };
        let angles = (0..context).flat_map(|at| frequencies.iter().map(move |f| angle(at, f)));
        Self { angles: Arc::new(angles.collect()), pairs: frequencies.len(), position: 0 }
    }

    /// The rotation of tokens that begin at `position`.
    pub(super) fn at(&self, position: usize) -> Self {
        Self { position, ..self.clone() }
    }
}

impl InplaceOp1 for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (count, heads, head) = layout.shape().dims3()?;
        let tokens = slice_mut(storage, layout)?.chunks_exact_mut(heads * head);
        let from = self.position * self.pairs;
        let angles = self.angles.get(from..from + count * self.pairs);
        let Some(angles) = angles else {
            bail!("position {} is outside the context", self.position)
        };
        for (token, angles) in tokens.zip(angles.chunks_exact(self.pairs)) {
            let (pairs, _) = token.as_chunks_mut::<2>();
            for (pair, (sine, cosine)) in pairs.iter_mut().zip(angles.iter().cycle()) {
                let [x, y] = *pair;
                *pair = [x * cosine - y * sine, x * sine + y * cosine];
            }
        }
        Ok(())
    }
}

/// One row times a matrix stored as (outputs, inputs): every weight is used once, so the speed is
/// that of memory. Each output is summed in the same order whatever the number of threads.
pub(super) struct RowTimesMatrix;

/// Multiplications worth a task of their own.
const TASK: usize = 1 << 16;

impl CustomOp2 for RowTimesMatrix {
    fn name(&self) -> &'static str {
        "row-times-matrix"
    }

    fn cpu_fwd(
        &self,
        row: &CpuStorage,
        row_layout: &Layout,
        matrix: &CpuStorage,
        matrix_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (row, matrix) = (slice(row, row_layout)?, slice(matrix, matrix_layout)?);
        let (outputs, inputs) = matrix_layout.shape().dims2()?;
        if row.len() != inputs {
            bail!("a row of {} times a matrix of {inputs} inputs", row.len());
        }
        let mut out = vec![0.0; outputs];
        let rows = (TASK / inputs).max(1);
        out.par_chunks_mut(rows).zip(matrix.par_chunks(rows * inputs)).for_each(|(out, matrix)| {
            Arch::new().dispatch(|| {
                let weights = matrix.chunks_exact(inputs);
                out.iter_mut().zip(weights).for_each(|(out, weights)| *out = dot(row, weights));
            });
        });
        Ok((CpuStorage::F32(out), Shape::from((1, outputs))))
    }
}

/// Causal attention of queries (tokens, heads, head) over keys and values (groups, tokens, head): each
/// group serves its share of the heads, and a token sees the `past` ones and those up to itself.
pub(super) struct Attention {
    pub(super) past: usize,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        query: &CpuStorage,
        query_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let query = slice(query, query_layout)?;
        let (count, heads, head) = query_layout.shape().dims3()?;
        let keys = groups(keys, keys_layout, head, self.past + count)?;
        let values = groups(values, values_layout, head, self.past + count)?;
        let share = heads / keys.len();
        let mut out = vec![0.0; query.len()];
        let tasks = out.par_chunks_mut(head).zip(query.par_chunks(head)).enumerate();
        tasks.for_each_init(Zeroizing::<Vec<f32>>::default, |scores, (index, (out, query))| {
            let (token, group) = (index / heads, index % heads / share);
            let seen = (self.past + token + 1) * head;
            let (Some(keys), Some(values)) = (keys.get(group), values.get(group)) else { return };
            let (Some(keys), Some(values)) = (keys.get(..seen), values.get(..seen)) else { return };
            Arch::new().dispatch(|| attend(query, keys, values, scores, out));
        });
        Ok((CpuStorage::F32(out), Shape::from((count, heads * head))))
    }
}

/// One query over the keys and values it sees; `out` starts as zeros.
#[inline(always)]
fn attend(query: &[f32], keys: &[f32], values: &[f32], scores: &mut Vec<f32>, out: &mut [f32]) {
    let scale = (query.len() as f32).sqrt().recip();
    scores.clear();
    scores.extend(keys.chunks_exact(query.len()).map(|key| dot(query, key) * scale));
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - greatest).exp());
    let total = sum(scores, |weight| weight).recip();
    for (value, weight) in values.chunks_exact(out.len()).zip(scores) {
        let weight = *weight * total;
        out.iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
    }
}

/// The rows of each group in a view of a cache: rows lie close together, groups a whole capacity apart.
fn groups<'a>(
    storage: &'a CpuStorage,
    layout: &Layout,
    head: usize,
    tokens: usize,
) -> Result<Vec<&'a [f32]>> {
    let values = storage.as_slice::<f32>()?;
    let (count, rows, width) = layout.shape().dims3()?;
    let &[apart, row, 1] = layout.stride() else {
        bail!("a cache of strides {:?}", layout.stride())
    };
    if (rows, width, row) != (tokens, head, head) || count == 0 {
        bail!("a cache of shape {:?}", layout.shape());
    }
    let starts = (0..count).map(|group| layout.start_offset() + group * apart);
    let rows = starts.map(|start| values.get(start..start + rows * width));
    rows.collect::<Option<_>>().ok_or_else(|| candle_core::Error::msg("a cache beyond its storage"))
}

/// SiLU of the first operand, times the second.
pub(super) struct Gate;

impl InplaceOp2 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        gate: &mut CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<()> {
        let (gate, up) = (slice_mut(gate, gate_layout)?, slice(up, up_layout)?);
        gate.iter_mut().zip(up).for_each(|(gate, up)| *gate = *gate / (1.0 + (-*gate).exp()) * up);
        Ok(())
    }
}

const LANES: usize = 32;

/// A sum in lanes: the order of additions is fixed and the compiler may use vectors.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, &value)| *lane += of(value));
    }
    fold(lanes) + rest.iter().map(|&value| of(value)).sum::<f32>()
}

/// The sum of products, in lanes like [`sum`].
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    fold(lanes) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Adds the lanes in halves.
#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        half /= 2;
    }
    lanes[0]
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(from, to)| values.get(from..to)) {
        Some(values) => Ok(values),
        None => bail!("operand is not contiguous"),
    }
}

fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("operand is not f32") };
    match layout.contiguous_offsets().and_then(|(from, to)| values.get_mut(from..to)) {
        Some(values) => Ok(values),
        None => bail!("operand is not contiguous"),
    }
}
