//! Firmware images: what `Firmware::decode` lets through is measured, and neither panics nor lacks anything.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use sealroom_verifier::measure::{Firmware, SnpLaunch, VcpuType};

#[path = "../../tests/measure/image.rs"]
mod image;

/// More would only take longer.
const MOST_PAGES: u64 = 2_000;

/// The kind of image, changes of it by their distance from its end, and another end instead.
type Changed = (bool, Vec<(u8, u8)>, Option<Vec<u8>>);

fuzz_target!(|changed: Changed| {
    let (hashes, changes, end) = changed;
    let image = if hashes { image::Image::new() } else { image::Image::without_hashes() };
    let mut bytes = image.build();
    let length = bytes.len();
    for (from_end, byte) in changes {
        bytes[length - 1 - usize::from(from_end)] = byte;
    }
    for (place, byte) in bytes.iter_mut().rev().zip(end.iter().flatten()) {
        *place = *byte;
    }
    let Ok(firmware) = Firmware::decode(&bytes) else { return };
    let pages: u64 = firmware.sections.iter().map(|section| u64::from(section.size) / 4096).sum();
    if pages > MOST_PAGES {
        return;
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let digest = |vcpus| {
        let vcpu_type = VcpuType::by_name("EPYC").unwrap();
        let (firmware, direct) = (file.path().to_owned(), None);
        SnpLaunch { firmware, direct, vcpus, vcpu_type, guest_features: 1 }.digest().unwrap()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
});
