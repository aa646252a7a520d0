//! Certificates above a forged RIM, in the shape of the real ones.

use sha2::{Digest as _, Sha256};

use super::{FakeRim, RimKind, product};
use crate::certificate::{CertificateSpec, ecdsa_sha384};
use crate::der;
use crate::gpu::{FakeGpu, chain};
use crate::keys::{Role, derive, nvidia, p384_spki};

const CERTIFICATE_SIGN_AND_CRL_SIGN: [u8; 4] = [3, 2, 1, 6];
const SIGNATURE: [u8; 4] = [3, 2, 7, 0x80];

fn common_name(rim: &FakeRim, role: Role) -> String {
    let product = product(rim.class);
    match role {
        Role::RimSigner if rim.kind == RimKind::SwitchBios => {
            format!("NVIDIA Reference Value L4 {product}")
        }
        Role::RimSigner => "HCC RIM L4 Signer".to_owned(),
        Role::RimAuthority => format!("NVIDIA Reference Value L3 {product} 001"),
        _ => format!("NVIDIA Reference Value {product} CA"),
    }
}

fn key_id(spki: &[u8]) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(spki).into();
    *digest.first_chunk().expect("a digest has 32 bytes")
}

/// The root is the forged devices'.
fn root(rim: &FakeRim) -> CertificateSpec {
    let mut device = FakeGpu::new(rim.seed).window(rim.window.0, rim.window.1);
    device.vendor = rim.vendor;
    chain::certificate(&device, Role::GpuRoot)
}

/// One certificate of a RIM's chain.
pub(super) fn certificate(rim: &FakeRim, role: Role) -> CertificateSpec {
    let spki = |role| p384_spki(&nvidia(rim.vendor, role, &rim.seed));
    let root = root(rim);
    let (signer, issuer) = match role {
        Role::RimSigner => (Role::RimAuthority, common_name(rim, Role::RimAuthority)),
        Role::RimAuthority => (Role::RimProduct, common_name(rim, Role::RimProduct)),
        Role::RimProduct => (Role::GpuRoot, root.subject.clone()),
        _ => return root,
    };
    let (not_before, not_after) = match role {
        Role::RimSigner => rim.signer_window.unwrap_or(rim.window),
        _ => rim.window,
    };
    let mut spec = CertificateSpec {
        version: 2,
        serial: derive::<16>(&rim.seed, &format!("{role:?} {}", common_name(rim, role))).to_vec(),
        issuer,
        subject: common_name(rim, role),
        not_before,
        not_after,
        spki: spki(role),
        extensions: Vec::new(),
        algorithm: ecdsa_sha384(),
        outer_algorithm: None,
        signer: (rim.vendor, signer),
        seed: rim.seed,
        broken_signature: false,
    };
    let (constraints, usage): (&[u8], _) = match role {
        Role::RimSigner => (&[0x30, 0], SIGNATURE),
        Role::RimAuthority => (&[0x30, 6, 1, 1, 0xff, 2, 1, 0], CERTIFICATE_SIGN_AND_CRL_SIGN),
        _ => (&[0x30, 3, 1, 1, 0xff], CERTIFICATE_SIGN_AND_CRL_SIGN),
    };
    spec.add("2.5.29.19", true, constraints);
    spec.add("2.5.29.15", true, &usage);
    spec.add("2.5.29.14", false, &der::octet_string(&key_id(&spki(role))));
    let above = if signer == Role::GpuRoot { root.spki } else { spki(signer) };
    let authority = der::sequence(&[&der::element(0x80, &key_id(&above))]);
    spec.add("2.5.29.35", false, &authority);
    spec
}
