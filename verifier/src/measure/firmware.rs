//! The parts of a guest's firmware that take part in its measurement: OVMF's table of GUIDs at the end of the image, and
//! the SEV metadata that it points to (edk2, OvmfPkg/ResetVector).

use std::collections::BTreeMap;

/// The largest image that is read, bytes: twice what QEMU maps.
pub const LARGEST_FIRMWARE: usize = 16 * 1024 * 1024;
const PAGE: usize = 4096;
/// The table of GUIDs ends this far before the end of the image.
const TABLE_END: usize = 32;
/// Two bytes of size and a GUID: how every entry ends.
const ENTRY: usize = 18;
const METADATA_HEADER: usize = 16;
const SECTION: usize = 12;
/// More sections than any image has reason to have; each is measured page by page.
const MOST_SECTIONS: usize = 64;
/// The most memory that sections may name, bytes.
const MOST_MEMORY: u64 = 1 << 30;
/// Three hashes under GUIDs, and padding: what QEMU writes into a page.
const HASHES: usize = 176;

// GUIDs as they stand in memory: the first three parts least significant byte first.
const TABLE_GUID: u128 = guid(0x96b5_82de_1fb2_45f7_baea_a366_c55a_082d);
const HASHES_GUID: u128 = guid(0x7255_371f_3a3b_4b04_927b_1da6_efa8_d454);
const RESET_GUID: u128 = guid(0x00f7_71de_1a7e_4fcb_890e_68c7_7e2f_b44e);
const METADATA_GUID: u128 = guid(0xdc88_6566_984a_4798_a75e_5585_a7bf_67cc);

const fn guid(written: u128) -> u128 {
    let [a, b, c, d, e, f, g, h, rest @ ..] = written.to_be_bytes();
    let [i, j, k, l, m, n, o, p] = rest;
    u128::from_le_bytes([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
}

/// Why an image cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FirmwareError {
    /// Larger than anything that is read, or not whole pages.
    #[error("an image of {found} bytes: whole pages of 4096 up to {LARGEST_FIRMWARE} expected")]
    Size {
        /// Bytes given.
        found: usize,
    },
    /// No table of GUIDs 32 bytes before the end.
    #[error("no table of GUIDs ends 32 bytes before the image's end: this is no OVMF image")]
    NoTable,
    /// The table, or an entry in it, reaches out of its bounds.
    #[error("the table of GUIDs says {field} is {found}, which does not fit")]
    Table {
        /// Which length.
        field: &'static str,
        /// As found.
        found: usize,
    },
    /// An entry without which nothing can be measured.
    #[error("the table of GUIDs has no {entry}: built without SEV-SNP")]
    Missing {
        /// Which.
        entry: &'static str,
    },
    /// The SEV metadata is not what the standard says.
    #[error("SEV metadata: {field} is {found:#x}, {expected} expected")]
    Metadata {
        /// Which field.
        field: &'static str,
        /// As found.
        found: u64,
        /// What was expected.
        expected: &'static str,
    },
    /// A section that cannot be measured.
    #[error("SEV metadata section {index}: {field} is {found:#x}, {expected} expected")]
    Section {
        /// Counted from 0.
        index: usize,
        /// Which field.
        field: &'static str,
        /// As found.
        found: u64,
        /// What was expected.
        expected: &'static str,
    },
}

/// What measuring needs to know about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Its sections by type, address and size.
    pub sections: Vec<Section>,
    /// Where the hashes of a directly started kernel go, if anywhere.
    pub hashes_at: Option<u32>,
}

/// One piece of memory that takes part in the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is for.
    pub kind: SectionKind,
    /// Its address in the guest.
    pub address: u32,
    /// Its bytes.
    pub size: u32,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Memory of zeros.
    Memory,
    /// The secrets page.
    Secrets,
    /// The CPUID page.
    Cpuid,
    /// The calling area of a secure VM service module.
    ServiceModule,
    /// The hashes of kernel, initial file system and command line.
    KernelHashes,
}

impl Firmware {
    /// Reads an image, and refuses one in which an offset or a length leads out of it.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn decode(image: &[u8]) -> Result<Self, FirmwareError> {
        let found = image.len();
        if found > LARGEST_FIRMWARE || found == 0 || !found.is_multiple_of(PAGE) {
            return Err(FirmwareError::Size { found });
        }
        let table = table(image)?;
        let entry = |guid, entry| {
            let bytes = table.get(&guid).ok_or(FirmwareError::Missing { entry })?;
            u32_at(bytes, 0).ok_or(FirmwareError::Table { field: entry, found: bytes.len() })
        };
        entry(RESET_GUID, "SEV-ES reset block")?;
        let from_end = entry(METADATA_GUID, "SEV metadata")?;
        let hashes_at = match table.contains_key(&HASHES_GUID) {
            true => Some(entry(HASHES_GUID, "SEV hash table")?).filter(|at| *at != 0),
            false => None,
        };
        Ok(Self { sections: sections(image, from_end)?, hashes_at })
    }

    /// True where the image measures a directly started kernel: it has a place for the hashes, and a page for it.
    #[must_use]
    pub fn takes_hashes(&self) -> bool {
        let mut pages =
            self.sections.iter().filter(|section| section.kind == SectionKind::KernelHashes);
        let fits = self.hashes_at.is_some_and(|at| at as usize % PAGE <= PAGE - HASHES);
        fits && pages.next().is_some_and(|page| page.size as usize == PAGE)
            && pages.next().is_none()
    }
}

