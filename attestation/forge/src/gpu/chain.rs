//! Certificates of a forged NVIDIA, in the shape of the real ones.

use sha2::{Digest as _, Sha256};

use super::{FakeGpu, GpuClass};
use crate::certificate::{CertificateSpec, SHA384, ecdsa_sha384};
use crate::der;
use crate::keys::{Role, derive, nvidia, p384_spki};

/// The composite device id of TCG DICE.
const COMPOSITE: &str = "2.23.133.5.4.1";
/// DiceTcbInfo.
const TCB_INFO: &str = "2.23.133.5.4.1.1";
const CERTIFICATE_SIGN: [u8; 4] = [3, 2, 2, 4];
const CERTIFICATE_SIGN_AND_CRL_SIGN: [u8; 4] = [3, 2, 1, 6];
const SIGNATURE: [u8; 4] = [3, 2, 7, 0x80];

fn common_name(machine: &FakeGpu, role: Role) -> String {
    let chip = machine.class.chip();
    let core = if machine.class == GpuClass::Ls10 { "FSP" } else { "GSP" };
    match role {
        Role::GpuAttestation => format!("{chip} A01 {core} FMC LF"),
        Role::GpuIdentity => format!("{chip} A01 {core} BROM"),
        Role::GpuProvisioner => format!("NVIDIA {chip} Provisioner ICA 1"),
        Role::GpuFamily if machine.class == GpuClass::Blackwell => {
            "NVIDIA GB100 Identity".to_owned()
        }
        Role::GpuFamily => "NVIDIA GH100 Identity".to_owned(),
        _ => "Sealroom Forge Device Identity CA".to_owned(),
    }
}

/// What a key follows from: authorities are shared by all devices below them.
fn seed(machine: &FakeGpu, role: Role) -> [u8; 32] {
    match role {
        Role::GpuAttestation | Role::GpuIdentity => machine.device_seed(),
        Role::GpuProvisioner | Role::GpuFamily => {
            derive(&machine.seed, &common_name(machine, role))
        }
        _ => machine.seed,
    }
}

/// The key that signs reports.
pub(super) fn attestation_key(machine: &FakeGpu) -> p384::ecdsa::SigningKey {
    let role = Role::GpuAttestation;
    nvidia(machine.vendor, role, &seed(machine, role))
}

fn spki(machine: &FakeGpu, role: Role) -> Vec<u8> {
    p384_spki(&nvidia(machine.vendor, role, &seed(machine, role)))
}

fn key_id(machine: &FakeGpu, role: Role) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(spki(machine, role)).into();
    *digest.first_chunk().expect("a digest has 32 bytes")
}

const fn signer(role: Role) -> Role {
    match role {
        Role::GpuAttestation => Role::GpuIdentity,
        Role::GpuIdentity => Role::GpuProvisioner,
        Role::GpuProvisioner => Role::GpuFamily,
        _ => Role::GpuRoot,
    }
}

fn serial(machine: &FakeGpu, role: Role) -> Vec<u8> {
    let class = if machine.class == GpuClass::Ls10 { 0x50 } else { 0x41 };
    let own = seed(machine, role);
    match role {
        Role::GpuAttestation => [&[0x53][..], &derive::<19>(&own, "leaf serial")].concat(),
        Role::GpuIdentity => [&[class][..], &machine.pdi()].concat(),
        _ => [&[0x2d][..], &derive::<15>(&own, "serial")].concat(),
    }
}

/// One certificate of a device's chain.
pub(super) fn certificate(machine: &FakeGpu, role: Role) -> CertificateSpec {
    let (not_before, not_after) = machine.window;
    let signer = signer(role);
    let mut spec = CertificateSpec {
        version: 2,
        serial: serial(machine, role),
        issuer: common_name(machine, signer),
        subject: common_name(machine, role),
        not_before,
        not_after,
        spki: spki(machine, role),
        extensions: Vec::new(),
        algorithm: ecdsa_sha384(),
        outer_algorithm: None,
        signer: (machine.vendor, signer),
        seed: seed(machine, signer),
        broken_signature: false,
    };
    if role != Role::GpuAttestation {
        spec.add("2.5.29.19", true, &[0x30, 3, 1, 1, 0xff]);
    }
    let usage = match role {
        Role::GpuAttestation => SIGNATURE,
        Role::GpuIdentity => CERTIFICATE_SIGN,
        _ => CERTIFICATE_SIGN_AND_CRL_SIGN,
    };
    spec.add("2.5.29.15", true, &usage);
    spec.add("2.5.29.14", false, &der::octet_string(&key_id(machine, role)));
    let authority = der::sequence(&[&der::element(0x80, &key_id(machine, signer))]);
    spec.add("2.5.29.35", false, &authority);
    if role == Role::GpuAttestation {
        spec.add("2.5.29.17", false, &device_info(machine));
        let (oid, value) = firmware(machine);
        spec.add(oid, false, &value);
    }
    spec
}

/// "vendor:product:serial" as one other name.
fn device_info(machine: &FakeGpu) -> Vec<u8> {
    let number: [u8; 5] = derive(&machine.device_seed(), "board");
    let number: String = number.iter().map(|byte| format!("{byte:02X}")).collect();
    let text = format!("NVIDIA:{}:48B02D{number}", machine.class.chip());
    other_name(&text)
}

/// A subject alternative name with this text as the device's.
#[must_use]
pub(super) fn other_name(text: &str) -> Vec<u8> {
    let value = der::element(0xa0, &der::element(0x0c, text.as_bytes()));
    let name = [der::oid("1.3.6.1.4.1.412.274.1"), value].concat();
    der::sequence(&[&der::element(0xa0, &name)])
}

fn fwid(digest: [u8; 48]) -> Vec<u8> {
    der::sequence(&[&der::oid(SHA384), &der::octet_string(&digest)])
}

fn firmware(machine: &FakeGpu) -> (&'static str, Vec<u8>) {
    match machine.class {
        GpuClass::Hopper | GpuClass::Ls10 => {
            let key = spki(machine, Role::GpuIdentity);
            let parts = [&der::integer(&[1])[..], &key, &fwid(machine.fwid())];
            (COMPOSITE, der::sequence(&parts))
        }
        GpuClass::Blackwell => {
            let digests = [fwid(machine.fwid()), fwid([0; 48])].concat();
            let members = [
                der::element(0x80, b"NVIDIA"),
                der::element(0x81, b"GB100 A01 GSP"),
                der::element(0x82, b"01"),
                der::element(0x83, &[1]),
                der::element(0x84, &[0]),
                der::element(0x85, &[0]),
                der::element(0xa6, &digests),
                der::element(0x87, &[0, 0x80, 0, 0, 1]),
                der::element(0x88, &[0xc0]),
                der::element(0x89, &[0]),
            ];
            (TCB_INFO, der::element(0x30, &members.concat()))
        }
    }
}
