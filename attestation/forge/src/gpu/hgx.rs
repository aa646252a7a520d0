//! A board of eight GPUs and four switches that name each other.

use super::{FakeGpu, GpuClass, GpuEvidence};

/// A board to be: what is not changed is as on genuine hardware.
#[derive(Clone)]
pub struct FakeHgx {
    /// Eight GPUs, then four switches.
    pub devices: Vec<FakeGpu>,
}

impl FakeHgx {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let device = |class, place| FakeGpu::new(seed).class(class).place(place);
        let gpus: Vec<_> = (0..8).map(|place| device(GpuClass::Hopper, place)).collect();
        let switches: Vec<_> = (0..4).map(|place| device(GpuClass::Ls10, place)).collect();
        let links = links(&switches.iter().map(FakeGpu::pdi).collect::<Vec<_>>());
        let ports = ports(&gpus.iter().map(FakeGpu::pdi).collect::<Vec<_>>());
        let gpus = gpus.into_iter().map(|gpu| gpu.field(21, &[0xaa]).field(22, &links));
        let gpus = gpus.map(|gpu| gpu.field(34, &[1, 0]).field(36, &[2, 0]));
        let switches = switches.into_iter().map(|switch| switch.field(26, &ports));
        Self { devices: gpus.chain(switches).collect() }
    }

    /// What the verifier asked of every device.
    #[must_use]
    pub fn nonce(mut self, nonce: [u8; 32]) -> Self {
        self.devices = self.devices.into_iter().map(|device| device.nonce(nonce)).collect();
        self
    }

    /// Changes one device: 0 to 7 are GPUs, 8 to 11 switches.
    ///
    /// # Panics
    /// When there is none of that number.
    #[must_use]
    pub fn change(mut self, place: usize, change: impl FnOnce(FakeGpu) -> FakeGpu) -> Self {
        let device = self.devices.get_mut(place).expect("a device of this number");
        *device = change(device.clone());
        self
    }

    /// Signs everything, in order.
    #[must_use]
    pub fn sign(&self) -> Vec<GpuEvidence> {
        self.devices.iter().map(FakeGpu::sign).collect()
    }
}

/// Field 22 of a GPU: eighteen links, the last two off, each with the switch at its end, backwards.
#[must_use]
pub fn links(switches: &[[u8; 8]]) -> Vec<u8> {
    let backwards = |pdi: &[u8; 8]| pdi.iter().rev().copied().collect::<Vec<_>>();
    let mut field: Vec<u8> = switches.iter().cycle().take(16).flat_map(backwards).collect();
    field.resize(144, 0);
    field
}

/// Field 26 of a switch: eight GPUs and the map of ports.
#[must_use]
pub fn ports(gpus: &[[u8; 8]]) -> Vec<u8> {
    let mut field: Vec<u8> = gpus.iter().take(8).flatten().copied().collect();
    field.resize(64, 0);
    field.resize(128, 0xff);
    field
}
