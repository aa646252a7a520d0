//! The bytes of a quote (Intel TDX DCAP quoting library API, appendix A.3 and A.4), signed.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256, Sha384};

use super::{Body, FakeTdx};
use crate::keys::{Role, derive, intel, p256};

/// What a quote carries to certify the key that signed its quoting enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificationSpec {
    /// 6: the quoting enclave's report with what certifies it. Not in version 3.
    pub outer: u16,
    /// 5: certificates as PEM.
    pub kind: u16,
    /// Leaf, authority and root, and a zero at the end.
    pub chain: Vec<u8>,
}

/// Where the parts of a quote begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// The report of the TD or enclave.
    pub body: usize,
    /// The length of everything after it: four bytes.
    pub length: usize,
    /// The signature over header and body.
    pub signature: usize,
    /// The attestation key.
    pub key: usize,
    /// Type and length of the outer certification data; in version 3 the same as `qe_report`.
    pub certification: usize,
    /// The quoting enclave's report.
    pub qe_report: usize,
    /// The platform's signature over it.
    pub qe_signature: usize,
    /// Two bytes of length, and the authentication data.
    pub auth_data: usize,
    /// Type and length of the certificates, and the certificates.
    pub chain: usize,
}

pub(super) struct Quote {
    pub(super) bytes: Vec<u8>,
    pub(super) offsets: Offsets,
}

pub(super) fn encode(machine: &FakeTdx, certification: &CertificationSpec) -> Quote {
    let attestation_key = p256(&machine.platform, "attestation key");
    let key = attestation_key.verifying_key().to_encoded_point(false);
    let key = key.as_bytes().get(1..).expect("two coordinates after the form");
    let mut bytes = header(machine);
    if machine.version >= 5 {
        let report = report(machine);
        bytes.extend(machine.body.number().to_le_bytes());
        bytes.extend(length(&report));
    }
    let mut offsets = Offsets { body: bytes.len(), ..Offsets::default() };
    bytes.extend(report(machine));
    let signature = sign(&attestation_key, &bytes);
    offsets.length = bytes.len();
    let mut certified = qe_report(machine, key);
    let qe_signature = sign(&intel(machine.vendor, Role::Pck, &machine.platform), &certified);
    let (report_length, auth) = (certified.len(), u16_length(&machine.auth_data));
    certified.extend(qe_signature);
    certified.extend(auth);
    certified.extend(&machine.auth_data);
    let chain = certified.len();
    certified.extend(certification.kind.to_le_bytes());
    certified.extend(length(&certification.chain));
    certified.extend(&certification.chain);
    let mut data = [&signature[..], key].concat();
    if machine.version >= 4 {
        data.extend(certification.outer.to_le_bytes());
        data.extend(length(&certified));
    }
    offsets.signature = offsets.length + 4;
    offsets.key = offsets.signature + signature.len();
    offsets.certification = offsets.key + key.len();
    offsets.qe_report = offsets.signature + data.len();
    offsets.qe_signature = offsets.qe_report + report_length;
    offsets.auth_data = offsets.qe_signature + signature.len();
    offsets.chain = offsets.qe_report + chain;
    data.extend(certified);
    bytes.extend(length(&data));
    bytes.extend(data);
    Quote { bytes, offsets }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("quotes are short").to_le_bytes()
}

fn u16_length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("authentication data is short").to_le_bytes()
}

fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    let signature: Signature = key.sign(message);
    signature.to_bytes().into()
}

fn header(machine: &FakeTdx) -> Vec<u8> {
    const INTEL: [u8; 16] = *b"\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07";
    let mut header = vec![0; 48];
    put(&mut header, 0, &machine.version.to_le_bytes());
    put(&mut header, 2, &2_u16.to_le_bytes());
    if machine.body != Body::Sgx {
        put(&mut header, 4, &0x81_u32.to_le_bytes());
    }
    if machine.version == 3 {
        put(&mut header, 8, &[10, 0, 15, 0]);
    }
    put(&mut header, 12, &INTEL);
    put(&mut header, 28, &derive::<16>(&machine.seed, "quoting enclave"));
    changed(header, &machine.header)
}

fn report(machine: &FakeTdx) -> Vec<u8> {
    let report = match machine.body {
        Body::Sgx => enclave(machine),
        Body::Td10 => td(machine),
        Body::Td15 => td15(machine),
        Body::Td15Ex => td15_ex(machine),
    };
    changed(report, &machine.fields)
}

fn enclave(machine: &FakeTdx) -> Vec<u8> {
    let mut report = vec![0; 384];
    put(&mut report, 0, &CPU_SVN);
    put(&mut report, 48, &[5, 0, 0, 0, 0, 0, 0, 0, 0xe7]);
    put(&mut report, 64, &Sha256::digest(b"an enclave"));
    put(&mut report, 128, &derive::<32>(&machine.seed, "enclave signer"));
    report
}

fn td(machine: &FakeTdx) -> Vec<u8> {
    let mut report = vec![0; 584];
    put(&mut report, 0, &machine.tee_tcb_svn);
    put(&mut report, 16, &Sha384::digest(b"a TDX module"));
    // SEPT_VE_DISABLE; x87, SSE, AVX, AVX-512, PKRU, CET and AMX.
    put(&mut report, 120, &0x1000_0000_u64.to_le_bytes());
    put(&mut report, 128, &0x0006_02e7_u64.to_le_bytes());
    put(&mut report, 136, &Sha384::digest(b"an image"));
    put(&mut report, 328, &Sha384::digest(b"RTMR0"));
    put(&mut report, 376, &Sha384::digest(b"RTMR1"));
    put(&mut report, 424, &Sha384::digest(b"RTMR2"));
    report
}

fn td15(machine: &FakeTdx) -> Vec<u8> {
    let mut report = td(machine);
    report.extend([0; 64]);
    put(&mut report, 584, &machine.tee_tcb_svn);
    report
}

fn td15_ex(machine: &FakeTdx) -> Vec<u8> {
    let mut report = td15(machine);
    report.extend([0; 237]);
    put(&mut report, 649, &derive::<32>(&machine.seed, "TD"));
    report
}

/// As reports have it; the certificate's are the numbers that Intel derives from it.
const CPU_SVN: [u8; 16] = [4, 4, 0x19, 0x1b, 4, 0xff, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];

fn qe_report(machine: &FakeTdx, key: &[u8]) -> Vec<u8> {
    let binding = Sha256::new().chain_update(key).chain_update(&machine.auth_data).finalize();
    let svn: u16 = if machine.body == Body::Sgx { 10 } else { 6 };
    let mut report = vec![0; 384];
    put(&mut report, 0, &CPU_SVN);
    put(&mut report, 48, &[0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7]);
    put(&mut report, 64, &Sha256::digest(b"a quoting enclave"));
    put(&mut report, 128, &machine.body.qe_signer());
    put(&mut report, 256, &machine.body.qe_product().to_le_bytes());
    put(&mut report, 258, &svn.to_le_bytes());
    put(&mut report, 320, &binding);
    changed(report, &machine.qe_report)
}

fn changed(mut bytes: Vec<u8>, changes: &[(usize, Vec<u8>)]) -> Vec<u8> {
    changes.iter().for_each(|(offset, change)| put(&mut bytes, *offset, change));
    bytes
}

/// Overwrites bytes.
///
/// # Panics
/// When they reach past the end: the forge's user made a mistake.
pub(super) fn put(bytes: &mut [u8], offset: usize, change: &[u8]) {
    let end = offset.checked_add(change.len()).expect("an offset inside the part");
    bytes.get_mut(offset..end).expect("an offset inside the part").copy_from_slice(change);
}
