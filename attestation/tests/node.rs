//! A node's evidence, refused for one changed thing at a time, beside the session that is accepted.

use ring::signature::{Ed25519KeyPair, KeyPair};
use sealroom_attestation::{
    Ledger, Outcome, Refusal, UnixTime, Verified,
    binder::{Channel, Session, Tree},
    cbor::Item,
    digests::*,
    endorsements::{Anchors, Endorsements, Known},
    evidence::{Binder, Bundle, GpuClass, GpuEntry, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    node::{self, Context, Freshness, HardwareClaims, NodeClaims, NodeError},
    snp::NEEDED,
    statement::{Gpus, QuoteFreshness, Statement},
    tdx,
    transcript::sha256,
};
use sealroom_forge::tdx::Event;
use sealroom_forge::{Fake, FakeGpu, FakeSnp, GpuEvidence};

const NOW: UnixTime = UnixTime(1_780_272_000);
const LEAF: LeafDigest = LeafDigest([0x21; 32]);

/// A node as it could be, and what a test changes of it before it signs.
struct Node {
    statement: Statement,
    manifest: Manifest,
    config: Configuration,
    kem_keys: Vec<u8>,
    gpus: Vec<GpuEntry>,
    chip: FakeSnp,
    session: Session,
    proof: Proof,
    tamper: fn(&mut Bundle),
}

#[derive(PartialEq)]
enum Proof {
    Nothing,
    Signature,
    /// A place in a tree of this many sessions.
    Tree(usize),
    Challenge,
}

fn verify(
    bundle: &[u8],
    context: Context<'_>,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Verified<NodeClaims>, Box<Refusal<NodeError, NodeClaims>>> {
    node::verify(bundle, context, &Known::new(endorsements, anchors), now)
}

fn identity() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a seed")
}

fn node() -> Node {
    let manifest = Manifest {
        name: "model".into(),
        files: vec![ModelFile { name: "model.gguf".into(), size: 1, sha256: [1; 32] }],
        tokenizer: [2; 32],
        template: [3; 32],
        engine: "engine".into(),
        build: "1".into(),
        parameters: [].into(),
        adapters: Vec::new(),
    };
    let config = Configuration::default();
    let kem_keys = vec![0x52; 64];
    let statement = Statement {
        identity: IdentityKey(identity().public_key().as_ref().try_into().expect("32 bytes")),
        receipt_key: ReceiptKey([4; 32]),
        leaf: LEAF,
        kem: KemDigest(sha256(&kem_keys)),
        kem_epoch: 0,
        gpus: None,
        manifest: Manifest::digest(&manifest.encode()),
        config: Configuration::digest(&config.encode()),
        freshness: QuoteFreshness::Cached,
        issued_at: NOW,
        expires_at: NOW.plus(3600),
    };
    let channel = Channel::TlsServer { exporter: [0x31; 32], leaf: LEAF };
    let session = Session { nonce: Nonce([0x32; 32]), channel, context: Vec::new() };
    let chip = Fake::snp([9; 32]).window(NOW.0 - 1000, NOW.0 + 100_000);
    let (gpus, proof) = (Vec::new(), Proof::Tree(1));
    Node { statement, manifest, config, kem_keys, gpus, chip, session, proof, tamper: |_| () }
}

impl Node {
    fn bundle(&self) -> Vec<u8> {
        let mut statement = self.statement.clone();
        let boot_id = statement.boot_id();
        let binder = match self.proof {
            Proof::Nothing => Binder::None,
            Proof::Signature => Binder::None,
            Proof::Challenge => {
                statement.freshness = QuoteFreshness::Challenge(self.session.nonce);
                Binder::None
            }
            Proof::Tree(size) => {
                let mut leaves = vec![TreeHash([0; 32]); size - 1];
                leaves.push(self.session.leaf(&boot_id));
                let tree = Tree::new(leaves).expect("not empty");
                statement.freshness = QuoteFreshness::Tree { root: tree.root(), size: size as u64 };
                Binder::Path { index: size as u64 - 1, path: tree.path(size - 1) }
            }
        };
        let encoded = statement.encode();
        let binder = if matches!(self.proof, Proof::Signature | Proof::Challenge) {
            let message = self.session.live_message(&boot_id, &Statement::digest(&encoded));
            Binder::Signature(identity().sign(&message).as_ref().try_into().expect("64 bytes"))
        } else {
            binder
        };
        let forged = self.chip.clone().report_data(Statement::report_data(&encoded)).sign();
        let mut bundle = Bundle {
            statement: encoded,
            hardware: Hardware::Snp { report: forged.report, certificates: Some(forged.table) },
            gpus: self.gpus.clone(),
            kem_keys: self.kem_keys.clone(),
            manifest: self.manifest.encode(),
            config: self.config.encode(),
            binder,
        };
        (self.tamper)(&mut bundle);
        bundle.encode()
    }

