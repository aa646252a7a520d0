//! Receipts in an auditor's hands: a receipt stands on its node's evidence, and can only make a verdict worse.

use std::{fs, process::Command};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use sealroom_attestation::{
    Outcome,
    digests::{Commitment, KemConfigDigest, RequestDigest},
    node::NodeClaims,
    receipt::{self, Commitments, Finish, Kind, Opening, Receipt, Timing, Usage},
    seal::KeyConfig,
};
use sealroom_verifier::{
    Claims, Crypto, Decision, Exchange, NoNode, Verdict, audit_receipt, report,
};
use serde_json::Value;

use crate::{
    node::receipt_key,
    scene::{self, Board, NOW},
};

const SALT: [u8; 32] = [9; 32];

fn node(verdict: &Verdict) -> &NodeClaims {
    match &verdict.claims {
        Some(Claims::Node(node)) => node,
        _ => panic!("a node"),
    }
}

/// The receipt that the board's node signs for a question and its answer.
fn receipt(verdict: &Verdict) -> Receipt {
    let node = node(verdict);
    let keys = KeyConfig::decode_list(&node.kem_keys).expect("a list");
    let commit = |kind, content: &[u8]| -> Commitment { receipt::commit(kind, &SALT, content) };
    Receipt {
        boot_id: node.boot_id,
        sequence: 41,
        request_id: [5; 16],
        request_digest: RequestDigest(digest(&SHA256, b"sealed").as_ref().try_into().expect("32")),
        billing_nonce: None,
        kem: KemConfigDigest(keys.first().expect("a key").digest()),
        manifest: node.manifest_digest,
        usage: Usage { prompt: 10, completion: 20, cached: 3 },
        timing: Timing { queue: 1, first_token: 2, total: 3 },
        commitments: Commitments {
            parameters: commit(Kind::Parameters, b"{}"),
            request: commit(Kind::Request, b"question"),
            answer: commit(Kind::Answer, b"answer"),
            fingerprint: None,
        },
        finish: Finish::Stop,
        issued_at: NOW,
    }
}

fn signed(receipt: &Receipt) -> Vec<u8> {
    let key = receipt_key();
    receipt::sign(receipt, |bytes| key.sign(bytes).as_ref().try_into().expect("64 bytes"))
}

/// A verdict over a receipt, for the schema.
pub(crate) fn audited() -> Verdict {
    let node = Board::default().verdict();
    let signed = signed(&receipt(&node));
    audit_receipt(&signed, &kept(), node).expect("a node")
}

fn kept() -> Exchange {
    Exchange {
        sealed_request: Some(b"sealed".to_vec()),
        opening: Some(Opening { salt: SALT, fingerprint: None }),
        request: Some(b"question".to_vec().into()),
        answer: Some(b"answer".to_vec().into()),
    }
}

fn outcomes(verdict: &Verdict, wanted: Outcome) -> Vec<&'static str> {
    let rows = verdict.ledger.findings().iter();
    let rows = rows.filter(|row| row.check.id.starts_with("receipt.") && row.outcome == wanted);
    rows.map(|row| row.check.id).collect()
}

#[test]
fn a_receipt_of_an_accepted_node_is_accepted_with_all_that_was_kept() {
    let node = Board::default().verdict();
    let signed = signed(&receipt(&node));
    let verdict = audit_receipt(&signed, &kept(), node).expect("a node");
    assert_eq!(
        (verdict.decision, outcomes(&verdict, Outcome::Pass).len()),
        (Decision::Accepted, 8)
    );
    for (form, words) in [
        (report::table(&verdict), "receipt 41 of its boot"),
        (report::html(&verdict), "10 asked, 3 of them computed before; 20 answered"),
    ] {
        assert!(form.contains(words), "{form}");
    }
}

#[test]
fn what_was_not_kept_is_named_and_does_not_pass() {
    let node = Board::default().verdict();
    let signed = signed(&receipt(&node));
    let verdict = audit_receipt(&signed, &Exchange::default(), node).expect("a node");
    assert_eq!(verdict.decision, Decision::Accepted);
    let passed = outcomes(&verdict, Outcome::Pass);
    let always = ["receipt.signature", "receipt.boot_id", "receipt.manifest"];
    assert_eq!(passed, [always[0], always[1], always[2], "receipt.kem_configuration"]);
    assert_eq!(outcomes(&verdict, Outcome::NotGiven).len(), 4);
}

#[test]
fn a_receipt_that_another_key_signed_refuses_an_accepted_node() {
    let node = Board::default().verdict();
    let mut signed = signed(&receipt(&node));
    *signed.last_mut().expect("a signature") ^= 1;
    let verdict = audit_receipt(&signed, &kept(), node).expect("a node");
    assert_eq!((verdict.decision, verdict.crypto), (Decision::Refused, Crypto::Forged));
    assert_eq!(outcomes(&verdict, Outcome::Fail), ["receipt.signature"]);
    assert_eq!(verdict.receipt, None);
}

#[test]
fn another_answer_is_not_the_one_that_was_signed_for() {
    let node = Board::default().verdict();
    let signed = signed(&receipt(&node));
    let other = Exchange { answer: Some(b"another".to_vec().into()), ..kept() };
    let verdict = audit_receipt(&signed, &other, node).expect("a node");
    assert_eq!(verdict.decision, Decision::Refused);
    assert_eq!(outcomes(&verdict, Outcome::Fail), ["receipt.answer"]);
}

#[test]
fn a_receipt_never_makes_a_refused_node_better() {
    let node = Board { other_image: true, ..Board::default() }.verdict();
    let signed = signed(&receipt(&node));
    let verdict = audit_receipt(&signed, &kept(), node).expect("a node");
    assert_eq!((verdict.decision, outcomes(&verdict, Outcome::Fail).len()), (Decision::Refused, 0));
}

#[test]
fn bare_hardware_evidence_names_no_receipt_key() {
    assert_eq!(audit_receipt(&[], &kept(), scene::genoa(None)), Err(NoNode));
}

/// Runs `receipt verify` on files. The machine stands under a root that nobody accepts here.
fn run(receipt: &[u8]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.args(["receipt", "verify"]).arg(file("receipt", receipt));
    command.arg(file("bundle", &Board::default().shown().bundle)).args(["--at", &NOW.to_string()]);
    command.arg("--sealed-request").arg(file("request", b"sealed")).arg("--json");
    let output = command.output().expect("the verifier runs");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn the_command_reads_signed_bytes_and_the_text_of_the_header_alike() {
    let signed = signed(&receipt(&Board::default().verdict()));
    let text = format!("{}\n", URL_SAFE_NO_PAD.encode(&signed));
    let (code, json) = run(&signed);
    assert_eq!((code, &json["receipt"]["tokens"]["completion"]), (Some(1), &20.into()));
    let rows = json["checks"].as_array().expect("checks");
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).expect("a row")["result"].clone();
    assert_eq!(
        (row("snp.chain.root"), row("receipt.request_digest")),
        ("fail".into(), "pass".into())
    );
    assert_eq!(run(text.as_bytes()), (code, json));
}

#[test]
fn the_command_refuses_what_is_no_receipt() {
    let (code, json) = run(b"no receipt");
    assert_eq!((code, &json["receipt"]), (Some(1), &Value::Null));
    let rows = json["checks"].as_array().expect("checks").iter();
    let mut failed = rows.filter(|row| row["result"] == "fail").map(|row| row["id"].clone());
    assert!(failed.any(|id| id == "receipt.signature"));
}
