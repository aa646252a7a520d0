//! Weights on their way to the device: each tensor in one copy, quantised as the file has it.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use crate::llama::Form;

/// Copies what it is given.
pub(super) struct Uploader<'a> {
    device: &'a Device,
}

impl<'a> Uploader<'a> {
    pub(super) const fn new(device: &'a Device) -> Self {
        Self { device }
    }
}

impl Form for Uploader<'_> {
    type Matrix = QMatMul;
    type Vector = Tensor;

    fn matrix(
        &mut self,
        kind: GgmlDType,
        shape: [usize; 2],
        blocks: &[u8],
    ) -> std::result::Result<QMatMul, String> {
        let matrix = match kind {
            GgmlDType::F32 => plain(DType::F32, shape, blocks, self.device),
            GgmlDType::F16 => plain(DType::F16, shape, blocks, self.device),
            GgmlDType::BF16 => plain(DType::BF16, shape, blocks, self.device),
            GgmlDType::Q4_0
            | GgmlDType::Q4_1
            | GgmlDType::Q5_0
            | GgmlDType::Q5_1
            | GgmlDType::Q8_0
            | GgmlDType::Q2K
            | GgmlDType::Q3K
            | GgmlDType::Q4K
            | GgmlDType::Q5K
            | GgmlDType::Q6K => quantised(kind, shape, blocks, self.device),
            GgmlDType::Q8_1 | GgmlDType::Q8K => {
                return Err(format!("there is no kernel for weights of kind {kind:?}"));
            }
        };
        matrix.map_err(|error| error.to_string())
    }

    fn vector(&mut self, numbers: Vec<f32>) -> std::result::Result<Tensor, String> {
        let length = numbers.len();
        Tensor::from_vec(numbers, length, self.device).map_err(|error| error.to_string())
    }
}

/// Widened on the device: candle multiplies two matrices of one kind alone, and activations are f32.
fn plain(kind: DType, shape: [usize; 2], blocks: &[u8], device: &Device) -> Result<QMatMul> {
    let narrow = Tensor::from_raw_buffer(blocks, kind, &shape, device)?;
    Ok(QMatMul::Tensor(narrow.to_dtype(DType::F32)?))
}

fn quantised(
    kind: GgmlDType,
    shape: [usize; 2],
    blocks: &[u8],
    device: &Device,
) -> Result<QMatMul> {
    let mut moved = Vec::new();
    let storage = QStorage::from_data(Cow::Borrowed(aligned(blocks, &mut moved)), device, kind)?;
    let tensor = QTensor::new(storage, (shape[0], shape[1]))?;
    Ok(QMatMul::QTensor(Arc::new(tensor)))
}

/// The same bytes where candle may read them as numbers: it panics where the file or its reader put them at an odd place.
fn aligned<'a>(blocks: &'a [u8], moved: &'a mut Vec<u64>) -> &'a [u8] {
    if blocks.as_ptr().cast::<u64>().is_aligned() {
        return blocks;
    }
    moved.resize(blocks.len().div_ceil(size_of::<u64>()), 0);
    let bytes = bytemuck::cast_slice_mut::<_, u8>(moved).get_mut(..blocks.len());
    let bytes = bytes.expect("as many bytes, rounded up");
    bytes.copy_from_slice(blocks);
    bytes
}
