//! Endorsements on their way from the vendors: fetched, kept, never rolled back, never believed for where they came from.

mod command;
mod conditions;
mod crowd;
mod desk;
mod faults;
mod fetched;
mod kept;
mod mutants;
mod node;
mod times;

use sealroom_attestation::UnixTime;

/// When every service here was started.
const NOW: UnixTime = UnixTime(1_790_000_000);
const SEED: [u8; 32] = [0x6e; 32];