    fn anchors(&self) -> Anchors {
        Anchors::production().danger_accept_simulated(self.chip.sign().root_sha256)
    }

    /// Freshness where it is accepted; the first failed check where it is not.
    fn met(&self, session: &Session) -> Result<Freshness, &'static str> {
        self.judged(Context::Session(session), NOW)
    }

    fn judged(&self, context: Context<'_>, now: UnixTime) -> Result<Freshness, &'static str> {
        match verify(&self.bundle(), context, &Endorsements::default(), &self.anchors(), now) {
            Ok(verified) => Ok(verified.claims().freshness),
            Err(refusal) => Err(first(&refusal.ledger)),
        }
    }
}

fn first(ledger: &Ledger) -> &'static str {
    ledger.failed().next().map_or("nothing failed", |row| row.check.id)
}

fn refused(change: impl FnOnce(&mut Node)) -> &'static str {
    let mut node = node();
    let session = node.session.clone();
    change(&mut node);
    node.met(&session).expect_err("must be refused")
}

#[test]
fn accepts_its_own_session_with_each_proof_at_its_freshness() {
    let mut node = node();
    let session = node.session.clone();
    assert_eq!(node.met(&session), Ok(Freshness::Hardware));
    node.proof = Proof::Tree(1000);
    assert_eq!(node.met(&session), Ok(Freshness::Hardware));
    node.proof = Proof::Signature;
    assert_eq!(node.met(&session), Ok(Freshness::Key));
}

#[test]
fn a_quote_over_the_bare_nonce_adds_nothing_on_a_connection() {
    let mut node = node();
    node.proof = Proof::Challenge;
    assert_eq!(node.met(&node.session), Ok(Freshness::Key));
}

#[test]
fn a_file_is_as_fresh_as_the_nonce_that_its_reader_knows() {
    let mut node = node();
    node.session.channel = Channel::Kem { keys: node.statement.kem };
    let nonce = Some(node.session.nonce);
    node.proof = Proof::Challenge;
    assert_eq!(node.judged(Context::File { nonce }, NOW), Ok(Freshness::Hardware));
    assert_eq!(node.judged(Context::File { nonce: None }, NOW), Ok(Freshness::Cached));
    let other = Some(Nonce([0; 32]));
    assert_eq!(node.judged(Context::File { nonce: other }, NOW), Err("binder.signature"));
    node.proof = Proof::Signature;
    assert_eq!(node.judged(Context::File { nonce }, NOW), Ok(Freshness::Key));
}

#[test]
fn refuses_a_session_without_a_binder() {
    assert_eq!(refused(|node| node.proof = Proof::Nothing), "statement.freshness");
}

#[test]
fn refuses_another_session_by_leaf_exporter_nonce_side_and_context() {
    for (proof, check) in [(Proof::Tree(3), "binder.path"), (Proof::Signature, "binder.signature")]
    {
        let node = Node { proof, ..node() };
        let own = node.session.clone();
        let on = |exporter, leaf| Channel::TlsServer { exporter, leaf };
        let elsewhere = Session { channel: on([0; 32], LEAF), ..own.clone() };
        assert_eq!(node.met(&elsewhere), Err(check));
        assert_eq!(node.met(&Session { nonce: Nonce([0; 32]), ..own.clone() }), Err(check));
        assert_eq!(node.met(&Session { context: vec![1], ..own.clone() }), Err(check));
        let client = Channel::TlsClient { exporter: [0x31; 32], leaf: LEAF };
        assert_eq!(node.met(&Session { channel: client, ..own.clone() }), Err(check));
        let leaf = Session { channel: on([0x31; 32], LeafDigest([0; 32])), ..own.clone() };
        assert_eq!(node.met(&leaf), Err("statement.leaf"));
    }
}

#[test]
fn refuses_keys_models_and_settings_that_the_statement_does_not_name() {
    assert_eq!(refused(|node| node.kem_keys[0] ^= 1), "statement.kem");
    assert_eq!(refused(|node| node.manifest.files[0].sha256[0] ^= 1), "statement.manifest");
    let set = |node: &mut Node| node.config.settings.insert("padding".into(), "none".into());
    assert_eq!(refused(|node| drop(set(node))), "statement.config");
    let gpu = GpuEntry { class: GpuClass::Hopper, report: vec![1], chain: vec![2] };
    assert_eq!(refused(|node| node.gpus.push(gpu)), "statement.gpus");
}

