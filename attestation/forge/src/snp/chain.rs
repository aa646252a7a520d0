//! Certificates of a forged AMD (KDS 57230 §3.1 and §4.1), in the shape of the real ones.

use std::fmt;

use super::{FakeSnp, PROVIDER};
use crate::certificate::{CertificateSpec, SHA384, pss};
use crate::crl::{CrlIssue, CrlSpec};
use crate::der;
use crate::keys::{Role, derive, p384, p384_spki, rsa_spki};

const ARC: &str = "1.3.6.1.4.1.3704.1";

/// A product generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004.
    Genoa,
    /// EPYC 9005.
    Turin,
    /// The one after Turin.
    Venice,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Generation {
    pub(super) const fn hwid_length(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin | Self::Venice => 8,
        }
    }

    pub(super) const fn cpuid(self) -> [u8; 3] {
        match self {
            Self::Milan => [0x19, 0x01, 1],
            Self::Genoa => [0x19, 0x11, 1],
            Self::Turin => [0x1a, 0x02, 1],
            Self::Venice => [0x1a, 0x51, 0],
        }
    }

    pub(super) const fn usual_tcb(self) -> [u8; 8] {
        match self {
            Self::Milan => [4, 0, 0, 0, 0, 0, 0x18, 0xdb],
            Self::Genoa => [10, 0, 0, 0, 0, 0, 23, 84],
            Self::Turin | Self::Venice => [1, 1, 1, 4, 0, 0, 0, 0x51],
        }
    }

    const fn product_name(self) -> &'static str {
        match self {
            Self::Milan => "Milan-B0",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
            Self::Venice => "Venice",
        }
    }

    /// The number of the extension and the byte of the TCB, in the order of the real certificates.
    const fn levels(self) -> [(u8, usize); 8] {
        match self {
            Self::Milan | Self::Genoa => {
                [(1, 0), (2, 1), (4, 2), (5, 3), (6, 4), (7, 5), (3, 6), (8, 7)]
            }
            Self::Turin | Self::Venice => {
                [(9, 0), (1, 1), (2, 2), (3, 3), (5, 4), (6, 5), (7, 6), (8, 7)]
            }
        }
    }
}

fn spec(
    machine: &FakeSnp,
    subject: &str,
    issuer: &str,
    spki: Vec<u8>,
    signer: Role,
) -> CertificateSpec {
    let (not_before, not_after) = machine.window;
    CertificateSpec {
        version: 2,
        serial: derive::<8>(&machine.seed, subject).to_vec(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        not_before,
        not_after,
        spki,
        extensions: Vec::new(),
        algorithm: pss(SHA384, SHA384, 48, false),
        outer_algorithm: None,
        signer: (machine.vendor, signer),
        seed: machine.seed,
        broken_signature: false,
    }
}

/// The ARK: its serial follows from the seed, so that each seed has a root of its own.
pub(super) fn root(machine: &FakeSnp) -> CertificateSpec {
    let name = format!("ARK-{}", machine.generation);
    let mut root = spec(machine, &name, &name, rsa_spki(machine.vendor, Role::Ark), Role::Ark);
    root.add("2.5.29.15", true, &[3, 2, 1, 6]);
    root.add("2.5.29.19", true, &[0x30, 3, 1, 1, 0xff]);
    root
}

/// The ASK, or the ASVK for VLEKs.
pub(super) fn authority(machine: &FakeSnp) -> CertificateSpec {
    let (name, role) = authority_of(machine);
    let root = format!("ARK-{}", machine.generation);
    let mut authority = spec(machine, &name, &root, rsa_spki(machine.vendor, role), Role::Ark);
    authority.add("2.5.29.19", true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    authority.add("2.5.29.15", true, &[3, 2, 2, 4]);
    authority
}

fn authority_of(machine: &FakeSnp) -> (String, Role) {
    if machine.vlek {
        (format!("SEV-VLEK-{}", machine.generation), Role::Asvk)
    } else {
        (format!("SEV-{}", machine.generation), Role::Ask)
    }
}

/// The VCEK or VLEK. Its serial is zero, as in every real one.
pub(super) fn vek(machine: &FakeSnp) -> CertificateSpec {
    let (issuer, signer) = authority_of(machine);
    let name = if machine.vlek { "SEV-VLEK" } else { "SEV-VCEK" };
    let product = if machine.vlek {
        machine.generation.to_string()
    } else {
        machine.generation.product_name().into()
    };
    let spki = p384_spki(&p384(&machine.chip_seed(), "vek"));
    let mut vek = spec(machine, name, &issuer, spki, signer);
    vek.serial = vec![0];
    let struct_version =
        u8::from(matches!(machine.generation, Generation::Turin | Generation::Venice));
    vek.add(&format!("{ARC}.1"), false, &der::integer(&[struct_version]));
    vek.add(&format!("{ARC}.2"), false, &der::element(0x16, product.as_bytes()));
    let tcb = machine.tcb_bytes();
    for (number, byte) in machine.generation.levels() {
        let level = tcb.get(byte).expect("a TCB has eight bytes");
        vek.add(&format!("{ARC}.3.{number}"), false, &der::integer(&[*level]));
    }
    if machine.vlek {
        vek.add(&format!("{ARC}.5"), false, &der::element(0x16, PROVIDER.as_bytes()));
    } else {
        let chip = machine.chip_id();
        let hwid = chip.get(..machine.generation.hwid_length()).expect("a chip id has 64 bytes");
        vek.add(&format!("{ARC}.4"), false, hwid);
    }
    vek
}

/// An empty list by the ARK.
pub(super) fn crl(machine: &FakeSnp) -> CrlSpec {
    let issue = machine.list.unwrap_or(CrlIssue::first(machine.window));
    CrlSpec {
        issuer: format!("ARK-{}", machine.generation),
        this_update: issue.window.0,
        next_update: Some(issue.window.1),
        number: Some(issue.number()),
        revoked: Vec::new(),
        algorithm: pss(SHA384, SHA384, 48, false),
        critical_extension: None,
        authority_key: None,
        signer: (machine.vendor, Role::Ark),
        seed: machine.seed,
    }
}
