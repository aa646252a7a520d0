//! Nothing is sealed on cached evidence, whatever a policy for auditors says.

use sealroom_attestation::{
    UnixTime,
    binder::{Channel, Session, Tree},
    cbor::Item,
    digests::*,
    endorsements::{Anchors, Endorsements},
    evidence::{Binder, Bundle, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    node::{Context, Freshness},
    snp::Measurement,
    statement::{QuoteFreshness, Statement},
    transcript::sha256,
};
use sealroom_forge::Fake;
use sealroom_verifier::{
    Decision, Evidence, Input, Mode, Need, Policy, Trust, Verdict, check, judge,
};

const NOW: UnixTime = UnixTime(1_780_272_000);
const IMAGE: [u8; 48] = [7; 48];
const NONCE: Nonce = Nonce([0x32; 32]);

fn manifest() -> Manifest {
    let files = vec![ModelFile { name: "model.gguf".into(), size: 1, sha256: [1; 32] }];
    let (engine, build) = ("engine".into(), "1".into());
    Manifest {
        name: "model".into(),
        files,
        tokenizer: [2; 32],
        template: [3; 32],
        engine,
        build,
        parameters: [].into(),
        adapters: Vec::new(),
    }
}

fn session() -> Session {
    let keys = KemDigest(sha256(&[0x52; 64]));
    Session { nonce: NONCE, channel: Channel::Kem { keys }, context: Vec::new() }
}

/// A node's bundle, and what its reader must trust to accept it at the freshness given.
fn shown(fresh: bool, freshness: Freshness) -> (Vec<u8>, Trust) {
    let (manifest, config) = (manifest().encode(), Configuration::default().encode());
    let mut statement = Statement {
        identity: IdentityKey([4; 32]),
        receipt_key: ReceiptKey([5; 32]),
        leaf: LeafDigest([6; 32]),
        kem: KemDigest(sha256(&[0x52; 64])),
        kem_epoch: 0,
        gpus: None,
        manifest: Manifest::digest(&manifest),
        config: Configuration::digest(&config),
        freshness: QuoteFreshness::Cached,
        issued_at: NOW,
        expires_at: NOW.plus(3600),
    };
    let mut binder = Binder::None;
    if fresh {
        let tree = Tree::new(vec![session().leaf(&statement.boot_id())]).expect("one leaf");
        statement.freshness = QuoteFreshness::Tree { root: tree.root(), size: 1 };
        binder = Binder::Path { index: 0, path: Vec::new() };
    }
    let models = [("model".to_owned(), vec![statement.manifest])].into();
    let statement = statement.encode();
    let report_data = Statement::report_data(&statement);
    let forged = Fake::snp([3; 32]).measurement(IMAGE).report_data(report_data).sign();
    let hardware = Hardware::Snp { report: forged.report, certificates: Some(forged.table) };
    let (gpus, kem_keys) = (Vec::new(), vec![0x52; 64]);
    let bundle = Bundle { statement, hardware, gpus, kem_keys, manifest, config, binder };
    let mut policy = Policy { freshness, models, ..Policy::built_in() };
    policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
    policy.snp.revocation = Need::IfGiven;
    let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
    (bundle.encode(), Trust::new(policy, &Endorsements::default(), &anchors))
}

fn reason(verdict: &Verdict) -> (Decision, &'static str) {
    (verdict.decision, verdict.decisive().expect("a row").check.id)
}

#[test]
fn an_auditor_may_accept_cached_evidence_and_a_session_never_opens_on_it() {
    let (bundle, trust) = shown(false, Freshness::Cached);
    let (evidence, mode) = (Evidence::Bundle(bundle.clone()), Mode::Policy);
    let audited = check(&Input { evidence, nonce: None, mode, at: NOW }, &trust);
    assert_eq!(audited.decision, Decision::Accepted);
    let context = Context::File { nonce: None };
    let verdict = judge(&bundle, context, &trust, NOW).expect_err("nothing fresh");
    assert_eq!(reason(&verdict), (Decision::Undecided, "statement.freshness"));
}

#[test]
fn a_session_opens_on_fresh_evidence_under_the_same_policies() {
    for freshness in [Freshness::Cached, Freshness::Key, Freshness::Hardware] {
        let (bundle, trust) = shown(true, freshness);
        let accepted = judge(&bundle, Context::Session(&session()), &trust, NOW);
        let accepted = accepted.expect("its own session");
        assert_eq!(accepted.claims().freshness, Freshness::Hardware);
        assert_eq!(accepted.valid_until(), NOW.plus(3600));
    }
}