/// Every entry by its GUID, read from the end; a GUID that comes again replaces the earlier one, as in QEMU's readers.
fn table(image: &[u8]) -> Result<BTreeMap<u128, &[u8]>, FirmwareError> {
    let (body, end) = footer(image).ok_or(FirmwareError::NoTable)?;
    if end.guid != TABLE_GUID {
        return Err(FirmwareError::NoTable);
    }
    let (field, found) = ("its size", end.size);
    let size = found.checked_sub(ENTRY).ok_or(FirmwareError::Table { field, found })?;
    let start = body.len().checked_sub(size);
    let mut rest =
        start.and_then(|start| body.get(start..)).ok_or(FirmwareError::Table { field, found })?;
    let mut entries = BTreeMap::new();
    while let Some((before, end)) = entry_end(rest) {
        let (field, found) = ("an entry's size", end.size);
        let data = found.checked_sub(ENTRY).and_then(|data| before.len().checked_sub(data));
        let split = data.and_then(|at| before.split_at_checked(at));
        let (before, data) = split.ok_or(FirmwareError::Table { field, found })?;
        entries.insert(end.guid, data);
        rest = before;
    }
    match rest.len() {
        0 => Ok(entries),
        found => Err(FirmwareError::Table { field: "the bytes before its first entry", found }),
    }
}

struct End {
    size: usize,
    guid: u128,
}

fn footer(image: &[u8]) -> Option<(&[u8], End)> {
    entry_end(image.get(..image.len().checked_sub(TABLE_END)?)?)
}

/// What stands before an entry's size and GUID, and these two.
fn entry_end(bytes: &[u8]) -> Option<(&[u8], End)> {
    let (before, end) = bytes.split_at_checked(bytes.len().checked_sub(ENTRY)?)?;
    let (size, guid) = end.split_first_chunk::<2>()?;
    let guid = u128::from_le_bytes(guid.try_into().ok()?);
    Some((before, End { size: u16::from_le_bytes(*size).into(), guid }))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

fn sections(image: &[u8], from_end: u32) -> Result<Vec<Section>, FirmwareError> {
    let bad = |field, found: u32, expected| {
        let found = found.into();
        FirmwareError::Metadata { field, found, expected }
    };
    let outside = || bad("distance from the image's end", from_end, "a place inside the image");
    // Readers take this distance for a signed number: one that is negative leads out of the image.
    let distance = i32::try_from(from_end).ok().and_then(|distance| usize::try_from(distance).ok());
    let start = distance.and_then(|distance| image.len().checked_sub(distance));
    let metadata = start.and_then(|start| image.get(start..)).ok_or_else(outside)?;
    let word = |at| u32_at(metadata, at).ok_or_else(outside);
    let [signature, size, version, count] = [word(0)?, word(4)?, word(8)?, word(12)?];
    if signature.to_le_bytes() != *b"ASEV" {
        return Err(bad("signature", signature, "\"ASEV\""));
    }
    if version != 1 {
        return Err(bad("version", version, "1"));
    }
    let sections = usize::try_from(count).ok().filter(|count| *count <= MOST_SECTIONS);
    let sections = sections.ok_or_else(|| bad("number of sections", count, "at most 64"))?;
    let listed = usize::try_from(size).ok().and_then(|size| metadata.get(METADATA_HEADER..size));
    let listed = listed.filter(|listed| listed.len() == sections.saturating_mul(SECTION));
    let listed = listed.ok_or_else(|| bad("size", size, "a header and its sections"))?;
    let (listed, _) = listed.as_chunks::<SECTION>();
    let mut memory = 0;
    listed.iter().enumerate().map(|(index, bytes)| section(index, bytes, &mut memory)).collect()
}

fn section(
    index: usize,
    bytes: &[u8; SECTION],
    memory: &mut u64,
) -> Result<Section, FirmwareError> {
    let [a, b, c, d, e, f, g, h, kind @ ..] = *bytes;
    let (address, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let bad = |field, found: u32, expected| {
        let found = found.into();
        FirmwareError::Section { index, field, found, expected }
    };
    let kind = u32::from_le_bytes(kind);
    let kind = match kind {
        1 => SectionKind::Memory,
        2 => SectionKind::Secrets,
        3 => SectionKind::Cpuid,
        4 => SectionKind::ServiceModule,
        0x10 => SectionKind::KernelHashes,
        _ => return Err(bad("type", kind, "1 to 4 or 0x10")),
    };
    if !(address as usize).is_multiple_of(PAGE) {
        return Err(bad("address", address, "the beginning of a page"));
    }
    // `sev` measures one page of these, and QEMU as many as the size says.
    let one_page = matches!(kind, SectionKind::Secrets | SectionKind::Cpuid);
    if size == 0 || !(size as usize).is_multiple_of(PAGE) || one_page && size as usize != PAGE {
        return Err(bad("size", size, if one_page { "one page" } else { "whole pages" }));
    }
    *memory = memory.saturating_add(size.into());
    if *memory > MOST_MEMORY {
        return Err(bad("size", size, "1 GiB in all sections together"));
    }
    Ok(Section { kind, address, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_written_with_its_first_parts_turned_round() {
        let bytes = guid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff).to_le_bytes();
        assert_eq!(bytes[..8], [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66]);
        assert_eq!(bytes[8..], [0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
    }

    #[test]
    fn refuses_images_of_another_size_and_without_a_table() {
        for found in [0, 1, 4095, 4097, LARGEST_FIRMWARE + PAGE] {
            assert_eq!(
                Firmware::decode(&vec![0; found]),
                Err(FirmwareError::Size { found }),
                "{found}"
            );
        }
        assert_eq!(Firmware::decode(&[0; 4096]), Err(FirmwareError::NoTable));
    }
}
