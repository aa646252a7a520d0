//! Products against candle's own weights, against exact arithmetic, and against themselves.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device};
use half::{bf16, f16};

use super::layout::{GROUP, Kind};
use super::rows::Group;
use super::*;
use crate::random::Random;

const KINDS: [GgmlDType; 13] = [
    GgmlDType::F32,
    GgmlDType::F16,
    GgmlDType::BF16,
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

/// Outputs and inputs; widths that are no whole number of blocks are left out.
const SHAPES: [(usize, usize); 6] = [(1, 32), (16, 256), (35, 576), (48, 768), (7, 1536), (20, 30)];

/// Every kind in every shape it has, with the seed its weights come from.
fn cases() -> impl Iterator<Item = (GgmlDType, usize, usize, u64)> {
    let all =
        KINDS.into_iter().flat_map(|kind| SHAPES.map(|(outputs, inputs)| (kind, outputs, inputs)));
    let fit = all.filter(|(kind, _, inputs)| inputs.is_multiple_of(kind.block_size()));
    fit.zip(1..).map(|((kind, outputs, inputs), seed)| (kind, outputs, inputs, seed))
}

fn uniform(random: &mut Random) -> f32 {
    random.fraction() as f32 * 2.0 - 1.0
}

/// Random blocks: any codes, and scales as models have them.
fn blocks(kind: GgmlDType, outputs: usize, inputs: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let count = outputs * inputs / kind.block_size();
    let mut bytes: Vec<u8> = (0..count * kind.type_size()).map(|_| random.bits() as u8).collect();
    let halves: &[usize] = match Kind::of(kind).unwrap() {
        Kind::F32 | Kind::F16 | Kind::Bf16 => &[],
        Kind::Q4_0 | Kind::Q5_0 | Kind::Q8_0 => &[0],
        Kind::Q4_1 | Kind::Q5_1 | Kind::Q4K | Kind::Q5K => &[0, 2],
        Kind::Q2K => &[80, 82],
        Kind::Q3K => &[108],
        Kind::Q6K => &[208],
    };
    for block in bytes.chunks_exact_mut(kind.type_size()) {
        let value = uniform(&mut random);
        match kind {
            GgmlDType::F32 => block.copy_from_slice(&value.to_le_bytes()),
            GgmlDType::F16 => block.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
            GgmlDType::BF16 => block.copy_from_slice(&bf16::from_f32(value).to_le_bytes()),
            _ => {}
        }
        for &at in halves {
            let scale = f16::from_f32(uniform(&mut random) / 64.0);
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    bytes
}

fn activations(count: usize, inputs: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    // Groups differ in size, and one in four is zero.
    let mut size = 1.0;
    let value = |index| {
        if index % GROUP == 0 {
            size = f32::from(random.bits() as u8 & 3);
        }
        uniform(&mut random) * size
    };
    (0..count * inputs).map(value).collect()
}

fn pool(threads: usize) -> Pool {
    Pool::new(threads).unwrap()
}

const ROUNDINGS: [Rounding; 2] = [Rounding::Eight, Rounding::Sixteen];

/// The integers that products take in place of a group's activations.
fn codes(rounding: Rounding, group: &Group) -> [i32; GROUP] {
    let step = if rounding == Rounding::Eight { 1 } else { 256 };
    std::array::from_fn(|at| i32::from(group.high[at]) * step + i32::from(group.low[at]))
}

fn quantised(form: Form, rounding: Rounding, values: &[f32], inputs: usize) -> Rows {
    let mut rows = Rows::default();
    rows.quantise(form, rounding, values, inputs, &mut pool(1));
    rows
}

fn product(form: Form, matrix: &Matrix, rows: &Rows, threads: usize) -> Vec<u32> {
    let mut out = vec![f32::NAN; rows.count() * matrix.outputs()];
    project(form, &[matrix], rows, &mut out, &mut pool(threads));
    bits(&out)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Weights as candle reads them.
fn dequantised(kind: GgmlDType, outputs: usize, inputs: usize, blocks: &[u8]) -> Vec<Vec<f32>> {
    // Candle casts the bytes to blocks of u16 or f32, so they must be aligned.
    let mut aligned = vec![0.0_f32; blocks.len().div_ceil(4)];
    for (place, bytes) in aligned.iter_mut().zip(blocks.chunks(4)) {
        let mut four = [0; 4];
        four[..bytes.len()].copy_from_slice(bytes);
        *place = f32::from_bits(u32::from_ne_bytes(four));
    }
    // SAFETY: reads initialised floats as bytes, no more than there are.
    let bytes = unsafe { std::slice::from_raw_parts(aligned.as_ptr().cast(), blocks.len()) };
    let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, kind).unwrap();
    let tensor = QTensor::new(storage, (outputs, inputs)).unwrap();
    let tensor = tensor.dequantize(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
    tensor.to_vec2().unwrap()
}

#[test]
fn a_row_is_what_candle_reads() {
    for (kind, outputs, inputs, seed) in cases() {
        let blocks = blocks(kind, outputs, inputs, seed);
        let matrix =
            Matrix::pack(kind, outputs, inputs, &blocks, &mut Slab::default(), &mut pool(2))
                .unwrap();
        for (index, expected) in dequantised(kind, outputs, inputs, &blocks).iter().enumerate() {
            let mut row = vec![f32::NAN; inputs];
            matrix.row(index, &mut row);
            assert_eq!(bits(&row), bits(expected), "{kind:?}, seed {seed}, row {index}");
        }
    }
}

/// A matrix of some kind and shape, the blocks it was packed from, and how activations are rounded.
struct Case {
    kind: GgmlDType,
    outputs: usize,
    inputs: usize,
    seed: u64,
    rounding: Rounding,
    blocks: Vec<u8>,
    matrix: Matrix,
}

/// Every kind in every shape it has, under both roundings.
fn packed() -> impl Iterator<Item = Case> {
    let all = cases().flat_map(|case| ROUNDINGS.map(|rounding| (case, rounding)));
    all.map(|((kind, outputs, inputs, seed), rounding)| {
        let blocks = blocks(kind, outputs, inputs, seed);
        let (mut slab, mut pool) = (Slab::default(), pool(1));
        let matrix = Matrix::pack(kind, outputs, inputs, &blocks, &mut slab, &mut pool).unwrap();
        Case { kind, outputs, inputs, seed, rounding, blocks, matrix }
    })
}

#[test]
fn every_form_gives_the_same_bits_for_any_number_of_rows_and_threads() {
    for Case { kind, outputs, inputs, seed, rounding, matrix, .. } in packed() {
        let values = activations(15, inputs, seed);
        let scalar = Form::available().last().unwrap();
        let alone = values
            .chunks_exact(inputs)
            .flat_map(|row| product(scalar, &matrix, &quantised(scalar, rounding, row, inputs), 1));
        let alone: Vec<u32> = alone.collect();
        for form in Form::available() {
            for (count, threads) in [(1, 1), (2, 2), (3, 5), (8, 1), (15, 2)] {
                let rows = quantised(form, rounding, &values[..count * inputs], inputs);
                let found = product(form, &matrix, &rows, threads);
                let expected = &alone[..count * outputs];
                assert_eq!(found, expected, "{form:?}, {kind:?}, seed {seed}, {count} rows");
            }
        }
    }
}

#[test]
fn products_are_those_of_exact_arithmetic_up_to_rounding() {
    for Case { kind, outputs, inputs, seed, rounding, blocks, matrix } in packed() {
        let rows = quantised(Form::best(), rounding, &activations(1, inputs, seed), inputs);
        let values: Vec<f64> = match kind {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => {
                rows.values(0)[..inputs].iter().map(|value| f64::from(*value)).collect()
            }
            _ => {
                let groups = rows.block(0).iter();
                groups
                    .flat_map(|g| {
                        codes(rounding, g).map(|code| f64::from(code) * f64::from(g.scale))
                    })
                    .collect()
            }
        };
        let mut found = vec![0.0; outputs];
        project(Form::best(), &[&matrix], &rows, &mut found, &mut pool(1));
        for (weights, found) in dequantised(kind, outputs, inputs, &blocks).iter().zip(found) {
            let products = weights.iter().zip(&values).map(|(w, v)| f64::from(*w) * v);
            let error = (products.sum::<f64>() - f64::from(found)).abs();
            // Each term is rounded once, or at most four times a group where there are scales; no term
            // or partial sum exceeds the sum of magnitudes, which an offset can triple.
            let most = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
            let magnitude: f64 = values.iter().map(|v| 3.0 * v.abs() * f64::from(most)).sum();
            let bound = magnitude * inputs as f64 * f64::from(f32::EPSILON) / 4.0;
            assert!(error <= bound, "{kind:?}, seed {seed}: {error} above {bound}");
        }
    }
}

#[test]
fn several_matrices_lie_side_by_side_and_can_be_added() {
    let form = Form::best();
    let kinds = [(GgmlDType::Q4_1, 35), (GgmlDType::F16, 5), (GgmlDType::Q8_0, 64)];
    let matrices = kinds.map(|(kind, outputs)| {
        let blocks = blocks(kind, outputs, 96, 7);
        Matrix::pack(kind, outputs, 96, &blocks, &mut Slab::default(), &mut pool(1)).unwrap()
    });
    let rows = quantised(form, Rounding::Eight, &activations(3, 96, 7), 96);
    let [a, b, c] = matrices.each_ref().map(|matrix| product(form, matrix, &rows, 1));
    let mut out = vec![0.0; 3 * 104];
    let all = matrices.each_ref();
    project(form, &all, &rows, &mut out, &mut pool(2));
    let expected = (0..3)
        .flat_map(|row| [&a[35 * row..][..35], &b[5 * row..][..5], &c[64 * row..][..64]].concat());
    assert_eq!(bits(&out), expected.collect::<Vec<_>>());
    let twice: Vec<f32> = out.iter().map(|value| value + value).collect();
    project_onto(form, &all, &rows, &mut out, &mut pool(2));
    assert_eq!(out, twice);
}

#[test]
fn activations_quantise_alike_in_every_form() {
    for (rounding, most) in ROUNDINGS.into_iter().zip([127.0, 32512.0]) {
        let mut values = activations(9, 96, 11);
        values[..5].copy_from_slice(&[most, 0.5, -1.5, 2.5, -most]);
        values[5..32].fill(1e-3);
        values[32..64].fill(1e-38);
        let expected = quantised(Form::available().last().unwrap(), rounding, &values, 96);
        let first = [most as i32, 0, -2, 2, -most as i32];
        let found = codes(rounding, &expected.block(0)[0]);
        assert_eq!(found[..5], first, "halves round to even");
        let small = codes(rounding, &expected.block(0)[8]);
        assert_eq!(small, [0; GROUP], "too small for a scale");
        for form in Form::available() {
            let found = quantised(form, rounding, &values, 96);
            for first in [0, 8] {
                for (found, expected) in found.block(first).iter().zip(expected.block(first)) {
                    let all = |group: &Group| (group.high, group.low, group.counts);
                    assert_eq!(all(found), all(expected), "{form:?}");
                    assert_eq!(found.scale.to_bits(), expected.scale.to_bits(), "{form:?}");
                    assert_eq!(bits(&found.sums), bits(&expected.sums), "{form:?}");
                }
            }
        }
    }
}

#[test]
fn a_row_that_is_not_a_number_stays_so() {
    let blocks = blocks(GgmlDType::Q4_1, 16, 64, 5);
    let matrix =
        Matrix::pack(GgmlDType::Q4_1, 16, 64, &blocks, &mut Slab::default(), &mut pool(1)).unwrap();
    for form in Form::available() {
        let mut values = activations(2, 64, 5);
        values[40] = f32::NAN;
        let mut out = [0.0; 32];
        let rows = quantised(form, Rounding::Sixteen, &values, 64);
        project(form, &[&matrix], &rows, &mut out, &mut pool(1));
        assert!(out[..16].iter().all(|value| value.is_nan()), "{form:?}");
        assert!(out[16..].iter().all(|value| value.is_finite()), "{form:?}");
    }
}

fn refusal(kind: GgmlDType, outputs: usize, inputs: usize, bytes: usize) -> PackError {
    let packed =
        Matrix::pack(kind, outputs, inputs, &vec![0; bytes], &mut Slab::default(), &mut pool(1));
    packed.map(|_| ()).unwrap_err()
}

#[test]
fn refuses_weights_of_another_length() {
    let expected = 20 * 2 * 18;
    for found in [0, expected - 1, expected + 1] {
        let refused = refusal(GgmlDType::Q4_0, 20, 64, found);
        assert_eq!(refused, PackError::Length { found, expected });
    }
    let packed = Matrix::pack(
        GgmlDType::Q4_0,
        20,
        64,
        &vec![0; expected],
        &mut Slab::default(),
        &mut pool(1),
    )
    .unwrap();
    assert_eq!((packed.outputs(), packed.inputs()), (20, 64));
}

#[test]
fn refuses_inputs_that_are_no_whole_blocks() {
    let refused = refusal(GgmlDType::Q4_1, 1, 48, 30);
    assert_eq!(refused, PackError::Inputs { inputs: 48, block: 32 });
    let refused = refusal(GgmlDType::Q6K, 1, 128, 105);
    assert_eq!(refused, PackError::Inputs { inputs: 128, block: 256 });
}

#[test]
fn refuses_empty_and_overflowing_sizes_and_kinds_without_a_kernel() {
    let size = |outputs, inputs| PackError::Size { outputs, inputs };
    assert_eq!(refusal(GgmlDType::F32, 0, 32, 0), size(0, 32));
    assert_eq!(refusal(GgmlDType::F32, 1, 0, 0), size(1, 0));
    assert_eq!(refusal(GgmlDType::F32, usize::MAX, 32, 0), size(usize::MAX, 32));
    assert_eq!(refusal(GgmlDType::Q8K, 1, 256, 292), PackError::Kind { kind: GgmlDType::Q8K });
}
