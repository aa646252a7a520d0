//! Evidence to explain: from real machines, and forged in every shape.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use sealroom_attestation::{
    binder::Tree,
    cbor::Item,
    digests::*,
    evidence::{Binder, Bundle, GpuClass as Class, GpuEntry, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    statement::{Gpus, QuoteFreshness, Statement},
    time::UnixTime,
};
use sealroom_forge::{Body, Fake, Generation, GpuClass};
use sealroom_verifier::Evidence;

/// The folders with real evidence: this repository's, then the one in `SEALROOM_VECTORS`.
fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/testdata");
    [own].into_iter().chain(env::var_os("SEALROOM_VECTORS").map(PathBuf::from)).collect()
}

/// Every file that is a report or a quote that can be decoded, by name.
pub(crate) fn real() -> Vec<(String, Evidence)> {
    let mut found = Vec::new();
    for folder in folders() {
        for platform in ["snp", "tdx", "gpu"] {
            let listed = fs::read_dir(folder.join(platform)).expect("a folder").flatten();
            for path in listed.map(|entry| entry.path()) {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                // These have bytes behind their end.
                let longer = stem == "v4_spr_gcp_quote";
                if longer || !stem.ends_with("_report") && !stem.ends_with("_quote") {
                    continue;
                }
                let file = fs::read(&path).expect("a file");
                found.push((name.to_owned(), Evidence::from_file(&file).expect("evidence")));
            }
        }
    }
    assert!(found.len() >= 9, "the evidence was not read");
    found
}

pub(crate) fn forged() -> Vec<(String, Evidence)> {
    let mut all = Vec::new();
    for version in 2..=5 {
        for generation in [Generation::Milan, Generation::Genoa, Generation::Turin] {
            let machine = Fake::snp([1; 32]).version(version).generation(generation);
            let name = format!("SNP {version} {generation:?}");
            all.push((name, Evidence::SnpReport(machine.sign().report)));
        }
    }
    // Reserved bytes and bits that are set are shown, not refused.
    let odd = Fake::snp([1; 32]).field(0x4c, &[9]).policy(u64::MAX).platform_info(u64::MAX).sign();
    all.push(("SNP with reserved bits".to_owned(), Evidence::SnpReport(odd.report)));
    for (version, body) in [
        (3, Body::Sgx),
        (4, Body::Sgx),
        (4, Body::Td10),
        (5, Body::Sgx),
        (5, Body::Td10),
        (5, Body::Td15),
        (5, Body::Td15Ex),
    ] {
        let quote = Fake::tdx([2; 32]).quote(version, body).sign().quote;
        all.push((format!("quote {version} {body:?}"), Evidence::TdxQuote(quote)));
    }
    let quote = Fake::tdx([2; 32]).auth_data(&[]).sign().quote;
    all.push(("quote without authentication data".to_owned(), Evidence::TdxQuote(quote)));
    for class in [GpuClass::Hopper, GpuClass::Blackwell, GpuClass::Ls10] {
        let report = Fake::gpu([3; 32]).class(class).sign().report;
        all.push((format!("report of {class:?}"), Evidence::GpuReport(report)));
    }
    for (name, bundle) in bundles() {
        all.push((name.to_owned(), Evidence::Bundle(bundle.encode())));
    }
    all
}

fn manifest() -> Manifest {
    let file = ModelFile { name: "model.gguf".into(), size: 70_000, sha256: [1; 32] };
    Manifest {
        name: "model".into(),
        files: vec![file.clone(), file],
        tokenizer: [2; 32],
        template: [3; 32],
        engine: "engine".into(),
        build: "1".into(),
        parameters: [("a/0/b".into(), "\u{202e}turned".into())].into(),
        adapters: vec![[4; 32]],
    }
}

pub(crate) fn statement() -> Statement {
    let tree = Tree::new(vec![TreeHash([5; 32]); 3]).expect("leaves");
    Statement {
        identity: IdentityKey([4; 32]),
        receipt_key: ReceiptKey([5; 32]),
        leaf: LeafDigest([6; 32]),
        kem: KemDigest([7; 32]),
        kem_epoch: 300,
        gpus: Some(Gpus { digest: [8; 32], seed: [9; 32] }),
        manifest: Manifest::digest(&manifest().encode()),
        config: Configuration::digest(&[]),
        freshness: QuoteFreshness::Tree { root: tree.root(), size: 3 },
        issued_at: UnixTime(1_780_272_000),
        expires_at: UnixTime(1_780_275_600),
    }
}

/// One of each hardware, binder and freshness.
pub(crate) fn bundles() -> Vec<(&'static str, Bundle)> {
    let snp = Fake::snp([1; 32]).sign();
    let gpu = |class, of| {
        let report = Fake::gpu([3; 32]).class(of).sign();
        GpuEntry { class, report: report.report, chain: report.chain_pem }
    };
    let settings = [("padding".into(), "bucket".into())].into();
    let whole = Bundle {
        statement: statement().encode(),
        hardware: Hardware::Snp { report: snp.report, certificates: Some(snp.table) },
        gpus: vec![gpu(Class::Blackwell, GpuClass::Blackwell), gpu(Class::Ls10, GpuClass::Ls10)],
        kem_keys: vec![0x52; 300],
        manifest: manifest().encode(),
        config: Configuration { settings }.encode(),
        binder: Binder::Path { index: 2, path: vec![TreeHash([7; 32]); 2] },
    };
    let challenge = QuoteFreshness::Challenge(Nonce([1; 32]));
    let cached = Statement { freshness: QuoteFreshness::Cached, gpus: None, ..statement() };
    let quote = Hardware::Tdx { quote: Fake::tdx([2; 32]).sign().quote, event_log: None };
    let [hcl, attest, signature, certificates] = [vec![1], vec![2; 30], vec![3; 300], Vec::new()];
    let tdx = Bundle {
        statement: Statement { freshness: challenge, ..statement() }.encode(),
        hardware: quote,
        gpus: Vec::new(),
        binder: Binder::Signature([6; 64]),
        ..whole.clone()
    };
    let azure = Bundle {
        statement: cached.encode(),
        hardware: Hardware::AzureVtpm { hcl, attest, signature, certificates },
        gpus: Vec::new(),
        binder: Binder::None,
        ..whole.clone()
    };
    vec![("SNP bundle", whole), ("TDX bundle", tdx), ("vTPM bundle", azure)]
}
