//! A forged AMD: root, authorities, chips, and the reports their firmware signs.

mod chain;
mod report;
mod table;

use std::sync::Arc;

use p384::ecdsa::Signature;
use p384::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::certificate::CertificateSpec;
use crate::crl::{CrlIssue, CrlSpec};
use crate::keys::{Vendor, derive, p384};

pub use chain::Generation;

/// What a cloud provider's VLEK says about the provider.
const PROVIDER: &str = "CN=forge.sealroom.invalid";

type Change<T> = Option<Arc<dyn Fn(&mut T) + Send + Sync>>;

/// A machine to be: what is not changed is as on genuine hardware.
#[derive(Clone)]
pub struct FakeSnp {
    seed: [u8; 32],
    /// Which chip of a fleet.
    chip: Option<u32>,
    vendor: Vendor,
    generation: Generation,
    vlek: bool,
    masked: bool,
    version: u32,
    tcb: Option<[u8; 8]>,
    window: (u64, u64),
    list: Option<CrlIssue>,
    fields: Vec<(usize, Vec<u8>)>,
    tampered: Vec<(usize, Vec<u8>)>,
    vek: Change<CertificateSpec>,
    authority: Change<CertificateSpec>,
    root: Change<CertificateSpec>,
    crl: Change<CrlSpec>,
}

/// What a machine shows, and what its vendor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpEvidence {
    /// 1,184 bytes.
    pub report: Vec<u8>,
    /// Certificate table with VEK, ASK or ASVK, and ARK.
    pub table: Vec<u8>,
    /// VCEK or VLEK.
    pub vek: Vec<u8>,
    /// ASK or ASVK.
    pub authority: Vec<u8>,
    /// ARK.
    pub root: Vec<u8>,
    /// Revocation list of the ARK.
    pub crl: Vec<u8>,
    /// What a verifier names to accept this root.
    pub root_sha256: [u8; 32],
}

/// What the vendor says, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpSpecs {
    /// VCEK or VLEK.
    pub vek: CertificateSpec,
    /// ASK or ASVK.
    pub authority: CertificateSpec,
    /// ARK.
    pub root: CertificateSpec,
    /// Revocation list of the ARK.
    pub crl: CrlSpec,
}

impl SnpEvidence {
    /// VEK, ASK or ASVK, ARK.
    #[must_use]
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        vec![self.vek.clone(), self.authority.clone(), self.root.clone()]
    }
}

