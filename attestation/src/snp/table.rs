//! The certificate table of an extended guest request (GHCB 56421 §4.1.8.1): GUID, offset and length of each
//! entry, an entry of zeros, then the entries' bytes.

use crate::reader::Reader;

/// The longest table that is read: the limit on the wire.
pub const LONGEST_TABLE: usize = 32 * 1024;
/// More entries than any host has reason to send.
const MOST_ENTRIES: usize = 32;
const HEADER: usize = 24;

/// What an entry holds, by its GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// AMD root key.
    Ark,
    /// AMD signing key. Hosts put the ASVK here too: it has no GUID of its own.
    Ask,
    /// Versioned chip endorsement key.
    Vcek,
    /// Versioned loaded endorsement key.
    Vlek,
    /// Revocation list.
    Crl,
    /// Something that is no certificate, such as the host's own description of the platform.
    Other([u8; 16]),
}

const KNOWN: [(EntryKind, u128); 5] = [
    (EntryKind::Ark, 0xc0b406a4_a803_4952_9743_3fb6014cd0ae),
    (EntryKind::Ask, 0x4ab7b379_bbac_4fe4_a02f_05aef327c782),
    (EntryKind::Vcek, 0x63da758d_e664_4564_adc5_f4b93be8accd),
    (EntryKind::Vlek, 0xa8074bc2_a25a_483e_aae6_39c045a0b8a1),
    (EntryKind::Crl, 0x92f81bc3_5811_4d3d_97ff_d19f88dc67ea),
];

impl EntryKind {
    fn from_guid(guid: [u8; 16]) -> Self {
        KNOWN
            .iter()
            .find(|(_, known)| known.to_be_bytes() == guid)
            .map_or(Self::Other(guid), |(kind, _)| *kind)
    }

    fn guid(self) -> [u8; 16] {
        match self {
            Self::Other(guid) => guid,
            named => KNOWN
                .iter()
                .find(|(kind, _)| *kind == named)
                .map_or([0; 16], |(_, guid)| guid.to_be_bytes()),
        }
    }
}

/// One entry of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// By its GUID, which the host chose: a hint, no more.
    pub kind: EntryKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why bytes are not a certificate table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Longer than the wire allows.
    #[error("a certificate table of {found} bytes is longer than {LONGEST_TABLE}")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// No entry of zeros before the end, or too many entries.
    #[error("the certificate table has no end within {MOST_ENTRIES} entries")]
    NoEnd,
    /// An entry that lies outside the table, or over its headers.
    #[error("entry {index} lies outside the certificate table")]
    Outside {
        /// Counted from 0.
        index: usize,
    },
}

/// Reads a table. Bytes that no entry names are ignored: hosts round tables up to pages.
///
/// # Errors
/// When the table is too long, has no end, or an entry reaches outside.
pub fn decode_table(table: &[u8]) -> Result<Vec<Entry>, TableError> {
    if table.len() > LONGEST_TABLE {
        return Err(TableError::TooLong { found: table.len() });
    }
    let mut headers = Vec::new();
    let mut reader = Reader::new(table);
    loop {
        let guid: [u8; 16] = reader.array("GUID").map_err(|_| TableError::NoEnd)?;
        let offset = reader.u32_le("offset").map_err(|_| TableError::NoEnd)?;
        let length = reader.u32_le("length").map_err(|_| TableError::NoEnd)?;
        if guid == [0; 16] {
            break;
        }
        if headers.len() == MOST_ENTRIES {
            return Err(TableError::NoEnd);
        }
        headers.push((guid, offset, length));
    }
    let first = reader.offset();
    let mut entries = Vec::with_capacity(headers.len());
    for (index, (guid, offset, length)) in headers.into_iter().enumerate() {
        let bytes = slice(table, first, offset, length).ok_or(TableError::Outside { index })?;
        entries.push(Entry { kind: EntryKind::from_guid(guid), bytes: bytes.to_vec() });
    }
    Ok(entries)
}

/// Offset and length are the host's, the slice is ours: compare before use.
fn slice(table: &[u8], first: usize, offset: u32, length: u32) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok().filter(|offset| *offset >= first)?;
    let end = offset.checked_add(usize::try_from(length).ok()?)?;
    table.get(offset..end)
}

/// Writes a table that [`decode_table`] reads back.
///
/// # Errors
/// When the table would be too long or have too many entries.
pub fn encode_table(entries: &[Entry]) -> Result<Vec<u8>, TableError> {
    if entries.len() > MOST_ENTRIES {
        return Err(TableError::NoEnd);
    }
    let headers = HEADER.saturating_mul(entries.len().saturating_add(1));
    let total =
        entries.iter().fold(headers, |total, entry| total.saturating_add(entry.bytes.len()));
    if total > LONGEST_TABLE {
        return Err(TableError::TooLong { found: total });
    }
    let mut table = Vec::with_capacity(total);
    let mut offset = headers;
    for entry in entries {
        table.extend_from_slice(&entry.kind.guid());
        for number in [offset, entry.bytes.len()] {
            table.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        offset = offset.saturating_add(entry.bytes.len());
    }
    table.extend_from_slice(&[0; HEADER]);
    entries.iter().for_each(|entry| table.extend_from_slice(&entry.bytes));
    Ok(table)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(offset: u32, length: u32) -> Vec<u8> {
        let mut table = EntryKind::Vcek.guid().to_vec();
        table.extend_from_slice(&offset.to_le_bytes());
        table.extend_from_slice(&length.to_le_bytes());
        table.extend_from_slice(&[0; HEADER]);
        table.extend_from_slice(b"abcd");
        table
    }

    #[test]
    fn reads_an_entry_up_to_the_last_byte_and_no_further() {
        let expected = Entry { kind: EntryKind::Vcek, bytes: b"abcd".to_vec() };
        assert_eq!(decode_table(&one(48, 4)), Ok(vec![expected]));
        for (offset, length) in [(48, 5), (47, 4), (u32::MAX, 1), (48, u32::MAX), (0, 4)] {
            assert_eq!(
                decode_table(&one(offset, length)),
                Err(TableError::Outside { index: 0 }),
                "{offset} {length}"
            );
        }
    }

    #[test]
    fn refuses_a_table_without_end_or_beyond_the_limit() {
        assert_eq!(decode_table(&[]), Err(TableError::NoEnd));
        assert_eq!(decode_table(&one(48, 4)[..47]), Err(TableError::NoEnd));
        assert_eq!(decode_table(&[1; 33 * HEADER]), Err(TableError::NoEnd));
        let long = vec![0; LONGEST_TABLE + 1];
        assert_eq!(decode_table(&long), Err(TableError::TooLong { found: LONGEST_TABLE + 1 }));
        assert_eq!(decode_table(&long[1..]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..32)) {
            let kinds = KNOWN.iter().map(|(kind, _)| *kind).chain([EntryKind::Other([7; 16])]).cycle();
            let entries: Vec<_> = bodies.into_iter().zip(kinds).map(|(bytes, kind)| Entry { kind, bytes }).collect();
            prop_assert_eq!(decode_table(&encode_table(&entries).unwrap()), Ok(entries));
        }

        #[test]
        fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(entries) = decode_table(&bytes) {
                prop_assert!(entries.len() <= MOST_ENTRIES);
            }
        }
    }
}
