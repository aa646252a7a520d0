//! The command line on evidence from real machines, each judged at its own time.

#[path = "support/vectors.rs"]
mod vectors;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use vectors::{Row, each_row, find, rows};

fn verifier(arguments: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.args(arguments).env("NO_COLOR", "1").output().expect("the verifier runs")
}

/// A row ends as its table says, as text and as JSON.
fn ends_as_it_says(row: &Row) {
    let path = |name: &str| find(name).expect("it is here").to_string_lossy().into_owned();
    let arguments = row.arguments(path);
    let told = format!("{} at {}", row.file, row.at);
    let json = verifier(&[&arguments[..], &["--json".to_owned()]].concat());
    assert_eq!(json.status.code(), Some(row.exit), "{told}");
    let verdict: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let checks = verdict["checks"].as_array().expect("checks");
    let failed = checks.iter().filter(|check| check["result"] == "fail");
    let failed: BTreeSet<_> = failed.filter_map(|check| check["id"].as_str()).collect();
    match &row.fails {
        Some(id) => assert!(failed.contains(id.as_str()), "{told}: {failed:?}"),
        None => assert!(failed.is_empty(), "{told}: {failed:?}"),
    }
    let (decision, crypto) = (&verdict["verdict"], &verdict["crypto"]);
    let expected = ["genuine", "forged", "undecided"][row.exit as usize];
    if row.crypto_only {
        assert_eq!((decision, crypto), (&"undecided".into(), &expected.into()), "{told}");
    }
    assert_eq!(verdict["schema"], 1);
    assert_eq!(verdict["simulated"], false);
    let text = verifier(&arguments);
    assert_eq!(text.status.code(), Some(row.exit), "{told}, as text");
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(!text.contains('\u{1b}') && failed.iter().all(|id| text.contains(id)), "{text}");
}

#[test]
fn every_row_of_real_evidence_gets_its_exit_code_and_its_check() {
    each_row(ends_as_it_says);
}

#[test]
fn a_quote_alone_is_undecided_and_its_claims_are_shown_unproven() {
    let quote = find("tdx/v5_td15ex_uptodate_quote.bin").expect("the repository's own");
    let quote = quote.to_string_lossy().into_owned();
    let arguments = ["check", &quote, "--at", "2026-10-20T00:00:00Z", "--json"];
    let output = verifier(&arguments.map(str::to_owned));
    assert_eq!(output.status.code(), Some(2));
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let claims = &verdict["claims"];
    assert_eq!((&claims["platform"], &claims["fmspc"]), (&"tdx".into(), &"b0c06f000000".into()));
    assert_eq!(claims["td"]["attributes"], "0x10000000 sept_ve_disable");
    let checks = verdict["checks"].as_array().expect("checks");
    let row =
        |id: &str| checks.iter().find(|row| row["id"] == id).expect("a row")["result"].clone();
    assert_eq!(row("tdx.quote.signature"), "pass");
    assert_eq!(row("tdx.tcb_info.present"), "not-checked");
    assert_eq!(row("tdx.td.debug"), "not-checked");
}

fn genoa(more: &[&str]) -> Output {
    let path = |name| find(name).expect("the repository's own").to_string_lossy().into_owned();
    let report = path("snp/genoa_v2_report.bin");
    let mut arguments = vec!["check".to_owned(), report];
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    verifier(&arguments)
}

#[test]
fn a_folder_stands_for_every_file_in_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("genoa");
    fs::create_dir_all(folder.join("deeper")).expect("a folder");
    let row = rows().into_iter().find(|row| row.file == "snp/genoa_v2_report.bin");
    let row = row.expect("the repository's own");
    for name in &row.with {
        let file = find(name).expect("the repository's own");
        fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("a copy");
    }
    let path = folder.to_string_lossy();
    let output = genoa(&["--with", &path, "--at", &row.at, "--crypto-only"]);
    assert_eq!(output.status.code(), Some(0));
    fs::write(folder.join("notes.txt"), "nothing").expect("a file");
    let output = genoa(&["--with", &path, "--at", &row.at, "--crypto-only"]);
    fs::remove_file(folder.join("notes.txt")).expect("the same file");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(text.contains("notes.txt"), "{text}");
}

