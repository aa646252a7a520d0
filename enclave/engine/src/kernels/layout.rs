//! How the weights of 16 outputs lie in memory, for each kind of the file.
//!
//! A tile is a run of blocks, and a block has, for each of the 16 outputs:
//!
//! ```text
//! scale    f16 x 16
//! offset   f16 x 16             kinds with an offset
//! scales   i8 x 16  per group or half group: the K kinds
//! offsets  i8 x 16  likewise
//! codes    one bit plane or two per group of 32 inputs
//! ```
//!
//! A weight is scale * (code - centre) + offset. That is the file's own number, bit for bit, in about
//! the file's own size: products with one row wait for memory, and taking bits apart is hidden behind
//! that; products with many rows unpack a group once for eight of them.
//!
//! One vector of codes is 16 outputs times 4 neighbouring inputs, which is what `vpdpbusd` multiplies
//! with 4 activations, and a group is 8 vectors. A plane of `bits` bits keeps `8 / bits` vectors in the
//! space of one, so that a shift and a mask unpack them.

use candle_core::quantized::GgmlDType;

/// Outputs in a tile.
pub(super) const OUTPUTS: usize = 16;
/// Inputs that share a scale, at most: the group of activations.
pub(super) const GROUP: usize = 32;
/// Vectors of codes in a group.
pub(super) const VECTORS: usize = GROUP / 4;
/// Bytes of one vector of codes.
pub(super) const VECTOR: usize = 4 * OUTPUTS;

/// The layout of a quantised kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bits of a code.
    pub(super) bits: usize,
    /// The code of zero.
    pub(super) centre: i32,
    /// Whether weights have an offset.
    pub(super) offset: bool,
    /// Scales of 8 bits in each group: none, one, or one for each half.
    pub(super) scales: usize,
}

impl Layout {
    /// Groups in a block.
    pub(super) const fn groups(self) -> usize {
        if self.scales == 0 { 1 } else { 8 }
    }

    /// Parts of a group with scales of their own.
    pub(super) const fn parts(self) -> usize {
        if self.scales == 2 { 2 } else { 1 }
    }

    /// Bits in the two planes of a code.
    pub(super) const fn planes(self) -> [usize; 2] {
        let first = match self.bits {
            8 => 8,
            4.. => 4,
            _ => 2,
        };
        [first, self.bits - first]
    }

    /// Where the small scales of `part` of `group` begin.
    pub(super) const fn scale_at(self, group: usize, part: usize) -> usize {
        let large = 2 * OUTPUTS * (1 + self.offset as usize);
        large + (group * self.scales + part) * OUTPUTS
    }

    /// Where the small offsets of `part` of `group` begin.
    pub(super) const fn offset_at(self, group: usize, part: usize) -> usize {
        self.scale_at(self.groups() + group, part)
    }

    /// Where the codes of `group` begin: on a cache line where there are small scales.
    pub(super) const fn codes_at(self, group: usize) -> usize {
        let end = if self.offset {
            self.offset_at(self.groups(), 0)
        } else {
            self.scale_at(self.groups(), 0)
        };
        let header = if self.scales == 0 { end } else { end.next_multiple_of(VECTOR) };
        header + group * self.bits * VECTOR
    }

    /// Bytes of a block.
    pub(super) const fn block(self) -> usize {
        self.codes_at(self.groups())
    }
}

/// A layout known at compile time.
pub(super) trait Quantised {
    const LAYOUT: Layout;
}

pub(super) struct Codes<
    const BITS: usize,
    const CENTRE: i32,
    const OFFSET: bool,
    const SCALES: usize,
>;

impl<const BITS: usize, const CENTRE: i32, const OFFSET: bool, const SCALES: usize> Quantised
    for Codes<BITS, CENTRE, OFFSET, SCALES>
{
    const LAYOUT: Layout = Layout { bits: BITS, centre: CENTRE, offset: OFFSET, scales: SCALES };
}

pub(super) type Q4_0 = Codes<4, 8, false, 0>;
pub(super) type Q4_1 = Codes<4, 0, true, 0>;
pub(super) type Q5_0 = Codes<5, 16, false, 0>;
pub(super) type Q5_1 = Codes<5, 0, true, 0>;
pub(super) type Q8_0 = Codes<8, 128, false, 0>;
pub(super) type Q2K = Codes<2, 0, true, 2>;
pub(super) type Q3K = Codes<3, 4, false, 2>;
pub(super) type Q4K = Codes<4, 0, true, 1>;
pub(super) type Q5K = Codes<5, 0, true, 1>;
pub(super) type Q6K = Codes<6, 32, false, 2>;

/// The kinds of tensors there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl Kind {
    pub(super) fn of(kind: GgmlDType) -> Option<Self> {
        Some(match kind {
            GgmlDType::F32 => Self::F32,
            GgmlDType::F16 => Self::F16,
            GgmlDType::BF16 => Self::Bf16,
            GgmlDType::Q4_0 => Self::Q4_0,
            GgmlDType::Q4_1 => Self::Q4_1,
            GgmlDType::Q5_0 => Self::Q5_0,
            GgmlDType::Q5_1 => Self::Q5_1,
            GgmlDType::Q8_0 => Self::Q8_0,
            GgmlDType::Q2K => Self::Q2K,
            GgmlDType::Q3K => Self::Q3K,
            GgmlDType::Q4K => Self::Q4K,
            GgmlDType::Q5K => Self::Q5K,
            GgmlDType::Q6K => Self::Q6K,
            // Forms of activations: no file stores weights in them.
            GgmlDType::Q8_1 | GgmlDType::Q8K => return None,
        })
    }

    /// How the tile lies in memory: plain floats have no layout, only a width.
    pub(super) fn storage(self) -> Storage {
        Storage::Quantised(match self {
            Self::F32 => return Storage::Floats { bytes: 4 },
            Self::F16 | Self::Bf16 => return Storage::Floats { bytes: 2 },
            Self::Q4_0 => Q4_0::LAYOUT,
            Self::Q4_1 => Q4_1::LAYOUT,
            Self::Q5_0 => Q5_0::LAYOUT,
            Self::Q5_1 => Q5_1::LAYOUT,
            Self::Q8_0 => Q8_0::LAYOUT,
            Self::Q2K => Q2K::LAYOUT,
            Self::Q3K => Q3K::LAYOUT,
            Self::Q4K => Q4K::LAYOUT,
            Self::Q5K => Q5K::LAYOUT,
            Self::Q6K => Q6K::LAYOUT,
        })
    }

    /// Bytes of one block in the file.
    pub(super) fn file_block(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// 16 floats of this many bytes for each input.
    Floats {
        bytes: usize,
    },
    Quantised(Layout),
}

impl Storage {
    /// Inputs in one block of the file, and of the tile.
    pub(super) fn inputs(self) -> usize {
        match self {
            Self::Floats { .. } => 1,
            Self::Quantised(layout) => layout.groups() * GROUP,
        }
    }

    /// Bytes of one block of the tile.
    pub(super) fn block(self) -> usize {
        match self {
            Self::Floats { bytes } => OUTPUTS * bytes,
            Self::Quantised(layout) => layout.block(),
        }
    }
}