/// The rows of a node, each once, in the order in which its checks run; those of the hardware follow.
#[test]
fn every_check_of_a_node_has_one_row() {
    let node = node();
    let context = Context::Session(&node.session);
    let verdict = verify(&node.bundle(), context, &Endorsements::default(), &node.anchors(), NOW);
    let proven = verdict.expect("accepted");
    let ids = proven.ledger().findings().iter().map(|row| row.check.id);
    let own: Vec<_> = ids.take_while(|id| !id.starts_with("snp.")).collect();
    let expected = [
        "bundle.encoding",
        "statement.encoding",
        "statement.kem",
        "statement.manifest",
        "statement.config",
        "statement.gpus",
        "statement.leaf",
        "statement.lifetime",
        "statement.window",
        "binder.path",
        "report_data",
    ];
    assert_eq!(own, expected);
}

#[test]
fn refuses_a_report_over_another_statement() {
    let swap = |bundle: &mut Bundle| {
        let mut other = Statement::decode(&bundle.statement).expect("a statement");
        other.kem_epoch += 1;
        bundle.statement = other.encode();
    };
    assert_eq!(refused(|node| node.tamper = swap), "report_data");
    let node = Node { tamper: swap, ..node() };
    let context = Context::Session(&node.session);
    let refusal = verify(&node.bundle(), context, &Endorsements::default(), &node.anchors(), NOW);
    let refusal = refusal.expect_err("another statement");
    assert_eq!(refusal.error, NodeError::Binding("report_data"));
    // Signatures are not worth checking then, and no check is left out of the list.
    let rows = refusal.ledger.findings();
    for check in NEEDED {
        let outcomes = rows.iter().filter(|row| row.check == *check).map(|row| row.outcome);
        assert_eq!(outcomes.collect::<Vec<_>>(), [Outcome::Missing], "{}", check.id);
    }
}

#[test]
fn refuses_times_outside_the_window_by_one_second() {
    let node = node();
    let at = |now| node.judged(Context::Session(&node.session), UnixTime(now));
    assert_eq!(at(NOW.0 - 60), Ok(Freshness::Hardware));
    assert_eq!(at(NOW.0 - 61), Err("statement.window"));
    assert_eq!(at(NOW.0 + 3600), Ok(Freshness::Hardware));
    assert_eq!(at(NOW.0 + 3601), Err("statement.window"));
}

#[test]
fn refuses_a_statement_that_lives_a_second_too_long_or_backwards() {
    let lives = |until: UnixTime| refused(|node| node.statement.expires_at = until);
    assert_eq!(lives(NOW.plus(3601)), "statement.lifetime");
    assert_eq!(lives(UnixTime(NOW.0 - 1)), "statement.lifetime");
}

#[test]
fn refuses_a_vendor_that_is_not_trusted_and_still_says_what_was_claimed() {
    let node = node();
    let context = Context::Session(&node.session);
    let (bundle, anchors) = (node.bundle(), Anchors::production());
    let refusal =
        verify(&bundle, context, &Endorsements::default(), &anchors, NOW).expect_err("not AMD");
    assert_eq!(first(&refusal.ledger), "snp.chain.root");
    assert!(refusal.claimed.is_some_and(|claims| claims.statement.leaf == LEAF));
}

#[test]
fn a_platform_that_this_version_cannot_verify_is_missing_not_refused() {
    let azure = |bundle: &mut Bundle| {
        let (hcl, attest, signature) = (vec![0; 48], Vec::new(), Vec::new());
        let certificates = Vec::new();
        bundle.hardware = Hardware::AzureVtpm { hcl, attest, signature, certificates };
    };
    let node = Node { tamper: azure, ..node() };
    let context = Context::Session(&node.session);
    let refusal = verify(&node.bundle(), context, &Endorsements::default(), &node.anchors(), NOW);
    let refusal = refusal.expect_err("cannot be verified");
    assert_eq!(refusal.error, NodeError::Platform("Azure vTPM"));
    let last = refusal.ledger.findings().last().map(|row| (row.check.id, &*row.found));
    let found = "Azure vTPM evidence cannot be verified by this version";
    assert_eq!(last, Some(("report_data", found)));
    assert!(!refusal.ledger.has_failed() && refusal.ledger.has_missing());
}

