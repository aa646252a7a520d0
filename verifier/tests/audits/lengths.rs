//! Lengths are an attacker's: evidence that declares gigabytes is refused in little memory.

use std::{fs, path::Path, process::Command};

use sealroom_attestation::node::Freshness;
use sealroom_forge::{Fake, FakeGpu};

use crate::{
    node::Node,
    scene::{snp, tdx},
};

/// All the address space that the verifier gets, KiB: its own code, its stacks, and 4 MiB that it may read.
const ROOM: u32 = 64 * 1024;

/// Checks files in that room, under the forged vendor's root: the exit code and both outputs.
fn checked(evidence: &[u8], endorsements: &[&[u8]]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("a file");
    };
    write("evidence", evidence);
    let mut arguments = vec!["check".to_owned(), "evidence".to_owned()];
    for (number, file) in endorsements.iter().enumerate() {
        write(&number.to_string(), file);
        arguments.extend(["--with".to_owned(), number.to_string()]);
    }
    arguments.extend(["--at", "2026-06-01T00:00:00Z", "--crypto-only"].map(str::to_owned));
    for root in [snp().sign().root_sha256, gpu().sign().root_sha256] {
        arguments.extend(["--danger-accept-simulated".to_owned(), hex::encode(root)]);
    }
    in_room(folder.path(), &arguments)
}

fn in_room(folder: &Path, arguments: &[String]) -> (Option<i32>, String) {
    let limited = format!("ulimit -v {ROOM} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(folder).args(["-c", &limited]);
    command.arg(env!("CARGO_BIN_EXE_sealroom-verifier")).args(arguments);
    let output = command.output().expect("a shell");
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}

fn gpu() -> FakeGpu {
    Fake::gpu([3; 32])
}

/// A megabyte behind it: what is declared is still far from there.
fn long(mut file: Vec<u8>) -> Vec<u8> {
    file.resize(1 << 20, 0x5a);
    file
}

#[track_caller]
fn refuses(told: (Option<i32>, String), id: &str) {
    let (exit, text) = told;
    let failed = text.lines().any(|line| line.trim().starts_with(id) && line.contains("FAIL"));
    assert!(exit == Some(1) && failed, "{exit:?}\n{text}");
}

#[track_caller]
fn accepts((exit, text): (Option<i32>, String)) {
    assert_eq!(exit, Some(0), "{text}");
}

/// Nothing was wrong with the bytes: only whoever vouches for them is absent.
#[track_caller]
fn reads((exit, text): (Option<i32>, String)) {
    assert!(exit == Some(2) && !text.contains("FAIL"), "{exit:?}\n{text}");
}

#[test]
fn evidence_that_declares_gigabytes_is_refused_in_64_mib() {
    let forged = tdx().sign();
    let quote = |place: usize, length: &[u8]| {
        let mut quote = forged.quote.clone();
        quote[place..place + length.len()].copy_from_slice(length);
        quote
    };
    let id = "tdx.quote.encoding";
    let places =
        [forged.offsets.length, forged.offsets.certification + 2, forged.offsets.chain + 2];
    for place in places {
        refuses(checked(&quote(place, &[0xff; 4]), &[]), id);
        refuses(checked(&long(quote(place, &[0xff; 4])), &[]), id);
    }
    reads(checked(&snp().sign().report, &[]));

    reads(checked(&gpu().sign().report, &[]));
    let blocks = gpu().sign().offsets.blocks;
    let record = gpu().raw(blocks - 3, &[0xff; 3]).sign().report;
    refuses(checked(&record, &[]), "gpu.report.encoding");

    let (bundle, _) = Node::default().shown(|policy| policy.freshness = Freshness::Cached);
    accepts(checked(&bundle, &[]));
    // The statement, the first byte string of the map, is of 4 GiB or of all that 64 bits can say.
    for head in [&[0x5a, 0xff, 0xff, 0xff, 0xff][..], &[&[0x5b][..], &[0xff; 8]].concat()] {
        let declared = [&[0xa8, 1, 1, 2][..], head].concat();
        refuses(checked(&long(declared), &[]), "bundle.encoding");
    }
}

#[test]
fn endorsements_that_declare_gigabytes_are_refused_in_64_mib() {
    let forged = snp().sign();
    let certificates = forged.certificates();
    let given: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    accepts(checked(&forged.report, &given));
    let pem = "-----BEGIN CERTIFICATE-----\n".repeat(40_000);
    for file in [
        long([&[0x30, 0x84][..], &[0xff; 4], &[0x30]].concat()),
        long([&[0x30, 0x88][..], &[0xff; 8], &[0x30]].concat()),
        "{\"tcbInfo\":".repeat(90_000).into_bytes(),
        pem.into_bytes(),
    ] {
        let (exit, text) = checked(&forged.report, &[&file]);
        assert!(exit == Some(3) && text.starts_with("error: "), "{exit:?}\n{text}");
    }
    let forged = gpu().sign();
    accepts(checked(&forged.report, &[&forged.chain_pem]));
    let with = |file: String| checked(&forged.report, &[&forged.chain_pem, file.as_bytes()]);
    let xml = format!("<SoftwareIdentity>{}", "<a>".repeat(300_000));
    refuses(with(xml), "gpu.rim.decode");
    refuses(with("[".repeat(1 << 20)), "gpu.nras.decode");
}
