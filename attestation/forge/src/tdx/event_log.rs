//! Event logs of a TD's firmware and boot loader (CCEL; TCG PC Client platform firmware profile §10).

use sha2::{Digest as _, Sha384};

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which RTMR, 0 to 3.
    pub register: u8,
    /// Event type.
    pub kind: u32,
    /// What the log tells about it.
    pub data: Vec<u8>,
    /// What was measured.
    pub digest: [u8; 48],
}

impl Event {
    /// A measurement of the data themselves.
    #[must_use]
    pub fn new(register: u8, kind: u32, data: &[u8]) -> Self {
        Self { register, kind, data: data.to_vec(), digest: Sha384::digest(data).into() }
    }

    /// What a small machine measures from its firmware to its kernel's command line.
    #[must_use]
    pub fn boot() -> Vec<Self> {
        const SEPARATOR: u32 = 4;
        const IPL: u32 = 0xd;
        const ACTION: u32 = 0x8000_0007;
        const PLATFORM_CONFIG_FLAGS: u32 = 0xa;
        vec![
            Self::new(0, PLATFORM_CONFIG_FLAGS, b"ACPI DATA"),
            Self::new(0, SEPARATOR, &[0; 4]),
            Self::new(1, ACTION, b"Calling EFI Application from Boot Option"),
            Self::new(1, SEPARATOR, &[0; 4]),
            Self::new(2, IPL, b"kernel_cmdline: /vmlinuz root=/dev/vda ro\0"),
            Self::new(1, ACTION, b"Exit Boot Services Returned with Success"),
        ]
    }
}

/// The registers after these events.
#[must_use]
pub fn replay(events: &[Event]) -> [[u8; 48]; 4] {
    let mut registers = [[0; 48]; 4];
    for event in events {
        let register =
            registers.get_mut(usize::from(event.register)).expect("there are four registers");
        *register =
            Sha384::new().chain_update(*register).chain_update(event.digest).finalize().into();
    }
    registers
}

/// The log: its own description, the events, and the unused rest of the area, which is a multiple of 4 KiB.
#[must_use]
pub fn encode(events: &[Event]) -> Vec<u8> {
    let mut log = description();
    for event in events {
        // The log counts from 1; 0 is MRTD.
        log.extend((u32::from(event.register) + 1).to_le_bytes());
        log.extend(event.kind.to_le_bytes());
        log.extend([1, 0, 0, 0, 0x0c, 0]);
        log.extend(event.digest);
        log.extend(length(&event.data));
        log.extend(&event.data);
    }
    log.resize((log.len() + 1).next_multiple_of(4096), 0xff);
    log
}

/// TCG_EfiSpecIDEvent in the older layout of events: SHA-384 and nothing else.
fn description() -> Vec<u8> {
    let mut about = b"Spec ID Event03\0".to_vec();
    about.extend([0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0, 0x0c, 0, 48, 0, 0]);
    let mut log = vec![1, 0, 0, 0, 3, 0, 0, 0];
    log.extend([0; 20]);
    log.extend(length(&about));
    log.extend(about);
    log
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("events are short").to_le_bytes()
}