/// The same node on a machine of Intel's.
fn on_tdx(bundle: &mut Bundle) {
    let report_data = Statement::report_data(&bundle.statement);
    let shown = Fake::tdx([7; 32]).event_log(Event::boot()).report_data(report_data).sign();
    bundle.hardware = Hardware::Tdx { quote: shown.quote, event_log: shown.event_log };
}

#[test]
fn a_node_on_tdx_is_verified_with_its_event_log() {
    let vendor = Fake::tdx([7; 32]).sign();
    let given = tdx::Endorsements::from_json(&vendor.collateral_json()).expect("collateral");
    let anchors = Anchors::production().danger_accept_simulated(vendor.root_sha256);
    let judged = |tamper: fn(&mut Bundle)| {
        let node = Node { tamper, ..node() };
        let context = Context::Session(&node.session);
        verify(&node.bundle(), context, &given.clone().into(), &anchors, NOW)
    };
    let proven = judged(on_tdx).expect("a genuine node");
    let HardwareClaims::Tdx(claims) = &proven.claims().hardware else { panic!("not TDX") };
    assert!(claims.event_log.as_ref().is_some_and(|log| !log.events.is_empty()));
    assert!(proven.claims().simulated() && proven.claims().evidence_id().is_some());
    assert_eq!(proven.claims().freshness, Freshness::Hardware);
    let refusal = judged(|bundle| {
        on_tdx(bundle);
        let Hardware::Tdx { event_log: Some(log), .. } = &mut bundle.hardware else { return };
        log[33 + 32 + 14] ^= 1;
    });
    let refusal = refusal.expect_err("another log");
    assert_eq!(first(&refusal.ledger), "tdx.event_log");
}

#[test]
fn a_quote_over_something_else_is_refused_before_any_signature() {
    const QUOTE: &[u8] = include_bytes!("../testdata/tdx/v5_td15ex_uptodate_quote.bin");
    let tdx = |bundle: &mut Bundle| {
        bundle.hardware = Hardware::Tdx { quote: QUOTE.to_vec(), event_log: None };
    };
    let node = Node { tamper: tdx, ..node() };
    let context = Context::Session(&node.session);
    let refusal = verify(&node.bundle(), context, &Endorsements::default(), &node.anchors(), NOW);
    let refusal = refusal.expect_err("another statement's quote");
    assert_eq!(refusal.error, NodeError::Binding("report_data"));
    let ledger = refusal.ledger;
    let outcome =
        |id| ledger.findings().iter().find(|row| row.check.id == id).map(|row| row.outcome);
    assert_eq!(outcome("tdx.quote.signature"), Some(Outcome::Missing));
    assert_eq!(outcome("snp.report.signature"), None);
}

/// A node that commits to these devices, asked with the nonce of its own identity and seed.
fn with_gpus(devices: impl Fn([u8; 32]) -> Vec<FakeGpu>) -> Node {
    let mut node = node();
    let mut gpus = Gpus { digest: [0; 32], seed: [5; 32] };
    let signed = devices(gpus.nonce(&node.statement.identity)).into_iter().map(|one| one.sign());
    node.gpus = signed.map(entry).collect();
    gpus.digest = GpuEntry::digest(&node.gpus).expect("GPUs");
    node.statement.gpus = Some(gpus);
    node
}

fn entry(evidence: GpuEvidence) -> GpuEntry {
    let class = match evidence.class {
        sealroom_forge::GpuClass::Hopper => GpuClass::Hopper,
        sealroom_forge::GpuClass::Blackwell => GpuClass::Blackwell,
        sealroom_forge::GpuClass::Ls10 => GpuClass::Ls10,
    };
    GpuEntry { class, report: evidence.report, chain: evidence.chain_pem }
}

fn gpu(nonce: [u8; 32]) -> Vec<FakeGpu> {
    vec![Fake::gpu([9; 32]).nonce(nonce)]
}

fn meets(node: &Node) -> Result<Verified<NodeClaims>, Box<Refusal<NodeError, NodeClaims>>> {
    let root = Fake::gpu([9; 32]).sign().root_sha256;
    let anchors = node.anchors().danger_accept_simulated(root);
    let context = Context::Session(&node.session);
    verify(&node.bundle(), context, &Endorsements::default(), &anchors, NOW)
}

