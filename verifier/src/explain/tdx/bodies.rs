//! The reports inside quotes: of trust domains and of enclaves.

use super::super::field::{Flags, Shape, Table, field};
use super::{ATTRIBUTES, XFAM};

/// Offsets from the body.
pub(super) const TD10: Table = Table {
    clause: "Intel TDX DCAP Quoting Library API, appendix A.3.2 (TD report body 1.0)",
    fields: &[
        field(0, 16, "TEE_TCB_SVN", Shape::Parts(SVN), "the TDX module's versions at launch"),
        field(16, 48, "MRSEAM", Shape::Bytes, "the TDX module"),
        field(64, 48, "MRSIGNERSEAM", Shape::Bytes, "who signed the module; zeros: Intel"),
        field(112, 8, "SEAMATTRIBUTES", Shape::Bytes, "of the module; zeros for Intel's"),
        field(120, 8, "TDATTRIBUTES", Shape::Flags(&ATTRIBUTES), "what the TD may do"),
        field(128, 8, "XFAM", Shape::Flags(&XFAM), "processor state that the TD may use"),
        field(136, 48, "MRTD", Shape::Bytes, "what the TD was built from"),
        field(184, 48, "MRCONFIGID", Shape::Bytes, "owner's configuration, not measured"),
        field(232, 48, "MROWNER", Shape::Bytes, "the TD's owner, by the owner"),
        field(280, 48, "MROWNERCONFIG", Shape::Bytes, "the owner's own configuration"),
        field(328, 48, "RTMR0", Shape::Bytes, "at run time: firmware configuration"),
        field(376, 48, "RTMR1", Shape::Bytes, "at run time: boot loader and kernel"),
        field(424, 48, "RTMR2", Shape::Bytes, "at run time: command line, initrd"),
        field(472, 48, "RTMR3", Shape::Bytes, "at run time: the owner's events"),
        field(520, 64, "REPORTDATA", Shape::Bytes, "what the TD asked to be signed"),
    ],
};

/// What TDX 1.5 adds; offsets from 584 in the body.
pub(super) const TD15: Table = Table {
    clause: "Intel TDX DCAP Quoting Library API, appendix A.3 (TD report body 1.5)",
    fields: &[
        field(0, 16, "TEE_TCB_SVN2", Shape::Parts(SVN), "the TDX module's versions now"),
        field(16, 48, "MRSERVICETD", Shape::Bytes, "service TDs at launch; zeros: none"),
    ],
};

/// What an extended report adds; offsets from 648 in the body.
pub(super) const TD15EX: Table = Table {
    clause: "Intel TDX module 1.5 ABI (TDINFO, extended report)",
    fields: &[
        field(0, 1, "VMID", Shape::Number, "which VM of a partitioned TD; 0: itself"),
        field(1, 32, "TD_ID", Shape::Bytes, "a name of this launch"),
        field(33, 48, "DEV_INFO", Shape::Bytes, "hash over bound devices"),
        field(81, 48, "INIT_SERVTD_HASH", Shape::Bytes, "service TDs at creation"),
        field(129, 8, "INIT_SERVTD_ATTR", Shape::Bytes, "their attributes"),
        field(137, 16, "INIT_CPUSVN", Shape::Bytes, "processor's versions at creation"),
        field(153, 16, "INIT_TEE_TCB_SVN", Shape::Parts(SVN), "module's versions at creation"),
        field(169, 12, "INIT_TEE_FMSPC", Shape::Bytes, "platform's model at creation"),
        field(181, 48, "CUR_SERVTD_HASH", Shape::Bytes, "service TDs now"),
        field(229, 8, "CUR_SERVTD_ATTR", Shape::Bytes, "their attributes"),
    ],
};

/// The report of an SGX enclave: a quote's body, or the quoting enclave's own.
pub(super) const ENCLAVE: Table = Table {
    clause: "Intel SDM volume 3D, SGX data structures (REPORT)",
    fields: &[
        field(0, 16, "CPUSVN", Shape::Bytes, "processor's security versions"),
        field(16, 4, "MISCSELECT", Shape::Bytes, "extended state of the enclave"),
        field(20, 12, "reserved", Shape::Zero, "must be zero"),
        field(32, 16, "ISVEXTPRODID", Shape::Bytes, "extended product id"),
        field(48, 8, "ATTRIBUTES", Shape::Flags(&ENCLAVE_FLAGS), "what the enclave may do"),
        field(56, 8, "XFRM", Shape::Flags(&XFAM), "processor state that it may use"),
        field(64, 32, "MRENCLAVE", Shape::Bytes, "what the enclave was built from"),
        field(96, 32, "reserved", Shape::Zero, "must be zero"),
        field(128, 32, "MRSIGNER", Shape::Bytes, "who signed the enclave"),
        field(160, 32, "reserved", Shape::Zero, "must be zero"),
        field(192, 64, "CONFIGID", Shape::Bytes, "configuration, not measured"),
        field(256, 2, "ISVPRODID", Shape::Number, "product id"),
        field(258, 2, "ISVSVN", Shape::Number, "security version"),
        field(260, 2, "CONFIGSVN", Shape::Number, "security version of the configuration"),
        field(262, 42, "reserved", Shape::Zero, "must be zero"),
        field(304, 16, "ISVFAMILYID", Shape::Bytes, "product family"),
        field(320, 64, "REPORTDATA", Shape::Bytes, "what the enclave asked to be signed"),
    ],
};

const SVN: &[(&str, usize, &str)] = &[
    ("module SVN", 1, "the module's security version"),
    ("module major", 1, "its major version"),
    ("loader SVN", 1, "SEAM loader's microcode"),
    ("reserved", 13, "no meaning yet"),
];

const ENCLAVE_FLAGS: Flags = Flags {
    clause: "Intel SDM volume 3D, SGX data structures (ATTRIBUTES)",
    bits: &[
        (0, 1, "INIT", "the enclave was initialised"),
        (1, 1, "DEBUG", "the host may debug it"),
        (2, 1, "MODE64BIT", "64-bit mode"),
        (4, 1, "PROVISIONKEY", "may use the provisioning key"),
        (5, 1, "EINITTOKEN_KEY", "may use the launch key"),
        (6, 1, "CET", "control-flow enforcement"),
        (7, 1, "KSS", "key separation and sharing"),
        (10, 1, "AEXNOTIFY", "is told of asynchronous exits"),
    ],
};
