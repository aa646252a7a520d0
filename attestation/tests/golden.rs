//! The golden bytes of the wire formats, and the page that shows them: all three must agree.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ring::signature::{Ed25519KeyPair, KeyPair};
use sealroom_attestation::{
    UnixTime,
    binder::{Channel, Session},
    cbor::Item,
    digests::*,
    endpoints::{Challenge, ChannelKind, Proof},
    evidence::{Binder, Bundle, GpuClass, GpuEntry, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    receipt::{self, Commitments, Finish, Kind, Opening, Receipt, Timing, Usage, commit},
    statement::{Gpus, QuoteFreshness, Statement},
};

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed")
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).public_key().as_ref().try_into().expect("32 bytes")
}

fn manifest() -> Manifest {
    Manifest {
        name: "example".into(),
        files: vec![ModelFile { name: "model.gguf".into(), size: 4, sha256: [0x11; 32] }],
        tokenizer: [0x12; 32],
        template: [0x13; 32],
        engine: "candle".into(),
        build: "0.1.0".into(),
        parameters: [("context".to_owned(), "8192".to_owned())].into(),
        adapters: Vec::new(),
    }
}

fn config() -> Configuration {
    Configuration { settings: [("padding".to_owned(), "bucket".to_owned())].into() }
}

fn statement() -> Statement {
    Statement {
        identity: IdentityKey(public(1)),
        receipt_key: ReceiptKey(public(2)),
        leaf: LeafDigest([0x21; 32]),
        kem: KemDigest([0x22; 32]),
        kem_epoch: 3,
        gpus: None,
        manifest: Manifest::digest(&manifest().encode()),
        config: Configuration::digest(&config().encode()),
        freshness: QuoteFreshness::Tree { root: TreeHash([0x23; 32]), size: 1 },
        issued_at: UnixTime(1_780_272_000),
        expires_at: UnixTime(1_780_275_600),
    }
}

fn session() -> Session {
    let channel = Channel::TlsServer { exporter: [0x31; 32], leaf: LeafDigest([0x21; 32]) };
    Session { nonce: Nonce([0x32; 32]), channel, context: Vec::new() }
}

fn receipt() -> Receipt {
    let salt = [0x41; 32];
    Receipt {
        boot_id: statement().boot_id(),
        sequence: 0,
        request_id: [0x42; 16],
        request_digest: RequestDigest([0x43; 32]),
        billing_nonce: None,
        kem: KemConfigDigest([0x44; 32]),
        manifest: statement().manifest,
        usage: Usage { prompt: 12, completion: 34, cached: 0 },
        timing: Timing { queue: 5, first_token: 600, total: 7000 },
        commitments: Commitments {
            parameters: commit(Kind::Parameters, &salt, &[0xa0]),
            request: commit(Kind::Request, &salt, b"question"),
            answer: commit(Kind::Answer, &salt, b"answer"),
            fingerprint: None,
        },
        finish: Finish::Stop,
        issued_at: UnixTime(1_780_272_007),
    }
}

fn items() -> BTreeMap<&'static str, Vec<u8>> {
    let encoded = statement().encode();
    let (boot_id, digest) = (statement().boot_id(), Statement::digest(&encoded));
    let binder = session().live_message(&boot_id, &digest);
    let signature = key(1).sign(&binder).as_ref().try_into().expect("64 bytes");
    let bundle = Bundle {
        statement: encoded.clone(),
        hardware: Hardware::Snp { report: vec![0x51; 4], certificates: None },
        gpus: Vec::new(),
        kem_keys: vec![0x52; 4],
        manifest: manifest().encode(),
        config: config().encode(),
        binder: Binder::Signature(signature),
    };
    let entry = GpuEntry { class: GpuClass::Hopper, report: vec![0x61; 4], chain: vec![0x62; 4] };
    let gpus = Gpus { digest: [0x63; 32], seed: [0x64; 32] };
    let nonce = Nonce([0x32; 32]);
    let challenge = Challenge { nonce, proof: Proof::Hardware, channel: ChannelKind::Tls };
    let signed = receipt::sign(&receipt(), |bytes| {
        key(2).sign(bytes).as_ref().try_into().expect("64 bytes")
    });
    BTreeMap::from([
        ("statement", encoded.clone()),
        ("report_data", Statement::report_data(&encoded).to_vec()),
        ("statement_digest", digest.0.to_vec()),
        ("boot_id", boot_id.0.to_vec()),
        ("manifest", manifest().encode()),
        ("configuration", config().encode()),
        ("challenge", challenge.encode()),
        ("binder_message", binder),
        ("session_leaf", session().leaf(&boot_id).0.to_vec()),
        ("bundle", bundle.encode()),
        ("receipt", signed),
        ("gpu_digest", GpuEntry::digest(&[entry.clone(), entry]).expect("two entries").to_vec()),
        ("gpu_nonce", gpus.nonce(&statement().identity).to_vec()),
        ("opening", Opening { salt: [0x41; 32], fingerprint: None }.encode()),
    ])
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// With `SEALROOM_WRITE_GOLDEN` set, writes the files instead: look at the difference before you commit it.
#[test]
fn every_item_has_its_golden_bytes_on_disk_and_on_the_page() {
    let page = root().join("../docs/wire-formats.md");
    let page = fs::read_to_string(page).expect("the page");
    for (name, bytes) in items() {
        let path = root().join("testdata/wire").join(format!("{name}.hex"));
        let digits = hex::encode(&bytes);
        if std::env::var_os("SEALROOM_WRITE_GOLDEN").is_some() {
            fs::write(&path, format!("{digits}\n")).expect("a writable file");
            println!("### {name}\n```\n{}\n```", wrapped(&digits));
            continue;
        }
        let golden = fs::read_to_string(&path).expect("a golden file");
        assert_eq!(golden.trim(), digits, "{name} differs from {}", path.display());
        assert!(
            page.contains(&wrapped(&digits)),
            "{name} is not on docs/wire-formats.md as it is here"
        );
    }
}

/// Lines of 96 digits, as the page shows them.
fn wrapped(digits: &str) -> String {
    let lines = digits.as_bytes().chunks(96).map(|line| String::from_utf8_lossy(line).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}
