//! Certificates and revocation lists of a forged Intel, in the shape of the real ones.

use sha2::{Digest as _, Sha256};

use super::FakeTdx;
use super::sgx::SgxSpec;
use crate::certificate::{CertificateSpec, ecdsa_sha256};
use crate::crl::{CrlIssue, CrlSpec};
use crate::der;
use crate::keys::{Role, derive, intel, p256_spki};

const ROOT_LIST: &str = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
const CERTIFICATE_SIGN_AND_CRL_SIGN: [u8; 4] = [3, 2, 1, 6];
const SIGNATURE_AND_NON_REPUDIATION: [u8; 4] = [3, 2, 6, 0xc0];

fn common_name(machine: &FakeTdx, role: Role) -> &'static str {
    match role {
        Role::Pck => "Intel SGX PCK Certificate",
        Role::PckAuthority if machine.processor => "Intel SGX PCK Processor CA",
        Role::PckAuthority => "Intel SGX PCK Platform CA",
        Role::TcbSigning => "Intel SGX TCB Signing",
        _ => "Intel SGX Root CA",
    }
}

fn spki(machine: &FakeTdx, role: Role) -> Vec<u8> {
    let seed = if role == Role::Pck { &machine.platform } else { &machine.seed };
    p256_spki(&intel(machine.vendor, role, seed))
}

/// The name of a key. Intel's authorities have it as their serial number, too.
fn key_id(machine: &FakeTdx, role: Role) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(spki(machine, role)).into();
    *digest.first_chunk().expect("a digest has 32 bytes")
}

fn spec(machine: &FakeTdx, role: Role, signer: Role, list: &str) -> CertificateSpec {
    let (not_before, not_after) = machine.window;
    let mut spec = CertificateSpec {
        version: 2,
        serial: key_id(machine, role).to_vec(),
        issuer: common_name(machine, signer).to_owned(),
        subject: common_name(machine, role).to_owned(),
        not_before,
        not_after,
        spki: spki(machine, role),
        extensions: Vec::new(),
        algorithm: ecdsa_sha256(),
        outer_algorithm: None,
        signer: (machine.vendor, signer),
        seed: machine.seed,
        broken_signature: false,
    };
    let authority = der::sequence(&[&der::element(0x80, &key_id(machine, signer))]);
    spec.add("2.5.29.35", false, &authority);
    spec.crl_distribution_point(list);
    spec.add("2.5.29.14", false, &der::octet_string(&key_id(machine, role)));
    spec
}

/// The SGX Root CA.
pub(super) fn root(machine: &FakeTdx) -> CertificateSpec {
    let mut root = spec(machine, Role::SgxRoot, Role::SgxRoot, ROOT_LIST);
    root.add("2.5.29.15", true, &CERTIFICATE_SIGN_AND_CRL_SIGN);
    root.add("2.5.29.19", true, &[0x30, 6, 1, 1, 0xff, 2, 1, 1]);
    root
}

/// The Platform CA, or the Processor CA.
pub(super) fn authority(machine: &FakeTdx) -> CertificateSpec {
    let mut authority = spec(machine, Role::PckAuthority, Role::SgxRoot, ROOT_LIST);
    authority.add("2.5.29.15", true, &CERTIFICATE_SIGN_AND_CRL_SIGN);
    authority.add("2.5.29.19", true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    authority
}

/// Who signs TCB information: directly below the root.
pub(super) fn tcb_signer(machine: &FakeTdx) -> CertificateSpec {
    let mut signer = spec(machine, Role::TcbSigning, Role::SgxRoot, ROOT_LIST);
    signer.add("2.5.29.15", true, &SIGNATURE_AND_NON_REPUDIATION);
    signer.add("2.5.29.19", true, &[0x30, 0]);
    signer
}

/// The platform's certificate.
pub(super) fn pck(machine: &FakeTdx, sgx: &SgxSpec) -> CertificateSpec {
    let authority = if machine.processor { "processor" } else { "platform" };
    let list = format!(
        "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca={authority}&encoding=der"
    );
    let mut pck = spec(machine, Role::Pck, Role::PckAuthority, &list);
    pck.serial = derive::<20>(&machine.platform, "PCK serial").to_vec();
    pck.add("2.5.29.15", true, &SIGNATURE_AND_NON_REPUDIATION);
    pck.add("2.5.29.19", true, &[0x30, 0]);
    pck.add(super::sgx::ARC, false, &sgx.encode());
    pck
}

/// An empty list by the root.
pub(super) fn root_crl(machine: &FakeTdx) -> CrlSpec {
    list(machine, Role::SgxRoot)
}

/// A list by the PCK authority, in which two other platforms are.
pub(super) fn pck_crl(machine: &FakeTdx) -> CrlSpec {
    let other = |label| derive::<20>(&machine.seed, label).to_vec();
    CrlSpec {
        revoked: vec![other("a revoked serial"), other("another one")],
        ..list(machine, Role::PckAuthority)
    }
}

fn list(machine: &FakeTdx, signer: Role) -> CrlSpec {
    let issue = machine.list.unwrap_or(CrlIssue::first(machine.window));
    CrlSpec {
        issuer: common_name(machine, signer).to_owned(),
        this_update: issue.window.0,
        next_update: Some(issue.window.1),
        number: Some(issue.number()),
        revoked: Vec::new(),
        algorithm: ecdsa_sha256(),
        critical_extension: None,
        authority_key: Some(key_id(machine, signer)),
        signer: (machine.vendor, signer),
        seed: machine.seed,
    }
}
