//! Simulated GPUs: devices whose reports are signed by a forged vendor hierarchy.

use sealroom_attestation::{
    UnixTime,
    evidence::{GpuClass, GpuEntry},
};
use sealroom_enclave::{CollectError, GpuCollector};
use sealroom_forge::{
    Fake, FakeGpu, GpuClass as Kind, GpuEvidence, GpuPublished, RimKind, gpu::CertificateStatus,
};

/// How many GPUs share one board with four switches.
pub const BOARD: u8 = 8;

/// A genuine driver that no enterprise should accept any more.
pub(crate) const OLD_DRIVER: &str = "535.86.05";

/// Seconds before and after it was asked for that what the vendor says counts.
const PUBLISHED: (u64, u64) = (3_600, 7 * 86_400);

/// The GPUs and switches of one machine.
#[derive(Clone)]
pub struct Gpus {
    seed: [u8; 32],
    devices: Vec<FakeGpu>,
    root_sha256: [u8; 32],
    replayed: Option<[u8; 32]>,
    revoked: Vec<Vec<u8>>,
}

impl Gpus {
    /// Hopper GPUs below one root: eight on a board with its four switches, another number each for itself.
    #[must_use]
    pub fn new(count: u8, seed: [u8; 32]) -> Self {
        let devices = match count {
            BOARD => Fake::hgx(seed).devices,
            _ => (0..count).map(|place| Fake::gpu(seed).place(place)).collect(),
        };
        let root_sha256 = Fake::gpu(seed).sign().root_sha256;
        Self { seed, devices, root_sha256, replayed: None, revoked: Vec::new() }
    }

    /// GPUs, switches not counted.
    #[must_use]
    pub fn count(&self) -> usize {
        let switches = if self.devices.len() > usize::from(BOARD) { 4 } else { 0 };
        self.devices.len().saturating_sub(switches)
    }

    /// What a relying party names to accept their root.
    #[must_use]
    pub const fn root_sha256(&self) -> [u8; 32] {
        self.root_sha256
    }

    /// What their vendor says at a time, of them and of an old driver.
    #[must_use]
    pub fn published(&self, now: UnixTime) -> GpuPublished {
        let window = (now.0.saturating_sub(PUBLISHED.0), now.0.saturating_add(PUBLISHED.1));
        let old = Fake::rim(self.seed, RimKind::Driver).version(OLD_DRIVER);
        let mut published = GpuPublished::about(&self.devices, window, |subject, response| {
            if self.revoked.contains(&subject.serial) {
                let status = CertificateStatus::Revoked(window.0, None);
                response.answers.iter_mut().for_each(|answer| answer.status = status);
            }
        });
        published.rims.push(old.sign().xml);
        published
    }

    /// Other devices in their place; their vendor still speaks of the first ones.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Vec<FakeGpu>)) -> Self {
        change(&mut self.devices);
        self
    }

    /// They answer what they were asked at another boot.
    #[must_use]
    pub const fn replaying(mut self, nonce: [u8; 32]) -> Self {
        self.replayed = Some(nonce);
        self
    }

    /// Their vendor revoked the first one's key.
    #[must_use]
    pub fn revoked(mut self) -> Self {
        let first = self.devices.first().map(FakeGpu::specs);
        self.revoked.extend(first.map(|[_, identity, ..]| identity.serial));
        self
    }
}

impl GpuCollector for Gpus {
    fn collect(&self, nonce: &[u8; 32]) -> Result<Vec<GpuEntry>, CollectError> {
        let asked = self.replayed.unwrap_or(*nonce);
        let devices = self.devices.iter().cloned();
        Ok(devices.map(|device| entry(device.nonce(asked).sign())).collect())
    }
}

fn entry(evidence: GpuEvidence) -> GpuEntry {
    let class = match evidence.class {
        Kind::Hopper => GpuClass::Hopper,
        Kind::Blackwell => GpuClass::Blackwell,
        Kind::Ls10 => GpuClass::Ls10,
    };
    GpuEntry { class, report: evidence.report, chain: evidence.chain_pem }
}
