//! Quotes of TDX and SGX, versions 3, 4 and 5.

use sealroom_attestation::tdx::{Body, Certification, Quote, Td15, Tee};

use super::field::{Flags, Shape, Table, field, number};
use super::layout::{Layout, Sized};
use super::{Document, ExplainError};

mod bodies;

use bodies::{ENCLAVE, TD10, TD15, TD15EX};

const HEADER: &str = "Intel TDX DCAP Quoting Library API, appendix A.3 (quote header)";
const DESCRIPTOR: &str =
    "Intel TDX DCAP Quoting Library API, appendix A.3 (body descriptor, version 5)";
const SIGNATURE: &str =
    "Intel TDX DCAP Quoting Library API, appendix A.3 (ECDSA 256-bit quote signature data)";
const CERTIFICATION: &str =
    "Intel TDX DCAP Quoting Library API, appendix A.3 (QE certification data)";

const FRONT: Table = Table {
    clause: HEADER,
    fields: &[
        field(0, 2, "version", Shape::Number, "layout of the quote"),
        field(2, 2, "attestation key type", Shape::Named(KEYS), "how the quote is signed"),
        field(4, 4, "TEE type", Shape::Own(environment), "what the quote is about"),
    ],
};

/// Offsets from 8.
const VERSIONS: Table = Table {
    clause: "Intel SGX DCAP Quoting Library API, appendix A (quote header, version 3)",
    fields: &[
        field(0, 2, "QE SVN", Shape::Number, "security version of the quoting enclave"),
        field(2, 2, "PCE SVN", Shape::Number, "of the provisioning certification enclave"),
    ],
};

const RESERVED: Table = Table {
    clause: HEADER,
    fields: &[
        field(0, 2, "reserved", Shape::Zero, "must be zero"),
        field(2, 2, "reserved", Shape::Zero, "must be zero"),
    ],
};

/// Offsets from 12.
const BACK: Table = Table {
    clause: HEADER,
    fields: &[
        field(0, 16, "QE vendor ID", Shape::Own(vendor), "who made the quoting enclave"),
        field(16, 20, "user data", Shape::Bytes, "the quoting library's; QE identifier"),
    ],
};

const BODY: Table = Table {
    clause: DESCRIPTOR,
    fields: &[
        field(0, 2, "body type", Shape::Named(BODIES), "which report follows"),
        field(2, 4, "body size", Shape::Number, "bytes of it"),
    ],
};

const SIGNED: Table = Table {
    clause: SIGNATURE,
    fields: &[
        field(0, 4, "signature data length", Shape::Number, "bytes of all that follows"),
        field(4, 64, "quote signature", Shape::Bytes, "over header and body: R and S"),
        field(68, 64, "attestation key", Shape::Bytes, "X and Y on P-256"),
    ],
};

const WRAPPED: Table = Table {
    clause: CERTIFICATION,
    fields: &[
        field(0, 2, "certification data type", Shape::Named(TYPES), "what follows"),
        field(2, 4, "certification data size", Shape::Number, "bytes of it"),
    ],
};

const QE_SIGNATURE: Table = Table {
    clause: CERTIFICATION,
    fields: &[
        field(0, 64, "QE report signature", Shape::Bytes, "by the PCK key: R and S"),
        field(64, 2, "QE authentication data size", Shape::Number, "bytes of it"),
    ],
};

const KEYS: &[(u64, &str)] = &[(2, "ECDSA P-256"), (3, "ECDSA P-384")];
const BODIES: &[(u64, &str)] = &[
    (1, "SGX enclave report"),
    (2, "TD report of TDX 1.0"),
    (3, "TD report of TDX 1.5"),
    (4, "extended TD report of TDX 1.5"),
];
const TYPES: &[(u64, &str)] = &[
    (1, "PPID in the clear"),
    (2, "PPID encrypted with RSA-2048"),
    (3, "PPID encrypted with RSA-3072"),
    (5, "PCK certificate chain, PEM"),
    (6, "QE report certification data"),
];
/// QE_VENDOR_ID of Intel.
const INTEL: &str = "939a7233f79c4ca9940a0db3957f0607";

