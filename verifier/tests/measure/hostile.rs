//! Firmware images of an attacker: each is refused by name, and what is accepted is measured without a panic.

use proptest::prelude::*;
use sealroom_verifier::measure::{Firmware, FirmwareError, SnpLaunch, VcpuType};

use crate::image::Image;

fn refused(image: &Image) -> FirmwareError {
    Firmware::decode(&image.build()).expect_err("a broken image")
}

fn metadata(field: &'static str, found: u64, expected: &'static str) -> FirmwareError {
    FirmwareError::Metadata { field, found, expected }
}

fn section(field: &'static str, found: u64, expected: &'static str) -> FirmwareError {
    FirmwareError::Section { index: 0, field, found, expected }
}

#[test]
fn accepts_images_with_and_without_a_place_for_hashes() {
    let decoded = |image: Image| Firmware::decode(&image.build()).expect("an image");
    assert!(decoded(Image::new()).takes_hashes());
    assert_eq!(decoded(Image::new()).sections.len(), 7);
    assert!(!decoded(Image::without_hashes()).takes_hashes());
    assert!(!decoded(Image { hashes: Some(0), ..Image::new() }).takes_hashes());
    // The last place in a page where all hashes fit, and the one behind it.
    assert!(decoded(Image { hashes: Some(0x81_0f50), ..Image::new() }).takes_hashes());
    assert!(!decoded(Image { hashes: Some(0x81_0f51), ..Image::new() }).takes_hashes());
}

#[test]
fn refuses_a_table_or_metadata_that_leads_out_of_the_image() {
    let base = Image::new();
    let with = |signature, version, distance| {
        let metadata = Some((signature, version, distance));
        refused(&Image { metadata, ..base.clone() })
    };
    let place = "a place inside the image";
    for distance in [8193, 15, 0x8000_0000, u32::MAX] {
        let expected = metadata("distance from the image's end", distance.into(), place);
        assert_eq!(with(*b"ASEV", 1, Some(distance)), expected);
    }
    let signature = u32::from_le_bytes(*b"BSEV").into();
    assert_eq!(with(*b"BSEV", 1, None), metadata("signature", signature, "\"ASEV\""));
    assert_eq!(with(*b"ASEV", 2, None), metadata("version", 2, "1"));
    let size = |excess| refused(&Image { excess: (0, excess), ..base.clone() });
    assert_eq!(size(1), metadata("size", 101, "a header and its sections"));
    assert_eq!(size(-90), metadata("size", 10, "a header and its sections"));
    let table = |excess| refused(&Image { excess: (excess, 0), ..base.clone() });
    // The last entry alone, and one byte of the one before it.
    assert_eq!(table(-48), FirmwareError::Missing { entry: "SEV-ES reset block" });
    let field = "the bytes before its first entry";
    assert_eq!(table(-47), FirmwareError::Table { field, found: 1 });
    assert_eq!(table(-50), FirmwareError::Table { field: "an entry's size", found: 22 });
    assert_eq!(table(8192), FirmwareError::Table { field: "its size", found: 8280 });
    assert_eq!(table(-88), FirmwareError::Table { field: "its size", found: 0 });
}

#[test]
fn refuses_an_image_without_what_measuring_needs() {
    let entry = "SEV-ES reset block";
    let image = Image { reset: None, ..Image::new() };
    assert_eq!(refused(&image), FirmwareError::Missing { entry });
    let entry = "SEV metadata";
    let image = Image { metadata: None, ..Image::new() };
    assert_eq!(refused(&image), FirmwareError::Missing { entry });
}

#[test]
fn refuses_sections_that_cannot_be_measured() {
    let with =
        |at, size, kind| refused(&Image { sections: vec![(at, size, kind)], ..Image::new() });
    assert_eq!(with(0, 4096, 5), section("type", 5, "1 to 4 or 0x10"));
    // `sev` reads one byte of four here.
    assert_eq!(with(0, 4096, 0x101), section("type", 0x101, "1 to 4 or 0x10"));
    assert_eq!(with(1, 4096, 1), section("address", 1, "the beginning of a page"));
    assert_eq!(with(0, 0, 1), section("size", 0, "whole pages"));
    assert_eq!(with(0, 8192, 2), section("size", 8192, "one page"));
    let most = "1 GiB in all sections together";
    assert_eq!(with(0, 0x4000_1000, 1), section("size", 0x4000_1000, most));
    let image = Image { sections: vec![(0, 4096, 1); 65], ..Image::new() };
    assert_eq!(refused(&image), metadata("number of sections", 65, "at most 64"));
}

fn measured(bytes: &[u8]) {
    let Ok(firmware) = Firmware::decode(bytes) else { return };
    let pages: u64 = firmware.sections.iter().map(|section| u64::from(section.size) / 4096).sum();
    // More would only take longer.
    if pages > 10_000 {
        return;
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let launch = SnpLaunch {
        firmware: file.path().to_owned(),
        direct: None,
        vcpus: 2,
        vcpu_type: VcpuType::by_name("EPYC").expect("a processor"),
        guest_features: 1,
    };
    assert_eq!(launch.digest().expect("a digest").len(), 48);
}

proptest! {
    /// What `Firmware::decode` lets through, `sev` measures: it neither panics nor finds anything missing.
    #[test]
    fn a_changed_image_is_refused_or_measured(changes in prop::collection::vec((0..240_usize, any::<u8>()), 1..4)) {
        let mut bytes = Image::new().build();
        let end = bytes.len();
        changes.iter().for_each(|(from_end, byte)| bytes[end - 1 - from_end] = *byte);
        measured(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_measured(mut bytes in prop::collection::vec(any::<u8>(), 4096..=4096)) {
        measured(&bytes);
        // Behind the right GUID, so that the table is read too.
        let table = &Image::new().build()[8192 - 50..];
        bytes[4096 - 48..].copy_from_slice(&table[2..]);
        measured(&bytes);
    }
}