#[test]
fn accepts_a_node_whose_gpus_answer_this_boot() {
    let board = |nonce| Fake::hgx([9; 32]).nonce(nonce).devices;
    for (devices, count) in [(with_gpus(gpu), 1), (with_gpus(board), 12)] {
        let proven = meets(&devices).unwrap_or_else(|refusal| panic!("{:?}", refusal.error));
        let gpus = proven.claims().gpus.as_ref().expect("GPUs");
        assert_eq!((gpus.devices.len(), gpus.simulated), (count, true));
        let relay = proven.ledger().findings().iter().find(|row| row.check.id == "gpu.relay");
        assert_eq!(relay.map(|row| row.outcome), Some(Outcome::NotGiven));
    }
    assert_eq!(meets(&node()).expect("no GPU").claims().gpus, None);
}

#[test]
fn refuses_gpus_that_answered_another_boot() {
    // A splice: genuine evidence of this CPU beside genuine evidence of a GPU that somebody else asked.
    let spliced = meets(&with_gpus(|_| gpu([6; 32]))).expect_err("another boot's GPU");
    assert_eq!(first(&spliced.ledger), "gpu.nonce");
    assert!(matches!(spliced.error, NodeError::Gpu(_)));
    let claimed = spliced.claimed.expect("the CPU is genuine").gpus.expect("what the GPU says");
    assert_eq!((claimed.devices.len(), claimed.simulated), (1, true));
    let mut exchanged = with_gpus(gpu);
    exchanged.gpus = vec![entry(Fake::gpu([9; 32]).nonce([6; 32]).sign())];
    assert_eq!(first(&meets(&exchanged).expect_err("another GPU").ledger), "statement.gpus");
    let context = Context::Session(&exchanged.session);
    let honest = with_gpus(gpu);
    let none = Endorsements::default();
    let refusal = verify(&honest.bundle(), context, &none, &honest.anchors(), NOW);
    assert_eq!(first(&refusal.expect_err("a GPU under nobody's root").ledger), "gpu.chain.root");
}

#[test]
fn evidence_of_gpus_that_cannot_be_read_proves_no_node() {
    let mut node = with_gpus(gpu);
    node.gpus[0].chain.clear();
    let digest = GpuEntry::digest(&node.gpus).expect("one entry");
    node.statement.gpus = Some(Gpus { digest, seed: [5; 32] });
    let refusal = meets(&node).expect_err("a GPU that nobody can know");
    assert!(matches!(refusal.error, NodeError::Gpu(_)));
    assert!(!refusal.ledger.has_failed() && refusal.ledger.has_missing());
    let claimed = refusal.claimed.expect("the CPU is genuine").gpus.expect("what the GPU says");
    assert_eq!((claimed.devices.len(), claimed.simulated), (1, false));
}

#[test]
fn gpus_are_not_looked_at_where_the_cpu_is_not_genuine() {
    let node = Node {
        tamper: |bundle| {
            if let Hardware::Snp { report, .. } = &mut bundle.hardware {
                report[0x2a0] ^= 1;
            }
        },
        ..with_gpus(gpu)
    };
    let ledger = meets(&node).expect_err("a broken report").ledger;
    let row = ledger.findings().iter().find(|row| row.check.id == "gpu.report.signature");
    assert_eq!(row.map(|row| row.outcome), Some(Outcome::Missing));
}

#[test]
fn what_comes_after_the_first_failed_step_is_listed_as_not_reached() {
    let mut node = node();
    node.tamper = |bundle| bundle.kem_keys[0] ^= 1;
    let context = Context::Session(&node.session);
    let refusal = verify(&node.bundle(), context, &Endorsements::default(), &node.anchors(), NOW);
    let ledger = refusal.expect_err("another key").ledger;
    let outcome =
        |id| ledger.findings().iter().find(|row| row.check.id == id).map(|row| row.outcome);
    assert_eq!(outcome("statement.kem"), Some(Outcome::Fail));
    assert_eq!(outcome("report_data"), Some(Outcome::Missing));
    assert_eq!(outcome("snp.report.signature"), Some(Outcome::Missing));
}

#[test]
fn a_bundle_is_cut_short_nowhere_and_no_byte_of_it_is_free() {
    let node = node();
    let (bundle, anchors) = (node.bundle(), node.anchors());
    let accepted = |bytes: &[u8]| {
        let context = Context::Session(&node.session);
        verify(bytes, context, &Endorsements::default(), &anchors, NOW).is_ok()
    };
    assert!(accepted(&bundle));
    for cut in (0..bundle.len()).step_by(7) {
        assert!(!accepted(&bundle[..cut]), "cut at {cut}");
    }
    // Signatures are over the first third; every byte there costs a verification, so only some are tried.
    for place in (0..900).step_by(11) {
        let mut changed = bundle.clone();
        changed[place] ^= 1;
        assert!(!accepted(&changed), "byte {place}");
    }
}