const ATTRIBUTES: Flags = Flags {
    clause: "Intel TDX module 1.5 ABI (ATTRIBUTES)",
    bits: &[
        (0, 1, "DEBUG", "the host may debug the TD"),
        (4, 1, "HGS_PLUS_PROF", "profiling of thread scheduling"),
        (5, 1, "PERF_PROF", "performance profiling"),
        (6, 1, "PMT_PROF", "profiling by telemetry"),
        (16, 1, "ICSSD", "single-step defence"),
        (27, 1, "LASS", "linear address space separation"),
        (28, 1, "SEPT_VE_DISABLE", "no #VE on unaccepted memory"),
        (29, 1, "MIGRATABLE", "may be moved to another machine"),
        (30, 1, "PKS", "supervisor protection keys"),
        (31, 1, "KL", "key locker"),
        (62, 1, "TPA", "provisioning agent"),
        (63, 1, "PERFMON", "performance counters"),
    ],
};

const XFAM: Flags = Flags {
    clause: "Intel TDX module 1.5 ABI (XFAM), Intel SDM volume 1, 13.1 (XCR0)",
    bits: &[
        (0, 1, "X87", "must be one"),
        (1, 1, "SSE", "must be one"),
        (2, 1, "AVX", "AVX state"),
        (5, 1, "AVX512_OPMASK", "AVX-512 mask registers"),
        (6, 1, "AVX512_ZMM_HI256", "upper halves of ZMM0 to ZMM15"),
        (7, 1, "AVX512_HI16_ZMM", "ZMM16 to ZMM31"),
        (8, 1, "PT", "processor trace"),
        (9, 1, "PKRU", "user protection keys"),
        (11, 1, "CET_U", "control-flow, user"),
        (12, 1, "CET_S", "control-flow, supervisor"),
        (14, 1, "UINTR", "user interrupts"),
        (15, 1, "LBR", "last branch records"),
        (17, 1, "XTILECFG", "AMX tile configuration"),
        (18, 1, "XTILEDATA", "AMX tiles"),
    ],
};

fn environment(bytes: &[u8]) -> String {
    match number(bytes) {
        0 => "0 (SGX)".to_owned(),
        0x81 => "0x81 (TDX)".to_owned(),
        other => format!("{other:#x} (not known)"),
    }
}

fn vendor(bytes: &[u8]) -> String {
    let id = hex::encode(bytes);
    if id == INTEL { format!("{id} (Intel)") } else { id }
}

pub(super) fn document(path: &str, bytes: &[u8]) -> Result<Document, ExplainError> {
    let quote = Quote::decode(bytes)?;
    let mut layout = Layout::new(path, bytes);
    layout.table("header", &FRONT)?;
    layout.table("header", if quote.version == 3 { &VERSIONS } else { &RESERVED })?;
    layout.table("header", &BACK)?;
    if quote.version == 5 {
        layout.table("header", &BODY)?;
    }
    for table in body(&quote) {
        layout.table("body", table)?;
    }
    layout.table("signature", &SIGNED)?;
    if quote.version > 3 {
        layout.table("signature", &WRAPPED)?;
    }
    certified(&mut layout, &quote)?;
    Ok(layout.finish()?)
}

fn body(quote: &Quote) -> Vec<&'static Table> {
    let report = match (&quote.body, quote.tee) {
        (Body::Td(report), Tee::Tdx) => report,
        _ => return vec![&ENCLAVE],
    };
    match &report.td15 {
        None => vec![&TD10],
        Some(Td15 { extended: None, .. }) => vec![&TD10, &TD15],
        Some(Td15 { extended: Some(_), .. }) => vec![&TD10, &TD15, &TD15EX],
    }
}

/// The quoting enclave's report, and what certifies its signer.
fn certified(layout: &mut Layout<'_>, quote: &Quote) -> Result<(), ExplainError> {
    layout.table("QE report", &ENCLAVE)?;
    layout.table("certification", &QE_SIGNATURE)?;
    let authentication = Sized {
        length: quote.qe.auth_data.len(),
        name: "QE authentication data",
        shape: Shape::Bytes,
        meaning: "hashed into the QE report's REPORTDATA",
        clause: CERTIFICATION,
    };
    layout.field("certification", &authentication)?;
    layout.table("certification", &WRAPPED)?;
    let (name, shape, meaning) = match &quote.certification {
        Certification::Chain(_) => {
            ("PCK certificate chain", Shape::Own(pem), "leaf first, for the QE report")
        }
        Certification::Elsewhere { .. } => ("platform", Shape::Bytes, "names the platform alone"),
    };
    let length = layout.left();
    layout
        .field("certification", &Sized { length, name, shape, meaning, clause: CERTIFICATION })?;
    Ok(())
}

/// PEM is text of lines; what is not stays hexadecimal.
fn pem(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0');
    let plain =
        |character: char| character.is_ascii_graphic() || matches!(character, ' ' | '\n' | '\r');
    if text.is_empty() || !text.chars().all(plain) {
        return hex::encode(bytes);
    }
    text.to_owned()
}
