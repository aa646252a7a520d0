//! A node's bundle on a forged chip, and the trust of a reader who pinned its image and model.

use std::collections::BTreeMap;

use sealroom_attestation::{
    UnixTime,
    binder::{Channel, Session, Tree},
    cbor::Item,
    digests::*,
    endorsements::{Anchors, Endorsements},
    evidence::{Binder, Bundle, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    snp::Measurement,
    statement::{QuoteFreshness, Statement},
    transcript::sha256,
};
use sealroom_forge::{Fake, FakeSnp};
use sealroom_verifier::{Need, Policy, Trust};

pub(crate) const NOW: UnixTime = UnixTime(1_780_272_000);
const IMAGE: [u8; 48] = [7; 48];
const NONCE: Nonce = Nonce([0x32; 32]);

/// What a test may change of a node.
pub(crate) struct Node {
    /// Whether the chip's report covers [`session`].
    pub(crate) fresh: bool,
    pub(crate) chip: FakeSnp,
    pub(crate) settings: BTreeMap<String, String>,
    /// The model's public name. The policy pins the model as "model".
    pub(crate) model: &'static str,
}

impl Default for Node {
    fn default() -> Self {
        let chip = Fake::snp([3; 32]).measurement(IMAGE);
        Self { fresh: true, chip, settings: BTreeMap::new(), model: "model" }
    }
}

fn manifest(name: &str) -> Manifest {
    let files = vec![ModelFile { name: "model.gguf".into(), size: 1, sha256: [1; 32] }];
    let (engine, build) = ("engine".into(), "1".into());
    Manifest {
        name: name.into(),
        files,
        tokenizer: [2; 32],
        template: [3; 32],
        engine,
        build,
        parameters: [].into(),
        adapters: Vec::new(),
    }
}

pub(crate) fn session() -> Session {
    let keys = KemDigest(sha256(&[0x52; 64]));
    Session { nonce: NONCE, channel: Channel::Kem { keys }, context: Vec::new() }
}

impl Node {
    fn statement(&self, manifest: &[u8], config: &[u8]) -> Statement {
        Statement {
            identity: IdentityKey([4; 32]),
            receipt_key: ReceiptKey([5; 32]),
            leaf: LeafDigest([6; 32]),
            kem: KemDigest(sha256(&[0x52; 64])),
            kem_epoch: 0,
            gpus: None,
            manifest: Manifest::digest(manifest),
            config: Configuration::digest(config),
            freshness: QuoteFreshness::Cached,
            issued_at: NOW,
            expires_at: NOW.plus(3600),
        }
    }

    /// The bundle, and what its reader must trust to accept it; the policy may be changed.
    pub(crate) fn shown(&self, change: impl FnOnce(&mut Policy)) -> (Vec<u8>, Trust) {
        let config = Configuration { settings: self.settings.clone() }.encode();
        let manifest = manifest(self.model).encode();
        let mut statement = self.statement(&manifest, &config);
        let mut binder = Binder::None;
        if self.fresh {
            let tree = Tree::new(vec![session().leaf(&statement.boot_id())]).expect("one leaf");
            statement.freshness = QuoteFreshness::Tree { root: tree.root(), size: 1 };
            binder = Binder::Path { index: 0, path: Vec::new() };
        }
        let models = [("model".to_owned(), vec![statement.manifest])].into();
        let statement = statement.encode();
        let report_data = Statement::report_data(&statement);
        let forged = self.chip.clone().report_data(report_data).sign();
        let hardware = Hardware::Snp { report: forged.report, certificates: Some(forged.table) };
        let (gpus, kem_keys) = (Vec::new(), vec![0x52; 64]);
        let bundle = Bundle { statement, hardware, gpus, kem_keys, manifest, config, binder };
        let mut policy = Policy { models, ..Policy::built_in() };
        policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
        policy.snp.revocation = Need::IfGiven;
        change(&mut policy);
        let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
        (bundle.encode(), Trust::new(policy, &Endorsements::default(), &anchors))
    }
}
