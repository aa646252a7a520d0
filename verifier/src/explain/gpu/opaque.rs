//! NVIDIA's fields beside the measurements: number, length, value. The same number means different things for a GPU and
//! for a switch.

use sealroom_attestation::evidence::GpuClass;

use super::super::field::{Shape, number};
use super::super::layout::{Layout, Sized, UncoveredError};

const CLAUSE: &str = "NVIDIA nvtrust, opaque data of the attestation report";

/// Number, name, how its value is shown, what it means.
type Opaque = (u64, &'static str, Shape, &'static str);

/// What all devices have.
const COMMON: &[Opaque] = &[
    (1, "CERT_ISSUER_NAME", Shape::Text, "issuer of the attestation key"),
    (2, "CERT_AUTHORITY_KEY_IDENTIFIER", Shape::Bytes, "key that certified it"),
    (3, "DRIVER_VERSION", Shape::Text, "driver that runs the GPU"),
    (4, "GPU_INFO", Shape::Bytes, "meaning not published"),
    (5, "SKU", Shape::Bytes, "meaning not published"),
    (6, "VBIOS_VERSION", Shape::Own(vbios), "VBIOS of a GPU, BIOS of a switch"),
    (7, "MANUFACTURER_ID", Shape::Bytes, "meaning not published"),
    (8, "TAMPER_DETECTION", Shape::Bytes, "meaning not published"),
    (9, "SMC", Shape::Bytes, "meaning not published"),
    (10, "VPR", Shape::Bytes, "meaning not published"),
    (11, "NVDEC0_STATUS", TOGGLE, "the first video decoder"),
    (12, "MSRSCNT", Shape::Numbers, "how often each block was extended"),
    (13, "CPRINFO", Shape::Bytes, "meaning not published"),
    (14, "BOARD_ID", Shape::Number, "the board"),
    (15, "CHIP_SKU", Shape::Text, "the chip's variant"),
    (16, "CHIP_SKU_MOD", Shape::Text, "its modification"),
    (17, "PROJECT", Shape::Text, "the board's design"),
    (18, "PROJECT_SKU", Shape::Text, "its variant"),
    (19, "PROJECT_SKU_MOD", Shape::Text, "its modification"),
    (20, "FWID", Shape::Bytes, "firmware that has the attestation key"),
    (21, "PROTECTED_PCIE_STATUS", TOGGLE, "several GPUs behind attested switches"),
    (32, "GPU_LINK_CONN", Shape::Bytes, "meaning not published"),
    (33, "SYS_ENABLE_STATUS", Shape::Bytes, "meaning not published"),
    (34, "OPAQUE_DATA_VERSION", Shape::Number, "version of these fields"),
    (35, "CHIP_INFO", Shape::Text, "the chip's name"),
    (36, "FEATURE_FLAG", Shape::Named(MODES), "how GPUs are joined"),
];
const GPU: &[Opaque] = &[
    (22, "SWITCH_PDI", Shape::Parts(LINKS), "switch at each link, bytes reversed"),
    (23, "FLOORSWEPT_PORTS", Shape::Bytes, "ports that are not there"),
    (24, "POSITION_ID", Shape::Bytes, "place on the board"),
    (25, "LOCK_SWITCH_STATUS", Shape::Bytes, "meaning not published"),
];
const SWITCH: &[Opaque] = &[
    (22, "DEVICE_PDI", Shape::Bytes, "the switch's own number"),
    (23, "DISABLED_PORTS", Shape::Bytes, "ports that are off"),
    (24, "SWITCH_POSITION_ID", Shape::Bytes, "place on the board"),
    (25, "SWITCH_LOCK_STATUS", Shape::Bytes, "meaning not published"),
    (26, "SWITCH_GPU_PDIS", Shape::Parts(NEIGHBOURS), "GPUs that it is connected to"),
];

const TOGGLE: Shape = Shape::Named(&[(0xaa, "on"), (0x55, "off")]);
const MODES: &[(u64, &str)] = &[(0, "single GPU"), (1, "several GPUs"), (2, "protected PCIe")];

macro_rules! numbered {
    ($length:literal, $meaning:literal, $($name:literal)*) => { &[$(($name, $length, $meaning)),*] };
}

const LINKS: &[(&str, usize, &str)] = numbered!(8, "zeros: the link is off",
    "link 0" "link 1" "link 2" "link 3" "link 4" "link 5" "link 6" "link 7" "link 8" "link 9" "link 10"
    "link 11" "link 12" "link 13" "link 14" "link 15" "link 16" "link 17");
const NEIGHBOURS: &[(&str, usize, &str)] = &[
    ("GPU 0", 8, "zeros: none"),
    ("GPU 1", 8, "zeros: none"),
    ("GPU 2", 8, "zeros: none"),
    ("GPU 3", 8, "zeros: none"),
    ("GPU 4", 8, "zeros: none"),
    ("GPU 5", 8, "zeros: none"),
    ("GPU 6", 8, "zeros: none"),
    ("GPU 7", 8, "zeros: none"),
    ("ports", 64, "which port leads to which"),
];

/// A GPU's version has eight bytes, the first four in the other order; a switch's is text.
fn vbios(bytes: &[u8]) -> String {
    let [b0, b1, b2, b3, b4, 0, 0, 0] = *bytes else { return Shape::Text.show(bytes) };
    [b3, b2, b1, b0, b4].map(|byte| format!("{byte:02X}")).join(".")
}

/// One field of them: its number, its length, its value.
pub(super) fn field(layout: &mut Layout<'_>, class: GpuClass) -> Result<(), UncoveredError> {
    let own = match class {
        GpuClass::Hopper | GpuClass::Blackwell => GPU,
        GpuClass::Ls10 => SWITCH,
    };
    let known = |id| COMMON.iter().chain(own).find(|(known, ..)| *known == id);
    let (_, name, shape, meaning) = *known(number(layout.ahead(2))).unwrap_or(&UNKNOWN);
    let group = format!("response/opaque/{name}");
    let mut place = |length, name, shape, meaning| {
        let field = Sized { length, name, shape, meaning, clause: CLAUSE };
        layout.field(&group, &field)
    };
    place(2, "type", Shape::Number, "number of the field")?;
    let length = number(place(2, "size", Shape::Number, "bytes of it")?);
    place(usize::try_from(length).unwrap_or(usize::MAX), name, shape, meaning)?;
    Ok(())
}

const UNKNOWN: Opaque = (0, "not known", Shape::Bytes, "not known for such a device");
