//! Blocks of a GGUF file, taken apart.

use super::layout::Kind;

/// One block: 32 weights, or 256 of the K kinds. A weight is scale * (code - centre) + offset.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// f16, as in the file.
    pub(super) scale: [u8; 2],
    /// f16; the K kinds subtract theirs, so it is negated here.
    pub(super) offset: [u8; 2],
    /// K kinds: times `scale` is the scale of a group or half group.
    pub(super) scales: [i8; 16],
    /// K kinds: times `offset` is the offset of a group or half group.
    pub(super) offsets: [i8; 16],
    pub(super) codes: [u8; 256],
}

impl Block {
    pub(super) const EMPTY: Self =
        Self { scale: [0; 2], offset: [0; 2], scales: [0; 16], offsets: [0; 16], codes: [0; 256] };

    /// Takes one block of a quantised kind apart; `bytes` is as long as `Kind::file_block` says.
    pub(super) fn decode(&mut self, kind: Kind, bytes: &[u8]) {
        let half = |at: usize| [bytes[at], bytes[at + 1]];
        let negated = |at: usize| [bytes[at], bytes[at + 1] ^ 0x80];
        match kind {
            Kind::F32 | Kind::F16 | Kind::Bf16 => unreachable!("floats have no blocks"),
            Kind::Q4_0 | Kind::Q5_0 | Kind::Q8_0 => self.scale = half(0),
            Kind::Q4_1 | Kind::Q5_1 => (self.scale, self.offset) = (half(0), half(2)),
            Kind::Q2K => (self.scale, self.offset) = (half(80), negated(82)),
            Kind::Q3K => self.scale = half(108),
            Kind::Q4K | Kind::Q5K => (self.scale, self.offset) = (half(0), negated(2)),
            Kind::Q6K => self.scale = half(208),
        }
        match kind {
            Kind::F32 | Kind::F16 | Kind::Bf16 => {}
            Kind::Q4_0 => self.nibbles(&bytes[2..18]),
            Kind::Q4_1 => self.nibbles(&bytes[4..20]),
            Kind::Q5_0 => self.nibbles_and_bits(&bytes[6..22], &bytes[2..6]),
            Kind::Q5_1 => self.nibbles_and_bits(&bytes[8..24], &bytes[4..8]),
            Kind::Q8_0 => {
                // Signed in the file; the kernels multiply unsigned codes.
                let codes = self.codes.iter_mut().zip(&bytes[2..34]);
                codes.for_each(|(code, byte)| *code = byte ^ 0x80);
            }
            Kind::Q2K => {
                for (index, byte) in bytes[..16].iter().enumerate() {
                    (self.scales[index], self.offsets[index]) =
                        ((byte & 15) as i8, (byte >> 4) as i8);
                }
                self.pairs(&bytes[16..80]);
            }
            Kind::Q3K => {
                self.scales_of_six_bits(&bytes[96..108]);
                self.pairs(&bytes[32..96]);
                self.add_bits(&bytes[..32], 2);
            }
            Kind::Q4K => {
                self.scales_and_offsets(&bytes[4..16]);
                self.long_nibbles(&bytes[16..144]);
            }
            Kind::Q5K => {
                self.scales_and_offsets(&bytes[4..16]);
                self.long_nibbles(&bytes[48..176]);
                self.add_bits(&bytes[16..48], 4);
            }
            Kind::Q6K => {
                let scales = self.scales.iter_mut().zip(&bytes[192..208]);
                scales.for_each(|(scale, byte)| *scale = *byte as i8);
                self.nibbles_and_pairs(&bytes[..128], &bytes[128..192]);
            }
        }
    }

    fn nibbles(&mut self, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            (self.codes[index], self.codes[index + 16]) = (byte & 15, byte >> 4);
        }
    }

    fn nibbles_and_bits(&mut self, bytes: &[u8], fifth: &[u8]) {
        self.nibbles(bytes);
        for (index, code) in self.codes[..32].iter_mut().enumerate() {
            *code |= (fifth[index / 8] >> (index % 8) & 1) << 4;
        }
    }

    /// Two bits a code: a byte holds codes that are 32 apart.
    fn pairs(&mut self, bytes: &[u8]) {
        for (index, code) in self.codes.iter_mut().enumerate() {
            let (half, shift, byte) = (index / 128, index / 32 % 4, index % 32);
            *code = bytes[32 * half + byte] >> (2 * shift) & 3;
        }
    }

    /// Four bits a code: a byte holds codes that are 32 apart.
    fn long_nibbles(&mut self, bytes: &[u8]) {
        for (index, code) in self.codes.iter_mut().enumerate() {
            let (quarter, shift, byte) = (index / 64, index / 32 % 2, index % 32);
            *code = bytes[32 * quarter + byte] >> (4 * shift) & 15;
        }
    }

    /// One more bit a code, at bit `position`: a byte holds codes that are 32 apart.
    fn add_bits(&mut self, bytes: &[u8], position: usize) {
        for (index, code) in self.codes.iter_mut().enumerate() {
            *code |= (bytes[index % 32] >> (index / 32) & 1) << position;
        }
    }

    /// Four low bits, 64 apart in a byte, and two high bits, 32 apart.
    fn nibbles_and_pairs(&mut self, low: &[u8], high: &[u8]) {
        self.pairs(high);
        for (index, code) in self.codes.iter_mut().enumerate() {
            let (half, shift, byte) = (index / 128, index / 64 % 2, index % 64);
            *code = *code << 4 | low[64 * half + byte] >> (4 * shift) & 15;
        }
    }

    /// 16 scales of 6 bits: four low bits in 8 bytes, two high bits in 4, and 32 to subtract.
    fn scales_of_six_bits(&mut self, bytes: &[u8]) {
        for (index, scale) in self.scales.iter_mut().enumerate() {
            let low = bytes[index % 8] >> (4 * (index / 8)) & 15;
            let high = bytes[8 + index % 4] >> (2 * (index / 4)) & 3;
            *scale = (low | high << 4) as i8 - 32;
        }
    }

    /// 8 scales and 8 offsets of 6 bits: the last four of each lend their high bits to the first four.
    fn scales_and_offsets(&mut self, bytes: &[u8]) {
        for index in 0..4 {
            let (scale, offset, rest) = (bytes[index], bytes[index + 4], bytes[index + 8]);
            (self.scales[index], self.offsets[index]) = ((scale & 63) as i8, (offset & 63) as i8);
            self.scales[index + 4] = (rest & 15 | scale >> 6 << 4) as i8;
            self.offsets[index + 4] = (rest >> 4 | offset >> 6 << 4) as i8;
        }
    }
}
