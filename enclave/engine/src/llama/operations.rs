//! A layer's operations but for attention: what comes in and goes out are rows of candle's; what they multiply with are
//! matrices of the kernels.

use std::cell::{RefCell, RefMut};

use candle_core::{CpuStorage, CustomOp1, InplaceOp2, Layout, Result, Shape as Dimensions, bail};
use zeroize::Zeroizing;

use super::Shape;
use super::packed::{Layer, Weights};
use crate::kernels::{
    Form, Matrix, Pool, Rounding, Rows, gate_silu, project, project_onto, rms_norm,
};

/// What every step needs again: threads, and room for the rows that go into a product.
pub(crate) struct Workspace {
    form: Form,
    pool: RefCell<Pool>,
    rows: RefCell<Rows>,
}

impl Workspace {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { form: Form::best(), pool: RefCell::new(pool), rows: RefCell::default() }
    }

    pub(super) const fn form(&self) -> Form {
        self.form
    }

    pub(super) fn pool(&self) -> RefMut<'_, Pool> {
        self.pool.borrow_mut()
    }
}

/// Norms rows and multiplies them with matrices, back to back.
pub(super) struct Project<'a> {
    norm: &'a [f32],
    epsilon: f32,
    matrices: Vec<&'a Matrix>,
    rounding: Rounding,
    /// Added to every row; empty where there is none.
    bias: &'a [f32],
    workspace: &'a Workspace,
}

impl<'a> Project<'a> {
    /// To queries, keys and values.
    pub(super) fn attention(shape: &Shape, layer: &'a Layer, workspace: &'a Workspace) -> Self {
        Self {
            norm: &layer.attention_norm,
            epsilon: shape.epsilon,
            matrices: layer.attention.iter().collect(),
            // What a token attends to is decided by differences of scores. With the output, this is a quarter of the error
            // that 8 bits everywhere bring to a logarithm, for an eighth of a layer's products.
            rounding: Rounding::Sixteen,
            bias: layer.attention_bias.as_deref().unwrap_or_default(),
            workspace,
        }
    }

    /// To gate and up.
    fn feed(shape: &Shape, layer: &'a Layer, workspace: &'a Workspace) -> Self {
        Self {
            norm: &layer.feed_norm,
            epsilon: shape.epsilon,
            matrices: layer.feed.iter().collect(),
            rounding: Rounding::Eight,
            bias: &[],
            workspace,
        }
    }

    /// To logits.
    pub(super) fn output(shape: &Shape, weights: &'a Weights, workspace: &'a Workspace) -> Self {
        Self {
            norm: &weights.output_norm,
            epsilon: shape.epsilon,
            matrices: vec![weights.output()],
            rounding: Rounding::Sixteen,
            bias: &[],
            workspace,
        }
    }
}

impl CustomOp1 for Project<'_> {
    fn name(&self) -> &'static str {
        "project"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Dimensions)> {
        let (tokens, width) = layout.shape().dims2()?;
        let (rows, form) = (slice(storage, layout)?, self.workspace.form);
        let outputs: usize = self.matrices.iter().map(|matrix| matrix.outputs()).sum();
        let mut normed = Zeroizing::new(vec![0.0; rows.len()]);
        for (to, from) in normed.chunks_exact_mut(width).zip(rows.chunks_exact(width)) {
            rms_norm(form, from, self.norm, self.epsilon, to);
        }
        let mut out = vec![0.0; tokens * outputs];
        let (mut rows, mut pool) = (self.workspace.rows.borrow_mut(), self.workspace.pool());
        rows.quantise(form, self.rounding, &normed, width, &mut pool);
        project(form, &self.matrices, &rows, &mut out, &mut pool);
        if !self.bias.is_empty() {
            for row in out.chunks_exact_mut(outputs) {
                row.iter_mut().zip(self.bias).for_each(|(number, bias)| *number += bias);
            }
        }
        Ok((CpuStorage::F32(out), Dimensions::from((tokens, outputs))))
    }
}

/// Norms rows, multiplies them with gate and up, and gives the gated product of both.
pub(super) struct Feed<'a> {
    pub(super) shape: &'a Shape,
    pub(super) layer: &'a Layer,
    pub(super) workspace: &'a Workspace,
}

impl CustomOp1 for Feed<'_> {
    fn name(&self) -> &'static str {
        "feed"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Dimensions)> {
        let project = Project::feed(self.shape, self.layer, self.workspace);
        let (both, dimensions) = project.cpu_fwd(storage, layout)?;
        let (tokens, inner) = (dimensions.dims2()?.0, self.shape.inner);
        let CpuStorage::F32(both) = both else { bail!("a product is not f32") };
        let mut out = Vec::with_capacity(tokens * inner);
        for (index, row) in both.chunks_exact(2 * inner).enumerate() {
            let (gate, up) = row.split_at(inner);
            out.extend_from_slice(gate);
            let gate = out.get_mut(index * inner..).unwrap_or_default();
            gate_silu(self.workspace.form, gate, up);
        }
        Ok((CpuStorage::F32(out), Dimensions::from((tokens, inner))))
    }
}

/// Multiplies rows with a matrix and adds the product to the residual stream.
pub(super) struct Add<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) workspace: &'a Workspace,
}

impl InplaceOp2 for Add<'_> {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(
        &self,
        hidden: &mut CpuStorage,
        hidden_layout: &Layout,
        rows: &CpuStorage,
        rows_layout: &Layout,
    ) -> Result<()> {
        let (_, width) = rows_layout.shape().dims2()?;
        let (hidden, values) = (slice_mut(hidden, hidden_layout)?, slice(rows, rows_layout)?);
        let (form, mut pool) = (self.workspace.form, self.workspace.pool());
        let mut rows = self.workspace.rows.borrow_mut();
        rows.quantise(form, Rounding::Eight, values, width, &mut pool);
        project_onto(form, &[self.matrix], &rows, hidden, &mut pool);
        Ok(())
    }
}

pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(from, to)| values.get(from..to)) {
        Some(values) => Ok(values),
        None => bail!("operand is not contiguous"),
    }
}

pub(super) fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("operand is not f32") };
    match layout.contiguous_offsets().and_then(|(from, to)| values.get_mut(from..to)) {
        Some(values) => Ok(values),
        None => bail!("operand is not contiguous"),
    }
}
