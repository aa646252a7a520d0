//! The attestation report of SEV-SNP, versions 2 to 5.

use sealroom_attestation::snp::{Generation, Report};

use super::field::{Components, Flags, Shape, Table, field, number};
use super::layout::Layout;
use super::{Document, ExplainError};

const REPORT: &str = "AMD 56860 §7.3, table 23 (ATTESTATION_REPORT)";
const TCB: &str = "AMD 56860 §2.2, table 3 (TCB_VERSION)";

/// Up to and with REPORTED_TCB: the same in every version. Offsets are those of the report.
const FRONT: Table = Table {
    clause: REPORT,
    fields: &[
        field(0x000, 4, "VERSION", Shape::Number, "layout of the report"),
        field(0x004, 4, "GUEST_SVN", Shape::Number, "guest's security version, by its owner"),
        field(
            0x008,
            8,
            "POLICY",
            Shape::Flags(&POLICY),
            "what the guest's owner allowed at launch",
        ),
        field(0x010, 16, "FAMILY_ID", Shape::Bytes, "the owner's name for a family of guests"),
        field(0x020, 16, "IMAGE_ID", Shape::Bytes, "the owner's name for an image"),
        field(0x030, 4, "VMPL", Shape::Number, "privilege level that asked"),
        field(0x034, 4, "SIGNATURE_ALGO", Shape::Named(ALGORITHMS), "how the report is signed"),
        field(0x038, 8, "CURRENT_TCB", Shape::Tcb, "firmware that runs now"),
        field(0x040, 8, "PLATFORM_INFO", Shape::Flags(&PLATFORM), "how the machine is set up"),
        field(0x048, 4, "KEY_INFO", Shape::Flags(&KEY_INFO), "with which key the report is signed"),
        field(0x04c, 4, "reserved", Shape::Zero, "must be zero"),
        field(0x050, 64, "REPORT_DATA", Shape::Bytes, "what the guest asked to be signed"),
        field(0x090, 48, "MEASUREMENT", Shape::Bytes, "digest of the launch"),
        field(0x0c0, 32, "HOST_DATA", Shape::Bytes, "what the host gave at launch"),
        field(0x0e0, 48, "ID_KEY_DIGEST", Shape::Bytes, "key that signed the ID block"),
        field(0x110, 48, "AUTHOR_KEY_DIGEST", Shape::Bytes, "key that certified that key"),
        field(0x140, 32, "REPORT_ID", Shape::Bytes, "this guest's name"),
        field(0x160, 32, "REPORT_ID_MA", Shape::Bytes, "its migration agent's; ones: none"),
        field(0x180, 8, "REPORTED_TCB", Shape::Tcb, "what the signing key was derived for"),
    ],
};

/// Offsets from 188h.
const BEFORE_CPUID: Table = Table {
    clause: REPORT,
    fields: &[field(0, 24, "reserved", Shape::Zero, "must be zero in version 2")],
};

const CPUID: Table = Table {
    clause: REPORT,
    fields: &[
        field(0, 1, "CPUID_FAM_ID", Shape::Own(hexadecimal), "family of the processor"),
        field(1, 1, "CPUID_MOD_ID", Shape::Own(hexadecimal), "its model"),
        field(2, 1, "CPUID_STEP", Shape::Number, "its stepping"),
        field(3, 21, "reserved", Shape::Zero, "must be zero"),
    ],
};

/// Offsets from 1A0h.
const MIDDLE: Table = Table {
    clause: REPORT,
    fields: &[
        field(0x00, 64, "CHIP_ID", Shape::Bytes, "the chip's name; zeros: masked"),
        field(0x40, 8, "COMMITTED_TCB", Shape::Tcb, "what the firmware will not go below"),
        field(0x48, 1, "CURRENT_BUILD", Shape::Number, "firmware that runs now: build"),
        field(0x49, 1, "CURRENT_MINOR", Shape::Number, "its minor version"),
        field(0x4a, 1, "CURRENT_MAJOR", Shape::Number, "its major version"),
        field(0x4b, 1, "reserved", Shape::Zero, "must be zero"),
        field(0x4c, 1, "COMMITTED_BUILD", Shape::Number, "firmware that was committed: build"),
        field(0x4d, 1, "COMMITTED_MINOR", Shape::Number, "its minor version"),
        field(0x4e, 1, "COMMITTED_MAJOR", Shape::Number, "its major version"),
        field(0x4f, 1, "reserved", Shape::Zero, "must be zero"),
        field(0x50, 8, "LAUNCH_TCB", Shape::Tcb, "what ran at launch or import"),
    ],
};

/// Offsets from 1F8h.
const WITHOUT_MITIGATIONS: Table = Table {
    clause: REPORT,
    fields: &[field(0, 0xa8, "reserved", Shape::Zero, "must be zero before version 5")],
};

