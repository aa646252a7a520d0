//! Simulated SEV-SNP hardware: a collector whose reports are signed by a forged vendor hierarchy.

use sealroom_attestation::{evidence::Hardware, snp::Measurement};
use sealroom_enclave::{CollectError, Collector};
use sealroom_forge::FakeSnp;

/// The launch measurement of the image that the simulated machines run.
pub const MEASUREMENT: Measurement = Measurement([0x5e; 48]);

/// A machine with a forged chip.
#[derive(Clone)]
pub struct SimulatedChip {
    chip: FakeSnp,
}

impl SimulatedChip {
    /// Takes a chip as the forge describes it.
    #[must_use]
    pub const fn new(chip: FakeSnp) -> Self {
        Self { chip }
    }
}

impl Collector for SimulatedChip {
    fn collect(&self, report_data: &[u8; 64]) -> Result<Hardware, CollectError> {
        let evidence = self.chip.clone().report_data(*report_data).sign();
        Ok(Hardware::Snp { report: evidence.report, certificates: Some(evidence.table) })
    }
}
