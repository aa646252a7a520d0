//! A small file that becomes a large one (RFC 1951, RFC 1952).

use std::sync::LazyLock;

/// Copies of 258 bytes each.
const COPIES: u32 = 260_112;
/// How much comes out: the first byte and its copies, 64 MiB.
pub(super) const UNPACKED: u32 = 1 + 258 * COPIES;

static BOMB: LazyLock<Vec<u8>> = LazyLock::new(make);

/// Zeros, packed.
pub(super) fn bomb() -> Vec<u8> {
    BOMB.clone()
}

/// One final block with fixed codes: a zero, then copies of what came before.
fn make() -> Vec<u8> {
    let mut bits = Bits { bytes: b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(), used: 8 };
    bits.write("1");
    bits.write("10");
    bits.write("00110000");
    for _ in 0..COPIES {
        bits.write("11000101");
        bits.write("00000");
    }
    bits.write("0000000");
    let mut file = bits.bytes;
    file.extend(checksum_of_zeros(UNPACKED).to_le_bytes());
    file.extend(UNPACKED.to_le_bytes());
    file
}

struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are written.
    used: u8,
}

impl Bits {
    /// In the order in which they are read.
    fn write(&mut self, code: &str) {
        for bit in code.bytes() {
            if self.used == 8 {
                self.bytes.push(0);
                self.used = 0;
            }
            let last = self.bytes.last_mut().expect("a byte was begun");
            *last |= (bit - b'0') << self.used;
            self.used += 1;
        }
    }
}

/// CRC-32 (RFC 1952 §8) of this many zeros.
fn checksum_of_zeros(count: u32) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|byte| {
        (0..8).fold(byte as u32, |rest, _| {
            let carry = if rest & 1 == 1 { 0xedb8_8320 } else { 0 };
            (rest >> 1) ^ carry
        })
    });
    let end = (0..count).fold(u32::MAX, |rest, _| table[(rest & 0xff) as usize] ^ (rest >> 8));
    !end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bomb_is_small_and_the_checksum_is_the_published_one() {
        let packed = bomb().len();
        assert!(packed < 1 << 19 && UNPACKED > 64 << 20, "{packed} bytes");
        // `printf '\0\0\0\0' | gzip | tail -c8 | xxd`
        assert_eq!(checksum_of_zeros(4), 0x2144_df1c);
    }
}
