//! What a device says beside its measurements.

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{DecodeError, Mode, OpaqueError, Pdi, Toggle};
use sealroom_attestation::reader::ReadError;
use sealroom_forge::FakeGpu;

use crate::scene::{accepts, blackwell, fake, refuses, switch};

#[track_caller]
fn refused(fake: FakeGpu, error: OpaqueError) {
    refuses(fake, "gpu.report.encoding", DecodeError::Opaque(error));
}

#[test]
fn refuses_fields_that_are_not_known_by_number() {
    let unknown = |class, id| OpaqueError::Unknown { class, id };
    for id in [0, 26, 31, 37, 255, 0x1000] {
        refused(fake().field(id, &[]), unknown(GpuClass::Hopper, id));
    }
    refused(blackwell().field(26, &[0; 128]), unknown(GpuClass::Blackwell, 26));
    for id in [0, 27, 31, 37, 255] {
        refused(switch().field(id, &[]), unknown(GpuClass::Ls10, id));
    }
}

#[test]
fn refuses_a_field_that_appears_twice() {
    let again = fake().more_field(3, b"550.90.07\0");
    refused(again, OpaqueError::Duplicate { field: "DRIVER_VERSION" });
    let again = switch().more_field(22, &[1; 8]);
    refused(again, OpaqueError::Duplicate { field: "DEVICE_PDI" });
    let again = fake().more_field(2, &[]).more_field(2, &[]);
    refused(again, OpaqueError::Duplicate { field: "CERT_AUTHORITY_KEY_IDENTIFIER" });
}

#[test]
fn refuses_a_device_that_leaves_out_what_names_its_reference_values() {
    for (id, field) in [
        (3, "DRIVER_VERSION"),
        (6, "VBIOS_VERSION"),
        (15, "CHIP_SKU"),
        (17, "PROJECT"),
        (18, "PROJECT_SKU"),
    ] {
        refused(fake().without_field(id), OpaqueError::Missing { field });
    }
    for (id, field) in [(6, "VBIOS_VERSION"), (22, "DEVICE_PDI")] {
        refused(switch().without_field(id), OpaqueError::Missing { field });
    }
    for id in [4, 11, 12, 13, 14, 16, 19, 20, 21] {
        accepts(fake().without_field(id));
    }
    for id in [12, 23, 24, 25] {
        accepts(switch().without_field(id));
    }
}

#[test]
fn refuses_fields_of_another_length() {
    let length = |field, found, expected| OpaqueError::Length { field, found, expected };
    refused(fake().field(6, &[0; 7]), length("VBIOS_VERSION", 7, "8"));
    refused(fake().field(11, &[0x55; 2]), length("NVDEC0_STATUS", 2, "1"));
    refused(fake().field(12, &[0; 5]), length("MSRSCNT", 5, "a multiple of 4"));
    refused(fake().field(14, &[0; 3]), length("BOARD_ID", 3, "4"));
    refused(fake().field(20, &[0; 47]), length("FWID", 47, "48"));
    refused(fake().field(21, &[]), length("PROTECTED_PCIE_STATUS", 0, "1"));
    refused(fake().field(22, &[0; 8]), length("SWITCH_PDI", 8, "144"));
    refused(fake().field(34, &[0]), length("OPAQUE_DATA_VERSION", 1, "2"));
    refused(blackwell().field(36, &[0; 4]), length("FEATURE_FLAG", 4, "2"));
    refused(switch().field(22, &[1; 144]), length("DEVICE_PDI", 144, "8"));
    refused(switch().field(26, &[1; 64]), length("SWITCH_GPU_PDIS", 64, "128"));
}

#[test]
fn refuses_a_field_that_reaches_past_the_end() {
    // The last field of a Hopper is protected PCIe: number, length, and one byte.
    let length = fake().sign().offsets.signature - 3;
    let refusal = crate::scene::One::from(fake().raw(length, &[2])).verify().expect_err("short");
    let sealroom_attestation::gpu::GpuError::Decode(DecodeError::Opaque(OpaqueError::Read(short))) =
        refusal.error
    else {
        panic!("{:?}", refusal.error)
    };
    assert!(matches!(
        short,
        ReadError::Short { field: "PROTECTED_PCIE_STATUS", needed: 2, left: 1, .. }
    ));
}

