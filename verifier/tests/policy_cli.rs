//! Policies at the command line: written, checked, compared, tried on a fleet.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use sealroom_attestation::checks;
use sealroom_forge::{Fake, FakeSnp};
use sealroom_verifier::{KEYS, Key, Policy, PolicyError};
use tempfile::TempDir;

const NOW: &str = "2026-06-01T00:00:00Z";

fn verifier(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.args(arguments).output().expect("the verifier runs")
}

#[track_caller]
fn text(output: &Output, code: i32) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn chip() -> FakeSnp {
    Fake::snp([3; 32]).measurement([7; 48])
}

/// A folder with the chip's report and endorsements, and the root's digest.
fn folder(chip: &FakeSnp) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let forged = chip.sign();
    let file = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect(name);
    file("report.bin", &forged.report);
    for (number, certificate) in forged.certificates().iter().enumerate() {
        file(&format!("certificate-{number}.der"), certificate);
    }
    file("list.crl", &forged.crl);
    (folder, hex::encode(forged.root_sha256))
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// `policy init` on this folder, written beside it.
fn initialised(folder: &TempDir, root: &str) -> (String, TempDir, String) {
    let mut arguments = vec!["policy", "init", "--at", NOW, "--danger-accept-simulated", root];
    let (report, given) = (path(folder, "report.bin"), endorsements(folder));
    arguments.extend(["--from", &report]);
    given.iter().for_each(|one| arguments.extend(["--with", one]));
    let policy = text(&verifier(&arguments), 0);
    let beside = tempfile::tempdir().expect("a folder");
    let file = path(&beside, "policy.toml");
    fs::write(&file, &policy).expect("a policy");
    (policy, beside, file)
}

fn endorsements(folder: &TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path()).expect("a folder").flatten();
    let paths = names.map(|entry| entry.path().display().to_string());
    paths.filter(|path| !path.ends_with("report.bin")).collect()
}

fn check(folder: &TempDir, root: &str, policy: &str) -> Output {
    let (report, given) = (path(folder, "report.bin"), endorsements(folder));
    let mut arguments = vec!["check", &report, "--at", NOW, "--policy", policy];
    arguments.extend(["--danger-accept-simulated", root]);
    given.iter().for_each(|one| arguments.extend(["--with", one]));
    verifier(&arguments)
}

#[test]
fn a_policy_from_a_machine_accepts_it_and_no_other() {
    let (known, root) = folder(&chip());
    let (policy, _beside, file) = initialised(&known, &root);
    assert!(policy.starts_with("# SIMULATED"), "{policy}");
    assert!(policy.contains("the evidence is genuine"), "{policy}");
    for line in ["vmpls = [0]", "generations = [\"genoa\"]", "flags.platform_ecc = \"required\""] {
        assert!(policy.contains(line), "{line}\n{policy}");
    }
    text(&check(&known, &root, &file), 0);
    for other in [chip().measurement([8; 48]), chip().chip(9), chip().platform_info(0x21)] {
        let (other, root) = folder(&other);
        text(&check(&other, &root, &file), 1);
    }
    let (unproven, root) = folder(&chip());
    endorsements(&unproven).iter().for_each(|one| fs::remove_file(one).expect("a file"));
    let (policy, _beside, _) = initialised(&unproven, &root);
    assert!(policy.contains("NOT PROVEN (undecided)"), "{policy}");
}

#[test]
fn a_policy_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).expect(name);
        path(&folder, name)
    };
    let open = verifier(&["policy", "check", &write("open.toml", "version = 1\n")]);
    assert!(text(&open, 2).contains("pin no image"));
    let pinned = format!("version = 1\n[snp.measurements]\na = \"{}\"\n", "07".repeat(48));
    let pinned = verifier(&["policy", "check", &write("pinned.toml", &pinned)]);
    assert!(text(&pinned, 0).contains("pins no model"));
    let wrong = verifier(&["policy", "check", &write("wrong.toml", "version = 1\nfresh = 1\n")]);
    assert_eq!(wrong.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("fresh"));
}

#[test]
fn two_policies_differ_in_the_rules_that_differ_defaults_included() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), format!("version = 1\n{content}")).expect(name);
        path(&folder, name)
    };
    let (bare, same) = (write("a.toml", ""), write("b.toml", "freshness = \"hardware\"\n"));
    let loose = write("c.toml", "[snp]\nvmpls = [0, 1]\n[gpu]\ncount = 8\n");
    assert_eq!(text(&verifier(&["policy", "diff", &bare, &same]), 0), "");
    let shown = text(&verifier(&["policy", "diff", &bare, &loose]), 1);
    assert_eq!(shown, "- snp.vmpls = [0]\n+ snp.vmpls = [0, 1]\n+ gpu.count = 8\n");
    let json = text(&verifier(&["policy", "diff", &loose, &bare, "--json"]), 1);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[1]["key"], "gpu.count");
    assert_eq!((&json[1]["old"], &json[1]["new"]), (&"8".into(), &serde_json::Value::Null));
}

