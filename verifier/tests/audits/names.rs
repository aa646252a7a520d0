//! Names are their authors': what a terminal shows of them cannot look like the verifier's own words.

use std::{
    fs,
    process::{Command, Output},
};

use sealroom_forge::Fake;
use tempfile::TempDir;

use crate::node::{NOW, Node};

/// Turns the line round from here on.
const TURNED: &str = "model \u{202e}detpecca";
/// A line of its own on a screen.
#[cfg(unix)]
const TWO_LINES: &str = "a\naccepted: the evidence is genuinely the vendor's";

fn verifier(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.current_dir(folder.path()).args(arguments).output().expect("the verifier runs")
}

fn written(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    folder
}

/// Both outputs; no line begins with a word that somebody else chose, and none is turned round.
#[track_caller]
fn harmless(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    let hidden = text.chars().find(|one| *one != '\n' && one.is_control() || *one == '\u{202e}');
    assert_eq!(hidden, None, "{text}");
    let own = text.lines().all(|line| !line.starts_with("accepted: the evidence"));
    assert!(own, "{text}");
    text
}

fn bundle(model: &'static str) -> Vec<u8> {
    Node { model, ..Node::default() }.shown(|_| ()).0
}

/// A fleet of one machine with this name, under a policy that pins another model.
fn dry_run(file: &str, model: &'static str) -> Output {
    let policy = format!("version = 1\n[models]\nmodel = [\"{}\"]\n", "02".repeat(32));
    let limits = format!("version = 1\nsequence = 1\nissued = \"{NOW}\"\nuntil = \"{NOW}\"\n");
    let folder = written(&[("policy.toml", policy.as_bytes()), ("draft.toml", limits.as_bytes())]);
    fs::create_dir(folder.path().join("fleet")).expect("a folder");
    fs::write(folder.path().join("fleet").join(file), bundle(model)).expect("a file");
    let root = hex::encode(Fake::snp([3; 32]).sign().root_sha256);
    let at = NOW.to_string();
    let mut arguments = vec!["policy", "dry-run", "draft.toml", "fleet", "--policy", "policy.toml"];
    arguments.extend(["--at", &at, "--danger-accept-simulated", &root]);
    verifier(&folder, &arguments)
}

#[test]
fn a_model_cannot_write_to_the_terminal() {
    let root = hex::encode(Fake::snp([3; 32]).sign().root_sha256);
    let at = NOW.to_string();
    let folder = written(&[("bundle.cbor", &bundle(TURNED))]);
    let check = ["check", "bundle.cbor", "--at", &at, "--danger-accept-simulated", &root];
    assert!(harmless(&verifier(&folder, &check)).contains("model \u{fffd}detpecca"));
    harmless(&verifier(&folder, &["explain", "bundle.cbor"]));
    assert!(harmless(&dry_run("node.cbor", TURNED)).contains("model \u{fffd}detpecca"));
    assert!(harmless(&dry_run("node.cbor", "another")).contains("another"));
}

/// Reasons quote what they refuse.
#[test]
fn a_policy_of_somebody_else_cannot_write_to_the_terminal() {
    let told = |key: &str| {
        let policy = format!("version = 1\n\"{key}\" = 1\n");
        let folder = written(&[("policy.toml", policy.as_bytes())]);
        let refused = verifier(&folder, &["policy", "check", "policy.toml"]);
        assert_eq!(refused.status.code(), Some(3));
        harmless(&refused)
    };
    assert!(told(TURNED).contains("unknown field `model \u{fffd}detpecca`"));
    assert!(told("plain").contains("unknown field `plain`"));
}

#[cfg(unix)]
#[test]
fn a_file_cannot_write_to_the_terminal() {
    assert!(harmless(&dry_run(TWO_LINES, "model")).contains("a\u{fffd}accepted"));
    let report = Fake::snp([3; 32]).sign().report;
    let folder = written(&[("report.bin", &report)]);
    fs::create_dir(folder.path().join("given")).expect("a folder");
    fs::write(folder.path().join("given").join(TWO_LINES), "nothing").expect("a file");
    let told = verifier(&folder, &["check", "report.bin", "--with", "given"]);
    assert_eq!(told.status.code(), Some(3));
    assert!(harmless(&told).contains("a\u{fffd}accepted"));
}
