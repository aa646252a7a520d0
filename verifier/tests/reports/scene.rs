//! Verdicts of every kind: of a real chip, of forged ones, of a node with a whole board, and of nothing at all.

use std::{fs, path::Path};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{
    UnixTime,
    cbor::Item,
    digests::*,
    endorsements::{Anchors, Endorsements},
    evidence::{Binder, Bundle, GpuClass, GpuEntry, Hardware},
    gpu,
    manifest::{Configuration, Manifest, ModelFile},
    seal::{KemKey, KemKind, KeyConfig, Random, RandomFailed},
    snp::Measurement,
    statement::{Gpus, QuoteFreshness, Statement},
    tdx,
    transcript::sha256,
};
use sealroom_forge::{Fake, FakeGpu, FakeHgx, FakeTdx, GpuClass as Forged, GpuPublished};
use sealroom_verifier::{Evidence, Input, Mode, Need, Policy, Trust, Verdict, check};

pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
const SEED: [u8; 32] = [7; 32];
const IMAGE: [u8; 48] = [7; 48];

fn input(evidence: Evidence, mode: Mode) -> Input {
    Input { evidence, nonce: None, mode, at: NOW }
}

/// A Genoa report of a real machine, by a policy or by none.
pub(crate) fn genoa(policy: Option<&str>) -> Verdict {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/testdata");
    let file = |name| fs::read(folder.join(name)).expect("the repository's own");
    let mut endorsements = Endorsements::default();
    for name in ["snp/genoa_v2_vcek.der", "roots/amd_genoa_ask_ark_asvk.pem"] {
        endorsements.add_file(&file(name)).expect("certificates");
    }
    let evidence = Evidence::from_file(&file("snp/genoa_v2_report.bin")).expect("a report");
    let mode = if policy.is_some() { Mode::Policy } else { Mode::CryptoOnly };
    let policy = Policy::from_toml(policy.unwrap_or("version = 1")).expect("a policy");
    check(&input(evidence, mode), &Trust::new(policy, &endorsements, &Anchors::production()))
}

/// A policy under which the Genoa machine is accepted.
pub(crate) const GENOA: &str = "version = 1\nfreshness = \"none\"\n[snp]\ngenerations = [\"genoa\"]\nvmpls = [1]\n\
    revocation = \"if-given\"\nflags = { platform_alias_check = \"any\" }\n[snp.measurements]\n\
    \"image\" = \"GENOA_MEASUREMENT\"\n";

/// The policy with the machine's own measurement.
pub(crate) fn genoa_policy() -> String {
    let verdict = genoa(None);
    let hardware = verdict.claims.as_ref().and_then(|claims| claims.hardware());
    let Some(sealroom_attestation::node::HardwareClaims::Snp(snp)) = hardware else {
        panic!("an SEV-SNP report")
    };
    GENOA.replace("GENOA_MEASUREMENT", &snp.report.measurement.to_string())
}

/// The same policy without its rule for memory aliases, which this machine breaks, and with an exception for it.
pub(crate) fn excepting_policy() -> String {
    let strict = genoa_policy().replace("flags = { platform_alias_check = \"any\" }\n", "");
    let exception = "[danger_exceptions.\"snp.platform.alias_check\"]\n\
        reason = \"firmware with the check is due; ticket <4711>\"\nuntil = \"2027-01-01T00:00:00Z\"\n";
    strict + exception
}

