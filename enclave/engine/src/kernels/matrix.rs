//! Weights of one tensor, repacked into tiles.

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::decode::Block;
use super::layout::{GROUP, Kind, Layout, OUTPUTS, Storage, VECTOR, VECTORS};
use super::pool::{Pool, Shared};
use super::slab::{Piece, Slab};

/// A matrix of (outputs, inputs) in tiles of 16 outputs; missing outputs of the last tile are zero.
pub(crate) struct Matrix {
    kind: Kind,
    outputs: usize,
    inputs: usize,
    weights: Piece,
}

/// Tiles begin on a cache line.
const LINE: usize = 64;

/// Why a tensor cannot be packed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum PackError {
    #[error("there is no kernel for weights of kind {kind:?}")]
    Kind { kind: GgmlDType },
    #[error("{inputs} inputs are no multiple of the {block} in a block")]
    Inputs { inputs: usize, block: usize },
    #[error("{found} bytes of weights where {expected} were expected")]
    Length { found: usize, expected: usize },
    #[error("a matrix of {outputs} outputs and {inputs} inputs")]
    Size { outputs: usize, inputs: usize },
    #[error("{bytes} bytes for weights are not to be had")]
    Memory { bytes: usize },
}

impl Matrix {
    /// Repacks a tensor of a GGUF file; `blocks` are its bytes there.
    pub(crate) fn pack(
        kind: GgmlDType,
        outputs: usize,
        inputs: usize,
        blocks: &[u8],
        slab: &mut Slab,
        pool: &mut Pool,
    ) -> Result<Self, PackError> {
        let kind = Kind::of(kind).ok_or(PackError::Kind { kind })?;
        let storage = kind.storage();
        let size = PackError::Size { outputs, inputs };
        if outputs == 0 || inputs == 0 {
            return Err(size);
        }
        if !inputs.is_multiple_of(storage.inputs()) {
            return Err(PackError::Inputs { inputs, block: storage.inputs() });
        }
        let row = (inputs / storage.inputs()).checked_mul(kind.file_block());
        let Some((row, expected)) = row.and_then(|row| Some((row, row.checked_mul(outputs)?)))
        else {
            return Err(size);
        };
        // The shape is the file's, the slice is ours: compare before anything is allocated.
        if blocks.len() != expected {
            return Err(PackError::Length { found: blocks.len(), expected });
        }
        let tiles = outputs.div_ceil(OUTPUTS);
        let length = tile_bytes(storage, inputs);
        let bytes = length.checked_mul(tiles).ok_or(size)?;
        let weights = slab.take(bytes).map_err(|_| PackError::Memory { bytes })?;
        let mut matrix = Self { kind, outputs, inputs, weights };
        let shared = Shared(matrix.weights.as_mut_ptr());
        pool.run(tiles, |tile| {
            // SAFETY: tasks have different tiles, and those lie one after the other in the piece.
            let bytes =
                unsafe { std::slice::from_raw_parts_mut(shared.get().add(tile * length), length) };
            let rows = blocks[tile * OUTPUTS * row..].chunks_exact(row).take(OUTPUTS);
            for (output, row) in rows.enumerate() {
                pack_row(kind, row, output, bytes);
            }
        });
        Ok(matrix)
    }

