//! A node on forged hardware: its bundle, and everything that its vendors say of it.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{
    UnixTime,
    binder::{Channel, Session},
    cbor::Item,
    digests::*,
    evidence::{Binder, Bundle, GpuClass, GpuEntry, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    seal::{KemKey, KemKind, KeyConfig, Random, RandomFailed},
    statement::{Gpus, QuoteFreshness, Statement},
    transcript::sha256,
};
use sealroom_forge::{FakeGpu, FakeSnp, GpuClass as Forged, GpuPublished};

/// When the statement begins.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
/// Seconds for which it counts.
const LIFETIME: u64 = 3600;
/// The nonce of the session that the node's identity signed.
pub(crate) const NONCE: Nonce = Nonce([0x32; 32]);

/// A node to be.
pub(crate) struct Node {
    /// The model's public name.
    pub(crate) model: &'static str,
    /// What the configuration says that the engine computes on.
    pub(crate) device: &'static str,
    /// GPUs and switches that the statement commits to, asked with its nonce.
    pub(crate) gpus: Vec<FakeGpu>,
}

/// What the CPU signed, and what its vendor says.
pub(crate) struct Machine {
    pub(crate) hardware: Hardware,
    pub(crate) endorsements: Vec<Vec<u8>>,
    pub(crate) root: [u8; 32],
}

impl Machine {
    /// A chip that was asked already: its certificates travel in the table.
    pub(crate) fn snp(chip: &FakeSnp) -> Self {
        let signed = chip.sign();
        let hardware = Hardware::Snp { report: signed.report, certificates: Some(signed.table) };
        Self { hardware, endorsements: vec![signed.crl], root: signed.root_sha256 }
    }
}

/// What a node shows, and what a relying party needs beside.
pub(crate) struct Shown {
    /// The bundle.
    pub(crate) bundle: Vec<u8>,
    /// Endorsements, as files.
    pub(crate) endorsements: Vec<Vec<u8>>,
    /// The simulated roots.
    pub(crate) roots: Vec<[u8; 32]>,
}

impl Node {
    /// Signs everything; `machine` is asked for evidence over the report data.
    pub(crate) fn show(&self, machine: impl FnOnce([u8; 64]) -> Machine) -> Shown {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[4; 32]).expect("a seed");
        let identity = IdentityKey(public(&pair));
        let seed = [9; 32];
        let nonce = Gpus { digest: [0; 32], seed }.nonce(&identity);
        let devices: Vec<_> = self.gpus.iter().map(|one| one.clone().nonce(nonce)).collect();
        let gpus: Vec<_> = devices.iter().map(entry).collect();
        let manifest = manifest(self.model).encode();
        let settings = [("engine.device".to_owned(), self.device.to_owned())].into();
        let config = Configuration { settings }.encode();
        let kem = KemKey::generate(KemKind::XWing, 1, &Always(0x52)).expect("a key");
        let kem_keys = KeyConfig::encode_list(&[kem.config()]);
        let statement = Statement {
            identity,
            receipt_key: ReceiptKey(public(&receipt_key())),
            leaf: LeafDigest([6; 32]),
            kem: KemDigest(sha256(&kem_keys)),
            kem_epoch: 0,
            gpus: GpuEntry::digest(&gpus).map(|digest| Gpus { digest, seed }),
            manifest: model_digest(self.model),
            config: Configuration::digest(&config),
            freshness: QuoteFreshness::Cached,
            issued_at: NOW,
            expires_at: NOW.plus(LIFETIME),
        };
        let binder = Binder::Signature(signature(&statement, &pair));
        let statement = statement.encode();
        let Machine { hardware, endorsements, root } = machine(Statement::report_data(&statement));
        let bundle = Bundle { statement, hardware, gpus, kem_keys, manifest, config, binder };
        let of_gpus = devices.first().map(|device| device.sign().root_sha256);
        Shown {
            bundle: bundle.encode(),
            endorsements: endorsements.into_iter().chain(published(&devices)).collect(),
            roots: [root].into_iter().chain(of_gpus).collect(),
        }
    }
}

fn public(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().expect("32 bytes")
}

/// The key that signs receipts.
pub(crate) fn receipt_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a seed")
}

/// The same bytes again and again: whatever is shown twice is the same.
struct Always(u8);

impl Random for Always {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// The identity's, over a session with [`NONCE`].
fn signature(statement: &Statement, pair: &Ed25519KeyPair) -> [u8; 64] {
    let channel = Channel::Kem { keys: statement.kem };
    let session = Session { nonce: NONCE, channel, context: Vec::new() };
    let digest = Statement::digest(&statement.encode());
    let message = session.live_message(&statement.boot_id(), &digest);
    pair.sign(&message).as_ref().try_into().expect("64 bytes")
}

fn entry(device: &FakeGpu) -> GpuEntry {
    let signed = device.sign();
    let class = match signed.class {
        Forged::Hopper => GpuClass::Hopper,
        Forged::Blackwell => GpuClass::Blackwell,
        Forged::Ls10 => GpuClass::Ls10,
    };
    GpuEntry { class, report: signed.report, chain: signed.chain_pem }
}

fn published(devices: &[FakeGpu]) -> Vec<Vec<u8>> {
    let all = GpuPublished::about(devices, (NOW.0 - 600, NOW.0 + 600), |_, _| {});
    all.files().cloned().collect()
}

/// The digest of the model of that name.
pub(crate) fn model_digest(name: &str) -> ManifestDigest {
    Manifest::digest(&manifest(name).encode())
}

fn manifest(name: &str) -> Manifest {
    let files = vec![ModelFile { name: "model.gguf".into(), size: 1, sha256: [1; 32] }];
    Manifest {
        name: name.into(),
        files,
        tokenizer: [2; 32],
        template: [3; 32],
        engine: "engine".into(),
        build: "1".into(),
        parameters: [].into(),
        adapters: Vec::new(),
    }
}