/// A forged trust domain on a platform that is behind, and one that is not.
pub(crate) fn trust_domain(behind: bool) -> Verdict {
    let chip: FakeTdx = Fake::tdx([3; 32]).mr_td(IMAGE).attributes((1_u64 << 28).to_le_bytes());
    let svn = [6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let chip = if behind { chip.tee_tcb_svn(svn) } else { chip };
    let forged = chip.sign();
    let given = tdx::Endorsements::from_json(&forged.collateral_json()).expect("collateral");
    let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
    let image = "07".repeat(48);
    let policy =
        format!("version = 1\nfreshness = \"none\"\n[tdx.images.image]\nmrtd = \"{image}\"");
    let policy = Policy::from_toml(&policy).expect("a policy");
    let evidence = Evidence::from_file(&forged.quote).expect("a quote");
    let trust = Trust::new(policy, &Endorsements::from(given), &anchors);
    check(&input(evidence, Mode::Policy), &trust)
}

/// One forged GPU without its certificates, or with them.
pub(crate) fn gpu(with_chain: bool) -> Verdict {
    let signed = Fake::gpu(SEED).nonce([3; 32]).sign();
    let mut endorsements = Endorsements::default();
    if with_chain {
        endorsements.add_file(&signed.chain_pem).expect("a chain");
    }
    let anchors = Anchors::production().danger_accept_simulated(signed.root_sha256);
    let trust = Trust::new(Policy::built_in(), &endorsements, &anchors);
    let evidence = Evidence::from_file(&signed.report).expect("a report");
    check(&input(evidence, Mode::Policy), &trust)
}

/// Bytes that begin as a bundle and are none.
pub(crate) fn nothing() -> Verdict {
    let anchors = Anchors::production();
    let trust = Trust::new(Policy::built_in(), &Endorsements::default(), &anchors);
    check(&input(Evidence::Bundle(vec![0xa8, 1, 1]), Mode::Policy), &trust)
}

/// A node that computes on eight GPUs behind four switches.
pub(crate) struct Board {
    /// The model's public name.
    pub(crate) model: &'static str,
    /// True where the machine answers for an image that no policy pins.
    pub(crate) other_image: bool,
}

impl Default for Board {
    fn default() -> Self {
        Self { model: "model", other_image: false }
    }
}

impl Board {
    pub(crate) fn verdict(&self) -> Verdict {
        let (evidence, trust) = self.made();
        check(&input(Evidence::Bundle(evidence), Mode::Policy), &trust)
    }

    /// The bundle, as its file holds it.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        self.made().0
    }

    /// The bundle, and the trust under which it is accepted.
    fn made(&self) -> (Vec<u8>, Trust) {
        let identity = IdentityKey([4; 32]);
        let seed = [9; 32];
        let nonce = Gpus { digest: [0; 32], seed }.nonce(&identity);
        let board = Fake::hgx(SEED).nonce(nonce);
        let gpus = entries(&board);
        let manifest = manifest(self.model).encode();
        let settings = [("engine.device".to_owned(), "cuda:0".to_owned())].into();
        let config = Configuration { settings }.encode();
        let kem = KemKey::generate(KemKind::XWing, 1, &Always(0x52)).expect("a key");
        let kem_keys = KeyConfig::encode_list(&[kem.config()]);
        let statement = Statement {
            identity,
            receipt_key: ReceiptKey(
                receipt_key().public_key().as_ref().try_into().expect("32 bytes"),
            ),
            leaf: LeafDigest([6; 32]),
            kem: KemDigest(sha256(&kem_keys)),
            kem_epoch: 0,
            gpus: GpuEntry::digest(&gpus).map(|digest| Gpus { digest, seed }),
            manifest: Manifest::digest(&manifest),
            config: Configuration::digest(&config),
            freshness: QuoteFreshness::Cached,
            issued_at: NOW,
            expires_at: NOW.plus(3600),
        };
        let models = [(self.model.to_owned(), vec![statement.manifest])].into();
        let statement = statement.encode();
        let report_data = Statement::report_data(&statement);
        let image = if self.other_image { [8; 48] } else { IMAGE };
        let chip = Fake::snp([3; 32]).measurement(image).report_data(report_data).sign();
        let certificates = Some(chip.table.clone());
        let hardware = Hardware::Snp { report: chip.report, certificates };
        let binder = Binder::None;
        let bundle = Bundle { statement, hardware, gpus, kem_keys, manifest, config, binder };
        let mut policy = Policy::from_toml("version = 1\nfreshness = \"none\"").expect("a policy");
        policy.models = models;
        policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
        policy.snp.revocation = Need::IfGiven;
        let root = board.devices.first().map(|device| device.sign().root_sha256);
        let anchors = Anchors::production().danger_accept_simulated(chip.root_sha256);
        let anchors = anchors.danger_accept_simulated(root.expect("a device"));
        (bundle.encode(), Trust::new(policy, &published(&board.devices), &anchors))
    }
}

/// The key that signs the board's receipts.
pub(crate) fn receipt_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a seed")
}

/// The same bytes again and again: pages of one scene are equal.
struct Always(u8);

impl Random for Always {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        bytes.fill(self.0);
        Ok(())
    }
}

fn entries(board: &FakeHgx) -> Vec<GpuEntry> {
    let entry = |one: sealroom_forge::GpuEvidence| {
        let class = match one.class {
            Forged::Hopper => GpuClass::Hopper,
            Forged::Blackwell => GpuClass::Blackwell,
            Forged::Ls10 => GpuClass::Ls10,
        };
        GpuEntry { class, report: one.report, chain: one.chain_pem }
    };
    board.sign().into_iter().map(entry).collect()
}

fn published(devices: &[FakeGpu]) -> Endorsements {
    let all = GpuPublished::about(devices, (NOW.0 - 600, NOW.0 + 600), |_, _| {});
    let gpu = gpu::Endorsements { rims: all.rims, ocsp: all.ocsp, ..gpu::Endorsements::default() };
    Endorsements { gpu, ..Endorsements::default() }
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
