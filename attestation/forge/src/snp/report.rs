//! The bytes of a report, by offset (ABI 56860, table ATTESTATION_REPORT).

use sha2::{Digest as _, Sha384};

use super::FakeSnp;
use crate::keys::derive;

/// SMT allowed, and the bit that must be one.
pub(super) const POLICY: u64 = 0x3_0000;
const LENGTH: usize = 0x4a0;

/// Every field but the signature.
pub(super) fn encode(machine: &FakeSnp) -> Vec<u8> {
    let mut report = vec![0; LENGTH];
    let tcb = machine.tcb_bytes();
    put(&mut report, 0x000, &machine.version.to_le_bytes());
    put(&mut report, 0x008, &POLICY.to_le_bytes());
    put(&mut report, 0x034, &1_u32.to_le_bytes());
    put(&mut report, 0x040, &0x25_u64.to_le_bytes());
    put(&mut report, 0x048, &(u32::from(machine.vlek) << 2).to_le_bytes());
    put(&mut report, 0x090, &Sha384::digest(b"an image"));
    put(&mut report, 0x140, &derive::<32>(&machine.seed, "report id"));
    put(&mut report, 0x160, &[0xff; 32]);
    if machine.version >= 3 {
        put(&mut report, 0x188, &machine.generation.cpuid());
    }
    if !machine.masked {
        put(&mut report, 0x1a0, &machine.chip_id());
    }
    for offset in [0x038, 0x180, 0x1e0, 0x1f0] {
        put(&mut report, offset, &tcb);
    }
    for offset in [0x1e8, 0x1ec] {
        put(&mut report, offset, &[29, 55, 1, 0]);
    }
    for (offset, bytes) in &machine.fields {
        put(&mut report, *offset, bytes);
    }
    report
}

/// Overwrites bytes.
///
/// # Panics
/// When they reach past the end: the forge's user made a mistake.
pub(super) fn put(report: &mut [u8], offset: usize, bytes: &[u8]) {
    let end = offset.checked_add(bytes.len()).expect("an offset inside the report");
    report.get_mut(offset..end).expect("an offset inside the report").copy_from_slice(bytes);
}