impl FakeSnp {
    /// The years 2020 to 2049.
    const WINDOW: (u64, u64) = (1_577_836_800, 2_524_607_999);

    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            chip: None,
            vendor: Vendor::One,
            generation: Generation::Genoa,
            vlek: false,
            masked: false,
            version: 5,
            tcb: None,
            window: Self::WINDOW,
            list: None,
            fields: Vec::new(),
            tampered: Vec::new(),
            vek: None,
            authority: None,
            root: None,
            crl: None,
        }
    }

    /// Of another product generation.
    #[must_use]
    pub fn generation(mut self, generation: Generation) -> Self {
        self.generation = generation;
        self
    }

    /// Signed by a cloud provider's VLEK instead of the chip's VCEK; the chip id is masked, as providers do.
    #[must_use]
    pub fn vlek(mut self) -> Self {
        self.vlek = true;
        self.masked = true;
        self
    }

    /// Under another vendor's keys, so under another root.
    #[must_use]
    pub fn other_vendor(mut self) -> Self {
        self.vendor = Vendor::Two;
        self
    }

    /// Another chip of the same fleet, under the same AMD: a key and a name of its own.
    #[must_use]
    pub fn chip(mut self, number: u32) -> Self {
        self.chip = Some(number);
        self
    }

    /// What the chip's own key and name follow from.
    fn chip_seed(&self) -> [u8; 32] {
        self.chip.map_or(self.seed, |number| derive(&self.seed, &format!("chip {number}")))
    }

    /// With another report layout: 2 to 5; any other number is written as it is.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// With MASK_CHIP_ID set by the host: CHIP_ID is zero.
    #[must_use]
    pub fn masked_chip_id(mut self) -> Self {
        self.masked = true;
        self
    }

    /// All four TCBs, and the VEK's extensions with them.
    #[must_use]
    pub fn tcb(mut self, tcb: [u8; 8]) -> Self {
        self.tcb = Some(tcb);
        self
    }

    /// First and last second of every certificate and of the revocation list.
    #[must_use]
    pub fn window(mut self, from: u64, until: u64) -> Self {
        self.window = (from, until);
        self
    }

    /// The number of the revocation list, and its own first and last second.
    #[must_use]
    pub fn list(mut self, number: u64, from: u64, until: u64) -> Self {
        self.list = Some(CrlIssue { number, window: (from, until) });
        self
    }

    /// Any bytes of the report, before it is signed.
    #[must_use]
    pub fn field(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.fields.push((offset, bytes.to_vec()));
        self
    }

    /// Any bytes of the report, after it was signed.
    #[must_use]
    pub fn tamper(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.tampered.push((offset, bytes.to_vec()));
        self
    }

    /// Security version of the guest.
    #[must_use]
    pub fn guest_svn(self, svn: u32) -> Self {
        self.field(0x004, &svn.to_le_bytes())
    }

    /// All 64 bits of the guest policy.
    #[must_use]
    pub fn policy(self, policy: u64) -> Self {
        self.field(0x008, &policy.to_le_bytes())
    }

    /// The default policy, and the debug bit with it when asked for.
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        self.policy(report::POLICY | (u64::from(debug) << 19))
    }

    /// Privilege level.
    #[must_use]
    pub fn vmpl(self, vmpl: u32) -> Self {
        self.field(0x030, &vmpl.to_le_bytes())
    }

    /// All 64 bits of the platform information.
    #[must_use]
    pub fn platform_info(self, bits: u64) -> Self {
        self.field(0x040, &bits.to_le_bytes())
    }

    /// What the guest asked to be signed.
    #[must_use]
    pub fn report_data(self, report_data: [u8; 64]) -> Self {
        self.field(0x050, &report_data)
    }

    /// Launch digest.
    #[must_use]
    pub fn measurement(self, measurement: [u8; 48]) -> Self {
        self.field(0x090, &measurement)
    }

    /// The host's 32 bytes.
    #[must_use]
    pub fn host_data(self, host_data: [u8; 32]) -> Self {
        self.field(0x0c0, &host_data)
    }

    /// Changes the certificate of the signing key before it is signed.
    #[must_use]
    pub fn vek(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.vek = Some(Arc::new(change));
        self
    }

    /// Changes the ASK or ASVK before it is signed.
    #[must_use]
    pub fn authority(
        mut self,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        self.authority = Some(Arc::new(change));
        self
    }

    /// Changes the ARK before it is signed.
    #[must_use]
    pub fn root(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.root = Some(Arc::new(change));
        self
    }

    /// Changes the revocation list before it is signed.
    #[must_use]
    pub fn crl(mut self, change: impl Fn(&mut CrlSpec) + Send + Sync + 'static) -> Self {
        self.crl = Some(Arc::new(change));
        self
    }

    /// The chip's name: 64 bytes, of which Turin and Venice use the first 8.
    #[must_use]
    pub fn chip_id(&self) -> [u8; 64] {
        let mut chip: [u8; 64] = derive(&self.chip_seed(), "chip");
        chip.iter_mut().skip(self.generation.hwid_length()).for_each(|byte| *byte = 0);
        chip
    }

    /// The product generation.
    #[must_use]
    pub const fn product(&self) -> Generation {
        self.generation
    }

    /// What the vendor says, with every change, before it is signed.
    #[must_use]
    pub fn specs(&self) -> SnpSpecs {
        SnpSpecs {
            vek: changed(chain::vek(self), &self.vek),
            authority: changed(chain::authority(self), &self.authority),
            root: changed(chain::root(self), &self.root),
            crl: changed(chain::crl(self), &self.crl),
        }
    }

    /// Signs everything. Certificates with the same content are signed once in a process; the report costs one
    /// signature on P-384.
    #[must_use]
    pub fn sign(&self) -> SnpEvidence {
        let specs = self.specs();
        let [vek, authority, root] =
            [specs.vek, specs.authority, specs.root].map(|certificate| certificate.sign());
        let crl = specs.crl.sign();
        let mut report = report::encode(self);
        let signature: Signature =
            p384(&self.chip_seed(), "vek").sign(report.get(..0x2a0).expect("the signed part"));
        let (r, s) = signature.split_bytes();
        for (offset, number) in [(0x2a0, r), (0x2e8, s)] {
            let backwards: Vec<u8> = number.iter().rev().copied().collect();
            report::put(&mut report, offset, &backwards);
        }
        self.tampered.iter().for_each(|(offset, bytes)| report::put(&mut report, *offset, bytes));
        let root_sha256 = Sha256::digest(&root).into();
        let table = table::encode(self.vlek, &vek, &authority, &root);
        SnpEvidence { report, table, vek, authority, root, crl, root_sha256 }
    }

    pub(crate) fn tcb_bytes(&self) -> [u8; 8] {
        self.tcb.unwrap_or(self.generation.usual_tcb())
    }
}

fn changed<T>(mut spec: T, change: &Change<T>) -> T {
    if let Some(change) = change {
        change(&mut spec);
    }
    spec
}