#[test]
fn a_missing_chain_is_undecided_and_never_refused() {
    let output = genoa(&["--at", "2026-06-01T00:00:00Z", "--crypto-only"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("not checked, needed") && text.contains("snp.vek.present"), "{text}");
}

#[test]
fn usage_is_exit_code_three_and_help_is_zero() {
    assert_eq!(verifier(&[]).status.code(), Some(3));
    assert_eq!(verifier(&["--help".to_owned()]).status.code(), Some(0));
    assert_eq!(verifier(&["check".to_owned(), "/nowhere".to_owned()]).status.code(), Some(3));
    assert_eq!(genoa(&["--at", "yesterday"]).status.code(), Some(3));
    assert_eq!(genoa(&["--with", "/nowhere"]).status.code(), Some(3));
    assert_eq!(genoa(&["--nonce", "00"]).status.code(), Some(3));
    assert_eq!(genoa(&["--danger-accept-simulated"]).status.code(), Some(3));
}

/// A device says that it has no bytes and never ends.
#[cfg(unix)]
#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    for more in [&["--with", "/dev/zero"], &["--policy", "/dev/zero"]] {
        let output = genoa(more);
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(text.contains("/dev/zero has more than"), "{text}");
    }
}

#[test]
fn a_nonce_that_nothing_could_cover_is_a_usage_error() {
    let output = genoa(&["--nonce", &"00".repeat(32)]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(text.contains("only a bundle and a GPU's report name a nonce"), "{text}");
}

#[test]
fn a_file_that_is_no_evidence_is_named_with_what_was_expected() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = verifier(&["check".to_owned(), own.to_string_lossy().into_owned()]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(text.contains("neither an evidence bundle nor an SEV-SNP report"), "{text}");
}

#[test]
fn a_page_goes_to_a_file_beside_the_json_or_to_standard_output_alone() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdict.html");
    let path = page.to_string_lossy();
    let at = ["--at", "2026-06-01T00:00:00Z", "--crypto-only"];
    let both = genoa(&[&at[..], &["--json", "--html", &path]].concat());
    assert_eq!(both.status.code(), Some(2));
    let verdict: Value = serde_json::from_slice(&both.stdout).expect("JSON");
    assert_eq!(verdict["at"], "2026-06-01T00:00:00Z");
    let file = fs::read(&page).expect("the page");
    let alone = genoa(&[&at[..], &["--html", "-"]].concat());
    assert_eq!((alone.status.code(), alone.stdout), (Some(2), file));
    let mixed = genoa(&[&at[..], &["--json", "--html", "-"]].concat());
    assert_eq!((mixed.status.code(), mixed.stdout), (Some(3), Vec::new()));
}

/// An Ed25519 key as OpenSSL writes it: PKCS #8 without the public key.
fn signing_key(name: &str, pem: bool) -> String {
    let der = [&hex::decode("302e020100300506032b657004220420").expect("digits")[..], &[5; 32]];
    let der = der.concat();
    let text = sealroom_attestation::x509::canonical("PRIVATE KEY", [&der[..]]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, if pem { text.into_bytes() } else { der }).expect("a file");
    path.to_string_lossy().into_owned()
}

#[test]
fn an_attestation_result_is_signed_with_the_callers_key() {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use sealroom_attestation::{UnixTime, digests::Nonce};
    use sealroom_verifier::ear::{Expected, Status, verify};

    let key = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a key");
    let public_key = key.public_key().as_ref().try_into().expect("32 bytes");
    let nonce = "11".repeat(32);
    let at = ["--at", "2026-06-01T00:00:00Z", "--crypto-only"];
    let ear = |more: &[&str]| genoa(&[&at[..], &["--ear", "-"], more].concat());
    for pem in [false, true] {
        let key = signing_key(if pem { "key.pem" } else { "key.der" }, pem);
        let output = ear(&["--ear-key", &key, "--ear-nonce", &nonce]);
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        let expected = Expected { nonce: Nonce([0x11; 32]), audience: None };
        let now = UnixTime::from_rfc3339("2026-06-01T00:05:00Z").expect("a time");
        let result = verify(&output.stdout, &public_key, &expected, now).expect("a result");
        assert_eq!(result.status(), Status::None);
    }
    let key = signing_key("again.der", false);
    let usage = |more: &[&str], words: &str| {
        let output = ear(more);
        assert_eq!((output.status.code(), output.stdout), (Some(3), Vec::new()), "{words}");
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(text.contains(words), "{text}");
    };
    usage(&["--ear-nonce", &nonce], "--ear-key");
    usage(&["--ear-key", &key], "give --ear-nonce or --nonce");
    usage(&["--ear-key", &key, "--ear-nonce", &nonce, "--json"], "standard output");
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    usage(&["--ear-key", own, "--ear-nonce", &nonce], "is no Ed25519 key in PKCS #8");
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let output = verifier(&["schema".to_owned()]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/verdict-1.json");
    assert_eq!((output.status.code(), output.stdout), (Some(0), fs::read(file).expect("the file")));
}
