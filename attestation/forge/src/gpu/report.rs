//! Reports in the layout of SPDM 1.1, byte by byte.

use p384::ecdsa::Signature;
use p384::ecdsa::signature::Signer as _;

use super::{Edit, FakeGpu, GpuClass, chain, measurement};
use crate::keys::derive;

/// Where the parts of a report begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The response.
    pub response: usize,
    /// The first measurement block.
    pub blocks: usize,
    /// The length of the fields beside the measurements; the fields follow it.
    pub opaque: usize,
    /// R and S.
    pub signature: usize,
}

/// The signed report, and what was done to it afterwards.
pub(super) fn encode(machine: &FakeGpu) -> (Vec<u8>, Offsets) {
    let mut bytes = vec![0x11, 0xe0, 1, 0xff];
    bytes.extend(machine.nonce);
    bytes.push(0);
    let response = bytes.len();
    let blocks = blocks(machine);
    bytes.extend([0x11, 0x60, 0, 0, machine.class.blocks()]);
    let [low, middle, high, _] = u32::try_from(blocks.len()).expect("a record").to_le_bytes();
    bytes.extend([low, middle, high]);
    let first = bytes.len();
    bytes.extend(blocks);
    bytes.extend(derive::<32>(&machine.device_seed(), "responder nonce"));
    let opaque = bytes.len();
    let fields = fields(machine);
    bytes.extend(u16::try_from(fields.len()).expect("few fields").to_le_bytes());
    bytes.extend(fields);
    machine.raw.iter().for_each(|(offset, change)| put(&mut bytes, *offset, change));
    let signature: Signature = chain::attestation_key(machine).sign(&bytes);
    let offsets = Offsets { response, blocks: first, opaque, signature: bytes.len() };
    bytes.extend(signature.to_bytes());
    machine.tampered.iter().for_each(|(offset, change)| put(&mut bytes, *offset, change));
    (bytes, offsets)
}

fn blocks(machine: &FakeGpu) -> Vec<u8> {
    let block = |index: u8| {
        let changed = machine.blocks.iter().rev().find(|(place, _)| *place == index);
        let digest = changed.map_or(measurement(machine.class, index), |(_, digest)| *digest);
        [&[index + 1, 1, 51, 0, 1, 48, 0][..], &digest].concat()
    };
    (0..machine.class.blocks()).flat_map(block).collect()
}

fn fields(machine: &FakeGpu) -> Vec<u8> {
    let encoded = edited(machine).into_iter().map(|(id, value)| {
        let length = u16::try_from(value.len()).expect("fields are short");
        [&id.to_le_bytes()[..], &length.to_le_bytes(), &value].concat()
    });
    encoded.flatten().collect()
}

/// The fields beside the measurements, as they were changed.
pub(super) fn edited(machine: &FakeGpu) -> Vec<Field> {
    let mut fields = match machine.class {
        GpuClass::Hopper | GpuClass::Blackwell => gpu(machine),
        GpuClass::Ls10 => switch(machine),
    };
    for edit in &machine.edits {
        match edit {
            Edit::Set(id, value) => match fields.iter_mut().find(|(known, _)| known == id) {
                Some(field) => field.1.clone_from(value),
                None => fields.push((*id, value.clone())),
            },
            Edit::Add(id, value) => fields.push((*id, value.clone())),
            Edit::Remove(id) => fields.retain(|(known, _)| known != id),
        }
    }
    fields
}

type Field = (u16, Vec<u8>);

fn gpu(machine: &FakeGpu) -> Vec<Field> {
    let hopper = machine.class == GpuClass::Hopper;
    let [driver, bios, project, sku, chip]: [&str; 5] = if hopper {
        ["550.90.07", "96.00.9F.00.01", "1010", "0200", "882"]
    } else {
        ["575.32", "97.00.88.00.0F", "G525", "0220", "886"]
    };
    let mut fields = vec![
        (6, vbios(machine.class, bios)),
        (14, vec![0xb1, 3, 0, 0]),
        (15, [chip.as_bytes(), &[0; 6]].concat()),
        (16, b"0\0\0\0\0".to_vec()),
        (17, [project.as_bytes(), &[0]].concat()),
        (18, [sku.as_bytes(), &[0]].concat()),
        (19, vec![0, 0]),
        (3, [driver.as_bytes(), &[0]].concat()),
        (4, vec![0x80, 1, 0, 0, 0, 0, 0, 0]),
        (12, counts(machine)),
        (13, vec![0, 0xc0, 1, 0]),
        (11, vec![0x55]),
        (20, machine.fwid().to_vec()),
    ];
    if hopper {
        fields.push((21, vec![0x55]));
    } else {
        fields.extend([
            (33, vec![7, 7]),
            (34, vec![1, 0]),
            (35, b"GB100\0".to_vec()),
            (36, vec![0, 0]),
        ]);
    }
    fields
}

fn switch(machine: &FakeGpu) -> Vec<Field> {
    vec![
        (6, vbios(machine.class, "96.10.73.00.01")),
        (22, machine.pdi().to_vec()),
        (12, counts(machine)),
        (23, vec![0xec, 0]),
        (24, vec![u8::from(machine.place == 0), 0]),
        (25, vec![1, 0]),
    ]
}

fn counts(machine: &FakeGpu) -> Vec<u8> {
    (0..u32::from(machine.class.blocks())).flat_map(u32::to_le_bytes).collect()
}

/// Text for a switch; for a GPU five bytes of eight, the first four in the other order.
pub(super) fn vbios(class: GpuClass, version: &str) -> Vec<u8> {
    if class == GpuClass::Ls10 {
        return [version.as_bytes(), &[0]].concat();
    }
    let byte = |part| u8::from_str_radix(part, 16).expect("two digits");
    let mut bytes: Vec<u8> = version.split('.').map(byte).collect();
    bytes.resize(8, 0);
    if let Some(first) = bytes.get_mut(..4) {
        first.reverse();
    }
    bytes
}

/// Overwrites bytes.
///
/// # Panics
/// When they reach past the end: the forge's user made a mistake.
fn put(bytes: &mut [u8], offset: usize, change: &[u8]) {
    let end = offset.checked_add(change.len()).expect("an offset inside the report");
    bytes.get_mut(offset..end).expect("an offset inside the report").copy_from_slice(change);
}
