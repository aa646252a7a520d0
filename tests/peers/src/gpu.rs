//! Verification of GPU evidence beside `ring`'s own time for as many P-384 signatures, one thread, all in one run.

use std::{collections::BTreeSet, hint::black_box, time::Duration};

use anyhow::{Context as _, Result};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::{UnixTime, gpu, x509};
use sealroom_forge::{
    CertificateSpec, Fake, FakeGpu, GpuClass as Kind, GpuEvidence, GpuPublished, RimKind,
};

use crate::measure::{at, floor_row, medians, testdata};

const SEED: [u8; 32] = [7; 32];
const NOW: UnixTime = UnixTime(1_790_000_000);

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Rounds; all cases take turns, medians count.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
}

/// Runs every case.
pub fn run(arguments: &Arguments) -> Result<()> {
    crate::say_load();
    let real = Hopper::read()?;
    let gpu = Board::new(vec![Fake::gpu(SEED)]);
    let board = Board::new(Fake::hgx(SEED).devices);
    let (gpu_known, board_known) = (gpu.known(), board.known());
    gpu.verify(&gpu_known);
    board.verify(&board_known);
    let one = || real.signature.verify();
    let cold = || real.verify();
    let gpu_cold = || gpu.verify(&gpu.known());
    let gpu_warm = || gpu.verify(&gpu_known);
    let board_cold = || board.verify(&board.known());
    let board_warm = || board.verify(&board_known);
    let [one, cold, gpu_cold, gpu_warm, board_cold, board_warm] =
        medians(arguments.rounds, [&one, &cold, &gpu_cold, &gpu_warm, &board_cold, &board_warm]);
    let print = |case: &str, signatures: u32, ours: Duration| {
        let case = format!("{case}, {signatures} signatures");
        floor_row("gpu", &case, ours, one * signatures).print(arguments.json)
    };
    // Its leaf, three authorities and the report; the root is pinned.
    print("Hopper", 5, cold)?;
    print("GPU, RIMs, OCSP", gpu.signatures(), gpu_cold)?;
    print("GPU, RIMs, OCSP, seen before", gpu.reports(), gpu_warm)?;
    print("HGX, RIMs, OCSP", board.signatures(), board_cold)?;
    print("HGX, RIMs, OCSP, seen before", board.reports(), board_warm)
}

/// How many signatures say that a board is genuine, and `ring` verifying one of them.
#[cfg(feature = "verifier")]
pub fn floor() -> Result<(u32, impl Fn())> {
    let signatures = Board::new(Fake::hgx(SEED).devices).signatures();
    let real = Hopper::read()?;
    Ok((signatures, move || real.signature.verify()))
}

/// A real device, and the signature over its report.
struct Hopper {
    entry: GpuEntry,
    known: (gpu::Endorsements, gpu::Anchors),
    signature: Signature,
    now: UnixTime,
}

impl Hopper {
    fn read() -> Result<Self> {
        let report = testdata("gpu/hopper_550_90_07_report.hex")?;
        let chain = testdata("gpu/hopper_550_90_07_chain.pem")?;
        let entry = gpu::entry_from_files(&report, &chain).context("a report")?;
        let known = (gpu::Endorsements::default(), gpu::Anchors::production());
        let signature = Signature::of(&entry)?;
        Ok(Self { entry, known, signature, now: at("2026-06-01T00:00:00Z")? })
    }

    fn verify(&self) {
        let (endorsements, anchors) = &self.known;
        let entry = black_box(&self.entry);
        gpu::verify(entry, endorsements, anchors, None, self.now).map(drop).expect("genuine");
    }
}

/// The signature over a report, by the device's attestation key.
struct Signature {
    key: UnparsedPublicKey<Vec<u8>>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signature {
    fn of(entry: &GpuEntry) -> Result<Self> {
        let leaf = x509::blocks(std::str::from_utf8(&entry.chain)?)?.swap_remove(0).der;
        let key = x509::Certificate::decode(&leaf)?.key.bytes().to_vec();
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key);
        let (message, signature) = entry.report.split_last_chunk::<96>().context("a report")?;
        Ok(Self { key, message: message.to_vec(), signature: signature.to_vec() })
    }

    fn verify(&self) {
        self.key.verify(black_box(&self.message), &self.signature).expect("genuine");
    }
}

/// Forged devices, and everything that is said of them.
struct Board {
    devices: Vec<FakeGpu>,
    entries: Vec<GpuEntry>,
    endorsements: gpu::Endorsements,
    anchors: gpu::Anchors,
}

impl Board {
    fn new(devices: Vec<FakeGpu>) -> Self {
        let window = (NOW.0 - 600, NOW.0 + 600);
        let GpuPublished { rims, ocsp } = GpuPublished::about(&devices, window, |_, _| ());
        let endorsements = gpu::Endorsements { rims, ocsp, ..gpu::Endorsements::default() };
        let signed: Vec<_> = devices.iter().map(FakeGpu::sign).collect();
        let root = signed.first().expect("a device").root_sha256;
        let anchors = gpu::Anchors::production().danger_accept_simulated(root);
        let entries = signed.into_iter().map(entry).collect();
        Self { devices, entries, endorsements, anchors }
    }

    fn known(&self) -> gpu::Known {
        gpu::Known::new(&self.endorsements, self.anchors.clone())
    }

    fn verify(&self, known: &gpu::Known) {
        known.verify_set(black_box(&self.entries), None, NOW).map(drop).expect("genuine");
    }

    /// One over each report: all that is left when everything else was seen before.
    fn reports(&self) -> u32 {
        count(self.entries.len())
    }

    /// Each certificate below a root once, each report, each RIM, each response.
    fn signatures(&self) -> u32 {
        let given = &self.endorsements;
        let kinds = [RimKind::Driver, RimKind::Vbios, RimKind::SwitchBios];
        let rims = kinds.iter().take(given.rims.len());
        let of_rims = rims.flat_map(|kind| Fake::rim(SEED, *kind).specs());
        let of_devices = self.devices.iter().flat_map(FakeGpu::specs);
        let below = |spec: &CertificateSpec| spec.subject != spec.issuer;
        let certificates = of_devices.chain(of_rims).filter(below);
        let distinct: BTreeSet<_> =
            certificates.map(|spec| (spec.issuer, spec.subject, spec.serial)).collect();
        let files = given.rims.len() + given.ocsp.len();
        self.reports() + count(distinct.len() + files)
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

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("few")
}
