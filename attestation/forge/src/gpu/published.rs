//! What a forged NVIDIA says of devices.

use std::collections::BTreeMap;

use super::{FakeGpu, FakeRim, GpuClass, OcspSpec, RimKind};
use crate::certificate::CertificateSpec;

/// Reference values of every kind that some devices have, and a response about each certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuPublished {
    /// RIMs of drivers, VBIOSes and switches.
    pub rims: Vec<Vec<u8>>,
    /// Responses about the devices' certificates from the identity key up, and about those of the RIMs.
    pub ocsp: Vec<Vec<u8>>,
}

impl GpuPublished {
    /// Everything that there is to say, in this window. Each response may be changed before it is signed; with it comes
    /// the certificate that it is about.
    #[must_use]
    pub fn about(
        devices: &[FakeGpu],
        window: (u64, u64),
        change: impl Fn(&CertificateSpec, &mut OcspSpec),
    ) -> Self {
        let rims = rims(devices);
        let of_devices = devices.iter().map(|device| device.specs()[1..].to_vec());
        let chains = of_devices.chain(rims.iter().map(|rim| rim.specs().to_vec()));
        let mut responses = BTreeMap::new();
        for chain in chains {
            for (subject, issuer) in chain.iter().zip(&chain[1..]) {
                let name = (issuer.subject.clone(), subject.serial.clone());
                responses.entry(name).or_insert_with(|| {
                    let mut spec = OcspSpec::new(subject, issuer, window);
                    change(subject, &mut spec);
                    spec.sign()
                });
            }
        }
        let rims = rims.iter().map(|rim| rim.sign().xml).collect();
        Self { rims, ocsp: responses.into_values().collect() }
    }

    /// As the files that a relying party is given.
    pub fn files(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.rims.iter().chain(&self.ocsp)
    }
}

fn rims(devices: &[FakeGpu]) -> Vec<FakeRim> {
    let of = |class| devices.iter().find(|device| device.class == class).map(|one| one.seed);
    let hopper = of(GpuClass::Hopper)
        .into_iter()
        .flat_map(|seed| [RimKind::Driver, RimKind::Vbios].map(|kind| FakeRim::new(seed, kind)));
    let blackwell = of(GpuClass::Blackwell).into_iter().flat_map(|seed| {
        [RimKind::Driver, RimKind::Vbios].map(|kind| FakeRim::new(seed, kind).blackwell())
    });
    let switch = of(GpuClass::Ls10).map(|seed| FakeRim::new(seed, RimKind::SwitchBios));
    hopper.chain(blackwell).chain(switch).collect()
}
