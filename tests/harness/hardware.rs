//! Simulated hardware: collectors whose reports and quotes are signed by a forged vendor hierarchy.

use std::fmt;

use clap::ValueEnum;
use sealroom_attestation::{evidence::Hardware, snp, tdx};
use sealroom_enclave::{CollectError, Collector};
use sealroom_forge::{Fake, FakeSnp, FakeTdx, tdx::Event, tdx::replay};
use sealroom_verifier::{Policy, TdImage};

/// The launch measurement of the image that the simulated machines run.
pub const MEASUREMENT: snp::Measurement = snp::Measurement([0x5e; 48]);

/// Which kind of confidential machine is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
        })
    }
}

/// A forged chip, with the guest that runs on it.
#[derive(Clone)]
pub enum Chip {
    /// AMD's.
    Snp(Box<FakeSnp>),
    /// Intel's.
    Tdx(Box<FakeTdx>),
}

impl From<FakeSnp> for Chip {
    fn from(chip: FakeSnp) -> Self {
        Self::Snp(Box::new(chip))
    }
}

impl From<FakeTdx> for Chip {
    fn from(chip: FakeTdx) -> Self {
        Self::Tdx(Box::new(chip))
    }
}

impl Chip {
    /// A chip of a forged vendor that runs the simulated image.
    #[must_use]
    pub fn new(platform: Platform, seed: [u8; 32]) -> Self {
        match platform {
            Platform::Snp => Fake::snp(seed).measurement(MEASUREMENT.0).into(),
            Platform::Tdx => Fake::tdx(seed).mr_td(MEASUREMENT.0).event_log(Event::boot()).into(),
        }
    }

    /// Which kind it is.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        match self {
            Self::Snp(_) => Platform::Snp,
            Self::Tdx(_) => Platform::Tdx,
        }
    }

    /// Launched in debug mode, or not.
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        match self {
            Self::Snp(chip) => chip.debug(debug).into(),
            Self::Tdx(chip) => chip.debug(debug).into(),
        }
    }

    /// Running another image.
    #[must_use]
    pub fn other_image(self) -> Self {
        match self {
            Self::Snp(chip) => chip.measurement([0xbd; 48]).into(),
            Self::Tdx(chip) => chip.mr_td([0xbd; 48]).into(),
        }
    }

    /// Under another vendor's root.
    #[must_use]
    pub fn other_vendor(self) -> Self {
        match self {
            Self::Snp(chip) => chip.other_vendor().into(),
            Self::Tdx(chip) => chip.other_vendor().into(),
        }
    }

    /// What the vendor publishes about it, as one file: AMD's revocation list, or Intel's collateral.
    #[must_use]
    pub fn published(&self) -> Vec<u8> {
        match self {
            Self::Snp(chip) => chip.sign().crl,
            Self::Tdx(chip) => chip.sign().collateral_json().into_bytes(),
        }
    }

    /// What a relying party names to accept its root.
    #[must_use]
    pub fn root_sha256(&self) -> [u8; 32] {
        match self {
            Self::Snp(chip) => chip.sign().root_sha256,
            Self::Tdx(chip) => chip.sign().root_sha256,
        }
    }

    /// The pin of the simulated image as a policy file has it.
    #[must_use]
    pub fn pinned(&self) -> String {
        let mut policy = Policy::built_in();
        self.pin(&mut policy);
        let snp = policy
            .snp
            .measurements
            .iter()
            .map(|(name, found)| format!("[snp.measurements]\n\"{name}\" = \"{found}\"\n"));
        let tdx = policy.tdx.images.iter().map(|(name, image)| {
            let registers = (0..).zip(image.rtmr).filter_map(|(index, pinned): (u8, _)| {
                Some(format!("rtmr{index} = \"{}\"\n", pinned?))
            });
            let registers: String = registers.collect();
            format!("[tdx.images.\"{name}\"]\nmrtd = \"{}\"\n{registers}", image.mr_td)
        });
        snp.chain(tdx).collect()
    }

    /// Pins the simulated image in a policy.
    pub fn pin(&self, policy: &mut Policy) {
        let name = "simulated image".to_owned();
        match self {
            Self::Snp(_) => policy.snp.measurements = [(name, MEASUREMENT)].into(),
            Self::Tdx(_) => {
                let [first, second, third, _] = replay(&Event::boot()).map(tdx::Measurement);
                let mr_td = tdx::Measurement(MEASUREMENT.0);
                let rtmr = [Some(first), Some(second), Some(third), None];
                policy.tdx.images = [(name, TdImage { mr_td, rtmr })].into();
            }
        }
    }
}

/// A machine with a forged chip.
#[derive(Clone)]
pub struct SimulatedChip {
    chip: Chip,
}

impl SimulatedChip {
    /// Takes a chip as the forge describes it.
    #[must_use]
    pub const fn new(chip: Chip) -> Self {
        Self { chip }
    }
}

impl Collector for SimulatedChip {
    fn collect(&self, report_data: &[u8; 64]) -> Result<Hardware, CollectError> {
        Ok(match self.chip.clone() {
            Chip::Snp(chip) => {
                let evidence = chip.report_data(*report_data).sign();
                Hardware::Snp { report: evidence.report, certificates: Some(evidence.table) }
            }
            Chip::Tdx(chip) => {
                let evidence = chip.report_data(*report_data).sign();
                Hardware::Tdx { quote: evidence.quote, event_log: evidence.event_log }
            }
        })
    }
}
