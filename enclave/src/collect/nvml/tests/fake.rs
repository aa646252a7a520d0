//! A folder with a driver's library in it, compiled from C as a driver's is, and with the files that it answers from.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use sealroom_attestation::gpu::Anchors;
use sealroom_forge::{Fake, FakeGpu, GpuEvidence};

use super::{CollectError, Nvml};
use crate::mock::MovableClock;

/// What the GPUs are asked at the start.
pub(super) const NONCE: [u8; 32] = [7; 32];
const SEED: [u8; 32] = [3; 32];

/// A machine with GPUs of a forged vendor in confidential mode; one file changes one thing.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    anchors: Anchors,
    gpus: Vec<FakeGpu>,
}

impl Machine {
    /// With this many Hopper GPUs that answer [`NONCE`].
    pub(super) fn new(count: u8) -> Self {
        Self::of((0..count).map(|place| Fake::gpu(SEED).place(place)).collect())
    }

    /// With GPUs as the forge describes them.
    pub(super) fn of(gpus: Vec<FakeGpu>) -> Self {
        let root = Fake::gpu(SEED).sign().root_sha256;
        let machine = Self::empty(Anchors::production().danger_accept_simulated(root));
        let machine = Self { gpus, ..machine };
        machine.set("count", machine.gpus.len());
        machine.answering(NONCE);
        machine
    }

    /// With a library and no GPU.
    pub(super) fn empty(anchors: Anchors) -> Self {
        static LIBRARY: OnceLock<Vec<u8>> = OnceLock::new();
        let folder = tempfile::tempdir().expect("a folder");
        let library = LIBRARY.get_or_init(|| compiled(&[]));
        fs::write(folder.path().join("nvml.so"), library).expect("written");
        Self { folder, anchors, gpus: Vec::new() }
    }

    /// The same with a library that lacks what old drivers lack.
    pub(super) fn with_an_old_library(self) -> Self {
        fs::write(self.library(), compiled(&["-DOLD"])).expect("written");
        self
    }

    pub(super) fn library(&self) -> PathBuf {
        self.folder.path().join("nvml.so")
    }

    /// Lets every GPU answer this nonce, whatever it is asked.
    pub(super) fn answering(&self, nonce: [u8; 32]) {
        for (gpu, device) in self.gpus.iter().enumerate() {
            self.shows(gpu, &device.clone().nonce(nonce).sign());
        }
    }

    /// Lets one GPU show this.
    pub(super) fn shows(&self, gpu: usize, evidence: &GpuEvidence) {
        self.write(&format!("report.{gpu}"), &evidence.report);
        self.write(&format!("chain.{gpu}"), &evidence.chain_pem);
    }

    /// Changes one number of the first GPU, or of all together.
    pub(super) fn set(&self, name: &str, value: impl ToString) {
        self.write(&format!("{name}.0"), value.to_string().as_bytes());
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).expect("written");
    }

    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(name)).ok()
    }

    /// Whether anybody made the GPUs accept work.
    pub(super) fn accepts_work(&self) -> bool {
        self.read("ready.0").is_some_and(|ready| ready == b"1")
    }

    pub(super) fn start(&self) -> Result<Nvml, CollectError> {
        self.start_asking(&NONCE)
    }

    pub(super) fn start_asking(&self, nonce: &[u8; 32]) -> Result<Nvml, CollectError> {
        let clock = Arc::new(MovableClock::new());
        Nvml::start_with(&self.library(), self.anchors.clone(), nonce, clock)
    }
}

/// With the compiler that links every test of Rust.
fn compiled(flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("nvml.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/collect/nvml/tests/fake.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).args(flags).arg(source);
    let status = compiler.arg("-ldl").status().expect("a C compiler");
    assert!(status.success(), "{status}");
    fs::read(library).expect("compiled")
}