#[test]
fn refuses_values_that_are_not_known() {
    let toggle = |field, found| OpaqueError::Toggle { field, found };
    refused(fake().field(11, &[0]), toggle("NVDEC0_STATUS", 0));
    refused(fake().field(21, &[1]), toggle("PROTECTED_PCIE_STATUS", 1));
    refused(blackwell().field(34, &[2, 0]), OpaqueError::Version { found: 2 });
    refused(blackwell().field(34, &[1, 1]), OpaqueError::Version { found: 257 });
    refused(blackwell().field(36, &[3, 0]), OpaqueError::Mode { found: 3 });
    let without = OpaqueError::NotInVersion { field: "FEATURE_FLAG", version: 0 };
    refused(blackwell().field(34, &[0, 0]), without.clone());
    refused(blackwell().without_field(34), without);
    refused(fake().field(6, &[0, 0x9f, 0, 0x96, 1, 0, 0, 1]), OpaqueError::Vbios);
    let text = |field| OpaqueError::Text { field };
    refused(fake().field(3, b"550.90\x1b[2J"), text("DRIVER_VERSION"));
    refused(fake().field(17, &[0; 5]), text("PROJECT"));
    refused(blackwell().field(35, b"GB100/.."), text("CHIP_INFO"));
    refused(switch().field(6, b"96.10 73"), text("VBIOS_VERSION"));
}

#[test]
fn reads_every_field_of_a_gpu() {
    let (mut links, pdi) = ([0; 144], [1, 2, 3, 4, 5, 6, 7, 8]);
    links[8..16].copy_from_slice(&pdi);
    let machine = blackwell()
        .driver("580.95.05")
        .vbios("97.0A.88.00.1F")
        .field(11, &[0xaa])
        .field(21, &[0xaa])
        .field(22, &links)
        .field(36, &[1, 0]);
    let fields = accepts(machine).report.fields;
    let gpu = fields.gpu().expect("a GPU");
    assert_eq!((gpu.driver.as_str(), fields.vbios.as_str()), ("580.95.05", "97.0A.88.00.1F"));
    assert_eq!((fields.nvdec0, fields.ppcie), (Some(Toggle::On), Some(Toggle::On)));
    assert_eq!((fields.version, fields.mode), (Some(1), Some(Mode::Multi)));
    assert_eq!((gpu.chip.as_deref(), fields.board_id), (Some("GB100"), Some(0x3b1)));
    let links = gpu.links.expect("links");
    assert_eq!((links[0], links[1]), (Pdi::NONE, Pdi([8, 7, 6, 5, 4, 3, 2, 1])));
    assert_eq!(fields.measurement_counts[63], 63);
    let unread: Vec<_> = fields.unread.iter().map(|(name, _)| *name).collect();
    let expected = ["CHIP_SKU_MOD", "PROJECT_SKU_MOD", "GPU_INFO", "CPRINFO", "SYS_ENABLE_STATUS"];
    assert_eq!(unread, expected);
}

#[test]
fn the_same_number_is_another_field_of_a_switch() {
    let mut gpus = [0xff; 128];
    gpus[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let fields = accepts(switch().field(26, &gpus)).report.fields;
    let (own, switch) = (switch().pdi(), fields.switch().expect("a switch"));
    assert_eq!((switch.pdi, switch.disabled_ports.as_slice()), (Pdi(own), &[0xec, 0][..]));
    let gpus = switch.gpus.expect("GPUs");
    assert_eq!((gpus[0], gpus[7]), (Pdi([1, 2, 3, 4, 5, 6, 7, 8]), Pdi([0xff; 8])));
    assert_eq!((fields.vbios.as_str(), fields.gpu()), ("96.10.73.00.01", None));
}
