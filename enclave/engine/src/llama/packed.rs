//! Weights in the form of the kernels: matrices in tiles, repacked by all threads.

use candle_core::quantized::GgmlDType;

use super::weights::{self, Form};
use crate::kernels::{Matrix, Pool, Slab};

/// All weights of a model.
pub(super) type Weights = weights::Weights<Matrix, Vec<f32>>;

/// One layer of them.
pub(super) type Layer = weights::Layer<Matrix, Vec<f32>>;

/// Repacks what it is given.
pub(super) struct Packer<'a> {
    pool: &'a mut Pool,
    slab: Slab,
}

impl<'a> Packer<'a> {
    pub(super) fn new(pool: &'a mut Pool) -> Self {
        Self { pool, slab: Slab::default() }
    }
}

impl Form for Packer<'_> {
    type Matrix = Matrix;
    type Vector = Vec<f32>;

    fn matrix(
        &mut self,
        kind: GgmlDType,
        [outputs, inputs]: [usize; 2],
        blocks: &[u8],
    ) -> Result<Matrix, String> {
        Matrix::pack(kind, outputs, inputs, blocks, &mut self.slab, self.pool)
            .map_err(|error| error.to_string())
    }

    fn vector(&mut self, numbers: Vec<f32>) -> Result<Vec<f32>, String> {
        Ok(numbers)
    }
}
