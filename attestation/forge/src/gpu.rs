//! A forged NVIDIA: root, authorities, devices, and the reports that they sign.

mod builder;
mod chain;
mod hgx;
mod nras;
mod ocsp;
mod published;
mod report;
mod rim;
mod service;

use std::sync::Arc;

use sha2::{Digest as _, Sha256, Sha384};

use crate::certificate::CertificateSpec;
use crate::keys::{Role, Vendor, derive};
use crate::tdx::text::pem;

pub use hgx::{FakeHgx, links, ports};
pub use nras::{NrasSpec, TokenSpec};
pub use ocsp::{AnswerSpec, CertificateHash, CertificateStatus, OcspSpec};
pub use published::GpuPublished;
pub use report::Offsets;
pub use rim::{FakeRim, ResourceSpec, RimEvidence, RimKind, RimSpec};

type Change<T> = Option<Arc<dyn Fn(&mut T) + Send + Sync>>;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GpuClass {
    /// GH100.
    Hopper,
    /// GB100.
    Blackwell,
    /// The NVSwitch of HGX H100 boards.
    Ls10,
}

impl GpuClass {
    const fn chip(self) -> &'static str {
        match self {
            Self::Hopper => "GH100",
            Self::Blackwell => "GB100",
            Self::Ls10 => "LS_10",
        }
    }

    /// How many measurements a report has.
    #[must_use]
    pub const fn blocks(self) -> u8 {
        match self {
            Self::Hopper | Self::Blackwell => 64,
            Self::Ls10 => 31,
        }
    }
}

/// What a device of this kind measures, counted from 0 as NVIDIA's reference values count:
/// `SHA-384("measurement" || name of the class || u8(index))`. The same for every seed.
#[must_use]
pub fn measurement(class: GpuClass, index: u8) -> [u8; 48] {
    let name = format!("{class:?}");
    Sha384::new()
        .chain_update(b"measurement")
        .chain_update(name)
        .chain_update([index])
        .finalize()
        .into()
}

/// One change of a field beside the measurements.
#[derive(Clone)]
enum Edit {
    /// In its place, or at the end where there is none.
    Set(u16, Vec<u8>),
    /// At the end, whatever there is.
    Add(u16, Vec<u8>),
    /// Away with it.
    Remove(u16),
}

/// A device to be: what is not changed is as on genuine hardware.
#[derive(Clone)]
pub struct FakeGpu {
    seed: [u8; 32],
    place: u8,
    vendor: Vendor,
    class: GpuClass,
    window: (u64, u64),
    nonce: [u8; 32],
    blocks: Vec<(u8, [u8; 48])>,
    edits: Vec<Edit>,
    raw: Vec<(usize, Vec<u8>)>,
    tampered: Vec<(usize, Vec<u8>)>,
    leaf: Change<CertificateSpec>,
    identity: Change<CertificateSpec>,
    provisioner: Change<CertificateSpec>,
    family: Change<CertificateSpec>,
    root: Change<CertificateSpec>,
}

/// What a device shows, and what its vendor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuEvidence {
    /// The kind of device.
    pub class: GpuClass,
    /// Request and response.
    pub report: Vec<u8>,
    /// Where its parts begin.
    pub offsets: Offsets,
    /// Five certificates in PEM, the device's own first.
    pub chain_pem: Vec<u8>,
    /// The same in DER.
    pub certificates: [Vec<u8>; 5],
    /// The last of them.
    pub root: Vec<u8>,
    /// What a verifier names to accept this root.
    pub root_sha256: [u8; 32],
}

impl FakeGpu {
    /// The years 2020 to 2049.
    const WINDOW: (u64, u64) = (1_577_836_800, 2_524_607_999);

    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            place: 0,
            vendor: Vendor::One,
            class: GpuClass::Hopper,
            window: Self::WINDOW,
            nonce: [0x5e; 32],
            blocks: Vec::new(),
            edits: Vec::new(),
            raw: Vec::new(),
            tampered: Vec::new(),
            leaf: None,
            identity: None,
            provisioner: None,
            family: None,
            root: None,
        }
    }

    /// What this device's own keys and numbers follow from.
    fn device_seed(&self) -> [u8; 32] {
        derive(&self.seed, &format!("{:?} {}", self.class, self.place))
    }

    /// The device's own number.
    #[must_use]
    pub fn pdi(&self) -> [u8; 8] {
        derive(&self.device_seed(), "PDI")
    }

    /// The firmware that the attestation key belongs to.
    fn fwid(&self) -> [u8; 48] {
        Sha384::new().chain_update(b"firmware").chain_update(self.class.chip()).finalize().into()
    }

    /// Signs everything. The same device gives the same bytes.
    #[must_use]
    pub fn sign(&self) -> GpuEvidence {
        let certificates = [
            (Role::GpuAttestation, &self.leaf),
            (Role::GpuIdentity, &self.identity),
            (Role::GpuProvisioner, &self.provisioner),
            (Role::GpuFamily, &self.family),
            (Role::GpuRoot, &self.root),
        ]
        .map(|(role, change)| changed(chain::certificate(self, role), change).sign());
        let (report, offsets) = report::encode(self);
        let [.., root] = &certificates;
        GpuEvidence {
            class: self.class,
            report,
            offsets,
            chain_pem: certificates.iter().map(|der| pem(der)).collect::<String>().into_bytes(),
            root: root.clone(),
            root_sha256: Sha256::digest(root).into(),
            certificates,
        }
    }
}

fn changed<T>(mut spec: T, change: &Change<T>) -> T {
    if let Some(change) = change {
        change(&mut spec);
    }
    spec
}
