//! Audit bundles: the same answer anywhere, and no other.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use sealroom_attestation::{UnixTime, cbor::CborError, cbor::Item};
use sealroom_forge::{Fake, FakeSnp};
use sealroom_verifier::{
    Decision, Mode,
    bundle::{AuditBundle, BundleError, Question},
};

const NOW: UnixTime = UnixTime(1_780_272_000);
const IMAGE: [u8; 48] = [7; 48];

fn chip() -> FakeSnp {
    Fake::snp([3; 32]).measurement(IMAGE)
}

fn question() -> Question {
    let forged = chip().sign();
    let mut endorsements = forged.certificates();
    endorsements.push(forged.crl.clone());
    let pinned = hex::encode(IMAGE);
    Question {
        evidence: forged.report,
        endorsements: endorsements.into_iter().collect(),
        policy: Some(format!(
            "version = 1\nfreshness = \"none\"\n[snp.measurements]\nimage = \"{pinned}\"\n"
        )),
        bulletins: Vec::new(),
        nonce: None,
        mode: Mode::Policy,
        at: NOW,
        simulated_roots: [forged.root_sha256].into(),
    }
}

fn roots(question: &Question) -> Vec<[u8; 32]> {
    question.simulated_roots.iter().copied().collect()
}

#[test]
fn asked_again_a_question_has_the_same_answer() {
    let (bundle, verdict) = AuditBundle::make(question()).expect("an answer");
    assert_eq!(verdict.decision, Decision::Accepted);
    let bytes = bundle.encode();
    assert_eq!(AuditBundle::make(question()).expect("an answer").0.encode(), bytes);
    let read = AuditBundle::decode(&bytes).expect("a bundle");
    assert_eq!(read, bundle);
    assert_eq!(read.replay(&roots(&question())).expect("the same"), verdict);
}

#[test]
fn another_question_has_another_answer() {
    let (bundle, _) = AuditBundle::make(question()).expect("an answer");
    let changes: [fn(&mut Question); 6] = [
        |question| question.at = NOW.plus(4_000_000_000),
        |question| question.mode = Mode::CryptoOnly,
        |question| question.policy = None,
        |question| question.endorsements.clear(),
        |question| question.evidence = chip().measurement([8; 48]).sign().report,
        |question| question.evidence[0x50] ^= 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = bundle.clone();
        change(&mut changed.question);
        let error = changed.replay(&roots(&question())).expect_err("another answer");
        assert!(matches!(error, BundleError::Differs { .. }), "{number}: {error}");
    }
    let mut changed = bundle.clone();
    let place = changed.verdict.windows(8).position(|text| text == b"accepted").expect("a word");
    changed.verdict[place] = b'A';
    let error = changed.replay(&roots(&question())).expect_err("another answer");
    assert!(matches!(error, BundleError::Differs { offset } if offset == place), "{error}");
}

#[test]
fn a_simulated_root_counts_only_where_it_is_accepted_anew() {
    let (bundle, _) = AuditBundle::make(question()).expect("an answer");
    for roots in [vec![], vec![[1; 32]]] {
        let error = bundle.replay(&roots).expect_err("not accepted");
        assert!(matches!(error, BundleError::Simulated { .. }), "{error}");
    }
}

#[test]
fn parts_that_are_none_are_named() {
    let refused = |change: fn(&mut Question)| {
        let mut question = question();
        change(&mut question);
        AuditBundle::make(question).expect_err("no answer")
    };
    let error = refused(|question| question.evidence = vec![1, 2, 3]);
    assert!(matches!(error, BundleError::Evidence(_)));
    let error = refused(|question| question.endorsements = [vec![0xff]].into());
    assert!(matches!(error, BundleError::Endorsement { index: 0, .. }));
    let error = refused(|question| question.policy = Some("version = 2".to_owned()));
    assert!(matches!(error, BundleError::Policy(_)));
    let error = refused(|question| question.bulletins = vec!["version = 1".to_owned()]);
    assert!(matches!(error, BundleError::Bulletin { index: 0, .. }));
}