    /// Writes the weights of one output to `out`, as the file's format defines them.
    pub(crate) fn row(&self, index: usize, out: &mut [f32]) {
        assert!(
            index < self.outputs && out.len() == self.inputs,
            "row {index} of a smaller matrix"
        );
        let (tile, output) = (self.tile(index / OUTPUTS), index % OUTPUTS);
        match self.kind.storage() {
            Storage::Floats { bytes } => {
                for (out, floats) in out.iter_mut().zip(tile.chunks_exact(OUTPUTS * bytes)) {
                    *out = float(self.kind, &floats[output * bytes..]);
                }
            }
            Storage::Quantised(layout) => {
                let blocks = tile.chunks_exact(layout.block());
                for (out, block) in out.chunks_exact_mut(GROUP * layout.groups()).zip(blocks) {
                    unpack_row(layout, block, output, out);
                }
            }
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn tiles(&self) -> usize {
        self.outputs.div_ceil(OUTPUTS)
    }

    pub(super) fn tile(&self, index: usize) -> &[u8] {
        let bytes = self.weights.bytes();
        let length = bytes.len() / self.tiles();
        &bytes[index * length..][..length]
    }
}

fn tile_bytes(storage: Storage, inputs: usize) -> usize {
    (inputs / storage.inputs() * storage.block()).next_multiple_of(LINE)
}

/// Writes the weights of one output to its places in the tile.
fn pack_row(kind: Kind, row: &[u8], output: usize, tile: &mut [u8]) {
    let row = row.chunks_exact(kind.file_block());
    match kind.storage() {
        Storage::Floats { bytes } => {
            for (float, place) in row.zip(tile.chunks_exact_mut(OUTPUTS * bytes)) {
                place[output * bytes..][..bytes].copy_from_slice(float);
            }
        }
        Storage::Quantised(layout) => {
            let mut block = Block::EMPTY;
            for (bytes, place) in row.zip(tile.chunks_exact_mut(layout.block())) {
                block.decode(kind, bytes);
                pack_block(layout, &block, output, place);
            }
        }
    }
}

fn pack_block(layout: Layout, block: &Block, output: usize, place: &mut [u8]) {
    place[2 * output..][..2].copy_from_slice(&block.scale);
    if layout.offset {
        place[2 * (OUTPUTS + output)..][..2].copy_from_slice(&block.offset);
    }
    for index in 0..layout.scales * layout.groups() {
        place[layout.scale_at(0, index) + output] = block.scales[index] as u8;
        if layout.offset {
            place[layout.offset_at(0, index) + output] = block.offsets[index] as u8;
        }
    }
    for (group, codes) in block.codes.chunks_exact(GROUP).take(layout.groups()).enumerate() {
        let (vectors, _) = codes.as_chunks::<4>();
        for (index, codes) in vectors.iter().enumerate() {
            let codes = u32::from_le_bytes(*codes);
            for Field { at, bits, from, to } in fields(layout, index) {
                let place = &mut place[layout.codes_at(group) + at + 4 * output..][..4];
                let moved = codes >> to & every_byte(bits);
                let old = u32::from_le_bytes([place[0], place[1], place[2], place[3]]);
                place.copy_from_slice(&(old | moved << from).to_le_bytes());
            }
        }
    }
}

fn unpack_row(layout: Layout, block: &[u8], output: usize, out: &mut [f32]) {
    let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    let small = |at: usize| f32::from(block[at + output] as i8);
    let width = GROUP / layout.parts();
    for (index, out) in out.chunks_exact_mut(width).enumerate() {
        let (group, part) = (index / layout.parts(), index % layout.parts());
        let mut scale = half(2 * output);
        let mut offset = if layout.offset { half(2 * (OUTPUTS + output)) } else { 0.0 };
        if layout.scales > 0 {
            scale *= small(layout.scale_at(group, part));
            offset *= if layout.offset { small(layout.offset_at(group, part)) } else { 0.0 };
        }
        for (input, out) in out.iter_mut().enumerate() {
            let input = part * width + input;
            let code = fields(layout, input / 4).map(|Field { at, bits, from, to }| {
                let byte = block[layout.codes_at(group) + at + 4 * output + input % 4];
                i32::from(byte >> from & every_byte(bits) as u8) << to
            });
            let weight = scale * (code.sum::<i32>() - layout.centre) as f32;
            *out = if layout.offset { weight + offset } else { weight };
        }
    }
}

/// Where some bits of a vector of codes lie.
pub(super) struct Field {
    /// First byte of the vector that holds them, from the group's first.
    pub(super) at: usize,
    pub(super) bits: usize,
    /// Their place in a byte there.
    pub(super) from: usize,
    /// Their place in the code.
    pub(super) to: usize,
}

/// The fields of vector `index` of a group.
fn fields(layout: Layout, index: usize) -> impl Iterator<Item = Field> {
    let [first, second] = layout.planes();
    let planes = [(first, 0, 0), (second, first * VECTOR, first)];
    planes.into_iter().filter(|(bits, ..)| *bits > 0).map(move |(bits, start, to)| {
        let share = VECTORS / bits;
        Field { at: start + index / share * VECTOR, bits, from: index % share * bits, to }
    })
}

fn every_byte(bits: usize) -> u32 {
    0x0101_0101 * ((1 << bits) - 1)
}

fn float(kind: Kind, bytes: &[u8]) -> f32 {
    match kind {
        Kind::F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        Kind::Bf16 => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
        _ => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    }
}