#[test]
fn a_dry_run_says_which_machines_a_bulletin_would_break_and_why() {
    let (fleet, root) = folder(&chip());
    let (_, beside, policy) = initialised(&fleet, &root);
    let draft = |name: &str, boot_loader: u8| {
        let text = format!(
            "version = 1\nsequence = 1\nissued = \"{NOW}\"\nuntil = \"{NOW}\"\n[snp.minimum_tcb.genoa]\n\
             boot_loader = {boot_loader}\ntee = 0\nsnp = 0\nmicrocode = 0\n"
        );
        fs::write(beside.path().join(name), text).expect(name);
        path(&beside, name)
    };
    let run = |bulletin: &str| {
        let fleet = fleet.path().display().to_string();
        let mut arguments = vec!["policy", "dry-run", bulletin, &fleet, "--policy", &policy];
        arguments.extend(["--at", NOW, "--danger-accept-simulated", &root]);
        verifier(&arguments)
    };
    let harmless = text(&run(&draft("low.toml", 0)), 0);
    assert!(harmless.contains("0 of 1 would change"), "{harmless}");
    let broken = text(&run(&draft("high.toml", 255)), 1);
    assert!(broken.contains("accepted -> refused: snp.tcb.reported boot loader is"), "{broken}");
}

/// Made by another program: `openssl genpkey -algorithm ed25519`, of the seed of RFC 8032 §7.1, test 1.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[test]
fn a_bulletin_is_signed_and_used_at_the_command_line() {
    let (known, root) = folder(&chip());
    let (policy, beside, file) = initialised(&known, &root);
    let table = "[bulletins]\n";
    let keys = format!("{table}need = \"required\"\nkeys = {{ team = \"{PUBLIC}\" }}\n");
    fs::write(&file, policy.replacen(table, &keys, 1)).expect("a policy");
    text(&check(&known, &root, &file), 2);
    let (draft, key) = (path(&beside, "draft.toml"), path(&beside, "key.pem"));
    let body = format!("version = 1\nsequence = 1\nissued = \"{NOW}\"\nuntil = \"{NOW}\"\n");
    fs::write(&draft, body).expect("a draft");
    fs::write(&key, KEY).expect("a key");
    let signed = verifier(&["bulletin", "sign", &draft, "--key", &key]);
    assert!(String::from_utf8_lossy(&signed.stderr).contains(PUBLIC));
    let bulletin = path(&beside, "signed.toml");
    fs::write(&bulletin, text(&signed, 0)).expect("a bulletin");
    let shown = verifier(&["bulletin", "check", &bulletin, "--policy", &file]);
    assert!(text(&shown, 0).starts_with("team 1:"));
    let with = |bulletin: &str| {
        let (report, given) = (path(&known, "report.bin"), endorsements(&known));
        let mut arguments = vec!["check", &report, "--at", NOW, "--policy", &file];
        arguments.extend(["--danger-accept-simulated", &root, "--bulletin", bulletin]);
        given.iter().for_each(|one| arguments.extend(["--with", one]));
        verifier(&arguments)
    };
    text(&with(&bulletin), 0);
    let unsigned = with(&draft);
    assert_eq!(unsigned.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&unsigned.stderr).contains("the last line is not"));
}

/// A full policy has every key, and every key is in a full policy; each names checks that exist.
#[test]
fn every_key_is_on_the_list_and_the_list_has_no_other() {
    let full = Policy::from_toml(include_str!("../src/policy/reference/example.toml"));
    let rules = full.expect("a policy").rules();
    let used: BTreeSet<_> = rules
        .iter()
        .map(|rule| Key::of(&rule.key).unwrap_or_else(|| panic!("{} is on no list", rule.key)))
        .map(|key| key.path)
        .collect();
    let listed: BTreeSet<_> = KEYS.iter().map(|key| key.path).collect();
    assert_eq!((used, listed.len()), (listed, KEYS.len()));
    let known: BTreeSet<_> = checks::all().map(|check| check.id).collect();
    for key in KEYS {
        assert!(key.checks.iter().all(|id| known.contains(id)), "{key:?}");
        assert!(
            !key.meaning.is_empty() && !key.checks.is_empty() || key.path.starts_with("danger")
        );
    }
}

/// Whatever is left out of a full policy is known by its default, and whatever is misspelt is refused.
#[test]
fn a_key_that_is_misspelt_is_refused_wherever_it_stands() {
    let full = include_str!("../src/policy/reference/example.toml");
    let keys = full.lines().filter(|line| !line.starts_with(['#', '[', '"']));
    let mut tried = 0;
    for line in keys.filter(|line| line.contains(" = ")) {
        if line.starts_with("measurements") || full.matches(line).count() != 1 {
            continue;
        }
        let changed = full.replacen(&format!("\n{line}"), &format!("\nx{line}"), 1);
        let error = Policy::from_toml(&changed).expect_err(line);
        let named = line.split(' ').next().expect("a key");
        match error {
            PolicyError::Syntax(text) => assert!(text.contains(named), "{line}: {text}"),
            PolicyError::Value { field, found, .. } => {
                assert!(format!("{field} {found}").contains(named), "{line}");
            }
            other => panic!("{line}: {other}"),
        }
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}