#[test]
fn bytes_that_are_not_the_one_encoding_are_refused() {
    let (bundle, _) = AuditBundle::make(question()).expect("an answer");
    let bytes = bundle.encode();
    for length in (0..bytes.len()).step_by(7) {
        AuditBundle::decode(&bytes[..length]).expect_err("cut");
    }
    let longer = [&bytes[..], &[0]].concat();
    let different = CborError::NotDeterministic { item: "audit bundle" };
    assert_eq!(AuditBundle::decode(&longer), Err(different.clone()));
    // The certificates the other way round: each of them is as long as in order.
    let mut files: Vec<_> = bundle.question.endorsements.iter().cloned().collect();
    let all: Vec<u8> =
        bundle.question.endorsements.iter().flat_map(|file| cbor_bytes(file)).collect();
    files.reverse();
    let reversed: Vec<u8> = files.iter().flat_map(|file| cbor_bytes(file)).collect();
    let place = bytes.windows(all.len()).position(|part| part == all).expect("the files");
    let mut swapped = bytes.clone();
    swapped[place..place + all.len()].copy_from_slice(&reversed);
    assert_eq!(AuditBundle::decode(&swapped), Err(different));
    let mut other = bytes;
    other[2] = 2;
    let found = AuditBundle::decode(&other);
    assert!(matches!(found, Err(CborError::Unsupported { field: "version", .. })));
}

/// A byte string between 256 and 65,535 bytes.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
    [&[0x59][..], &length, bytes].concat()
}

fn verifier(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.current_dir(folder).env_clear().envs(environment.iter().copied());
    command.args(arguments).output().expect("the verifier runs")
}

#[test]
fn a_bundle_says_the_same_in_another_folder_and_another_locale() {
    let (here, there) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let question = question();
    let write = |name: &str, bytes: &[u8]| fs::write(here.path().join(name), bytes).expect(name);
    write("report.bin", &question.evidence);
    fs::create_dir(here.path().join("given")).expect("a folder");
    for (number, file) in question.endorsements.iter().enumerate() {
        write(&format!("given/{number}"), file);
    }
    write("policy.toml", question.policy.as_deref().expect("a policy").as_bytes());
    let (root, at) = (hex::encode(roots(&question)[0]), NOW.to_string());
    let mut asked = vec!["bundle", "make", "report.bin", "--with", "given", "--at", &at];
    asked.extend(["--policy", "policy.toml", "--danger-accept-simulated", &root]);
    asked.extend(["--out", "case.cbor", "--json"]);
    let made = verifier(here.path(), &[("LANG", "C"), ("TZ", "UTC")], &asked);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    // It is there now, and is not replaced.
    assert_eq!(verifier(here.path(), &[], &asked).status.code(), Some(3));
    fs::rename(here.path().join("case.cbor"), there.path().join("case.cbor")).expect("moved");
    let again = ["bundle", "verify", "case.cbor", "--json", "--danger-accept-simulated", &root];
    let elsewhere = [("LANG", "tr_TR.UTF-8"), ("TZ", "Pacific/Apia"), ("NO_COLOR", "1")];
    let replayed = verifier(there.path(), &elsewhere, &again);
    assert_eq!((replayed.status.code(), &replayed.stdout), (Some(0), &made.stdout));
    let unaccepted = verifier(there.path(), &[], &["bundle", "verify", "case.cbor"]);
    assert_eq!(unaccepted.status.code(), Some(3));
    let text = String::from_utf8_lossy(&unaccepted.stderr).into_owned();
    assert!(text.contains("--danger-accept-simulated") && text.contains(&root), "{text}");
    let path = there.path().join("case.cbor");
    let mut changed = fs::read(&path).expect("the bundle");
    let place = changed.windows(8).position(|text| text == b"accepted").expect("a word");
    changed[place] = b'A';
    fs::write(&path, changed).expect("the bundle");
    let differs = verifier(there.path(), &[], &again);
    assert_eq!(differs.status.code(), Some(1));
    let as_evidence = verifier(there.path(), &[], &["check", "case.cbor"]);
    assert!(String::from_utf8_lossy(&as_evidence.stderr).contains("bundle verify"));
}
