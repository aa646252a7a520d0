//! A small firmware image with everything that measuring reads, built from its parts.

/// GUIDs as they stand in memory.
const TABLE: [u8; 16] = *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";
const HASHES: [u8; 16] = *b"\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b\x1d\xa6\xef\xa8\xd4\x54";
const RESET: [u8; 16] = *b"\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e";
const METADATA: [u8; 16] = *b"\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc";

/// An image to be.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Address, size and type of each section.
    pub(crate) sections: Vec<(u32, u32, u32)>,
    /// Where the hashes go, if there is a place for them; zero says that there is none.
    pub(crate) hashes: Option<u32>,
    /// Where every vCPU but the first begins.
    pub(crate) reset: Option<u32>,
    /// Signature of the metadata, its version, and its distance from the end, where it is not the right one.
    pub(crate) metadata: Option<([u8; 4], u32, Option<u32>)>,
    /// By how much the table's size and the metadata's are wrong.
    pub(crate) excess: (i16, i32),
}

impl Image {
    /// With a place for a kernel's hashes, as OVMF for AmdSev has.
    pub(crate) fn new() -> Self {
        Self {
            sections: vec![
                (0x80_0000, 0x9000, 1),
                (0x80_b000, 0x1000, 1),
                (0x80_d000, 0x1000, 2),
                (0x80_e000, 0x1000, 3),
                (0x80_f000, 0x1000, 4),
                (0x81_0000, 0x1000, 0x10),
                (0x81_1000, 0x5000, 1),
            ],
            hashes: Some(0x81_0c00),
            reset: Some(0x0080_b004),
            metadata: Some((*b"ASEV", 1, None)),
            excess: (0, 0),
        }
    }

    /// As OVMF without a place for a kernel's hashes.
    pub(crate) fn without_hashes() -> Self {
        let mut image = Self { hashes: None, ..Self::new() };
        image.sections.retain(|(_, _, kind)| *kind != 0x10);
        image
    }

    /// Two pages: a pattern, the metadata, the table of GUIDs, and 32 bytes that begin the processor.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut metadata = Vec::new();
        if let Some((signature, version, _)) = self.metadata {
            let size = (16 + 12 * self.sections.len()) as i32 + self.excess.1;
            let count = self.sections.len() as u32;
            metadata = [&signature[..], &size.to_le_bytes(), &version.to_le_bytes()].concat();
            metadata.extend(count.to_le_bytes());
            let words = self.sections.iter().flat_map(|(at, size, kind)| [*at, *size, *kind]);
            metadata.extend(words.flat_map(u32::to_le_bytes));
        }
        let entry = |data: &[u8], guid: &[u8; 16]| {
            [data, &((data.len() + 18) as u16).to_le_bytes(), guid].concat()
        };
        let mut entries = Vec::new();
        if let Some(hashes) = self.hashes {
            let place = [hashes.to_le_bytes(), 0x400_u32.to_le_bytes()].concat();
            entries.extend(entry(&place, &HASHES));
        }
        if let Some(reset) = self.reset {
            entries.extend(entry(&reset.to_le_bytes(), &RESET));
        }
        // The metadata lies right before the table, whose last entries are its own and the table's size and GUID.
        let from_end = metadata.len() + entries.len() + 22 + 18 + 32;
        if let Some((_, _, distance)) = self.metadata {
            let distance = distance.unwrap_or(from_end as u32);
            entries.extend(entry(&distance.to_le_bytes(), &METADATA));
        }
        let size = entries.len() as i16 + 18 + self.excess.0;
        let end = [&metadata, &entries, &size.to_le_bytes()[..], &TABLE, &[0xf4; 32]].concat();
        let mut image: Vec<u8> = (0..8192_u32).map(|at| (at % 251) as u8).collect();
        let start = image.len() - end.len();
        image[start..].copy_from_slice(&end);
        image
    }
}