const MITIGATIONS: Table = Table {
    clause: REPORT,
    fields: &[
        field(0, 8, "LAUNCH_MIT_VECTOR", Shape::Own(hexadecimal), "mitigations at launch, by bit"),
        field(8, 8, "CURRENT_MIT_VECTOR", Shape::Own(hexadecimal), "mitigations now, by bit"),
        field(16, 0x98, "reserved", Shape::Zero, "must be zero"),
    ],
};

/// Offsets from 2A0h. Nothing of it is signed.
const SIGNATURE: Table = Table {
    clause: "AMD 56860 §10 (ECDSA P-384 with SHA-384 signature)",
    fields: &[
        field(0, 72, "R", Shape::Bytes, "least significant byte first"),
        field(72, 72, "S", Shape::Bytes, "least significant byte first"),
        field(144, 368, "reserved", Shape::Zero, "must be zero"),
    ],
};

const ALGORITHMS: &[(u64, &str)] = &[(1, "ECDSA P-384 with SHA-384")];

const POLICY: Flags = Flags {
    clause: "AMD 56860 §4.3 (GUEST_POLICY)",
    bits: &[
        (0, 8, "ABI_MINOR", "least ABI, minor version"),
        (8, 8, "ABI_MAJOR", "least ABI, major version"),
        (16, 1, "SMT", "multithreading is allowed"),
        (17, 1, "reserved_one", "must be one"),
        (18, 1, "MIGRATE_MA", "a migration agent is allowed"),
        (19, 1, "DEBUG", "the host may debug the guest"),
        (20, 1, "SINGLE_SOCKET", "only on one socket"),
        (21, 1, "CXL_ALLOW", "CXL is allowed"),
        (22, 1, "MEM_AES_256_XTS", "memory must use AES-256-XTS"),
        (23, 1, "RAPL_DIS", "power limits must be disabled"),
        (24, 1, "CIPHERTEXT_HIDING_DRAM", "ciphertext hiding must be on"),
        (25, 1, "PAGE_SWAP_DISABLE", "the host may not swap pages"),
    ],
};

const PLATFORM: Flags = Flags {
    clause: "AMD 56860 §7.3 (PLATFORM_INFO)",
    bits: &[
        (0, 1, "SMT_EN", "multithreading is on"),
        (1, 1, "TSME_EN", "transparent encryption is on"),
        (2, 1, "ECC_EN", "memory has error correction"),
        (3, 1, "RAPL_DIS", "power limits are disabled"),
        (4, 1, "CIPHERTEXT_HIDING_DRAM_EN", "ciphertext hiding is on"),
        (5, 1, "ALIAS_CHECK_COMPLETE", "no memory aliases since reset"),
        (7, 1, "TIO_EN", "trusted I/O is on"),
    ],
};

const KEY_INFO: Flags = Flags {
    clause: REPORT,
    bits: &[
        (0, 1, "AUTHOR_KEY_EN", "AUTHOR_KEY_DIGEST counts"),
        (1, 1, "MASK_CHIP_KEY", "the firmware did not sign"),
        (2, 3, "SIGNING_KEY", "0 VCEK, 1 VLEK, 7 none"),
    ],
};

const MILAN_GENOA: Components = &[
    ("BOOT_LOADER", 0, "security processor's boot loader"),
    ("TEE", 1, "its operating system"),
    ("SNP", 6, "SNP firmware"),
    ("MICROCODE", 7, "lowest microcode of all cores"),
];
const FROM_TURIN: Components = &[
    ("FMC", 0, "firmware management controller"),
    ("BOOT_LOADER", 1, "security processor's boot loader"),
    ("TEE", 2, "its operating system"),
    ("SNP", 3, "SNP firmware"),
    ("MICROCODE", 7, "lowest microcode of all cores"),
];

fn hexadecimal(bytes: &[u8]) -> String {
    format!("{:#x}", number(bytes))
}

/// Where the components of a TCB stand. A report of version 2 does not name its processor: then they are those of the
/// generations that had only that version.
fn components(report: &Report) -> Option<Components> {
    let Some(cpuid) = report.cpuid else { return Some(MILAN_GENOA) };
    Some(match Generation::from_cpuid(cpuid)? {
        Generation::Milan | Generation::Genoa => MILAN_GENOA,
        Generation::Turin | Generation::Venice => FROM_TURIN,
    })
}

pub(super) fn document(path: &str, bytes: &[u8]) -> Result<Document, ExplainError> {
    let report = Report::decode(bytes)?;
    let mut layout = Layout::new(path, bytes).with_tcb(components(&report), TCB);
    let cpuid = if report.version < 3 { &BEFORE_CPUID } else { &CPUID };
    let mitigations = if report.version < 5 { &WITHOUT_MITIGATIONS } else { &MITIGATIONS };
    for table in [&FRONT, cpuid, &MIDDLE, mitigations] {
        layout.table("", table)?;
    }
    layout.table("signature", &SIGNATURE)?;
    Ok(layout.finish()?)
}
