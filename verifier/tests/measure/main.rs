//! `measure snp`: launch digests, held against another implementation, and what is refused.
//!
//! The digests in [`GOLDEN`] are those of `sev-snp-measure` 0.0.13 from PyPI on the same bytes. The first test leaves the
//! files in `target/tmp/measure`; there each line of the table is this command with the line's own options, where `full`
//! and `plain` stand for `--ovmf full.fd` and `--ovmf plain.fd`:
//!
//! ```sh
//! python3 -m venv venv && venv/bin/pip install sev-snp-measure==0.0.13
//! venv/bin/sev-snp-measure --mode snp --ovmf full.fd --vcpus 4 --vcpu-type EPYC-v4 --kernel kernel --initrd initrd
//! ```

mod hostile;
mod image;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use image::Image;
use sealroom_verifier::Policy;
use serde_json::Value;

/// The files that every test here reads: written once more by each, always with the same bytes.
fn files() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("measure");
    fs::create_dir_all(&folder).expect("a folder");
    let kernel: Vec<u8> = (0..10_000_u32).map(|at| (at % 241) as u8).collect();
    for (name, bytes) in [
        ("full.fd", Image::new().build()),
        ("plain.fd", Image::without_hashes().build()),
        ("kernel", kernel),
        ("initrd", b"an initial file system".to_vec()),
    ] {
        // A test beside this one may read it at this moment: a whole file takes its place.
        let whole = tempfile::NamedTempFile::new_in(&folder).expect("a file");
        fs::write(whole.path(), bytes).expect("written");
        whole.persist(folder.join(name)).expect("in its place");
    }
    folder
}

fn measure(options: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
    command.current_dir(files()).env("NO_COLOR", "1").args(["measure", "snp"]);
    // A command line has blanks: it stands in the table with underscores.
    command.args(options.split_whitespace().map(|option| option.replace('_', " ")));
    command.output().expect("the verifier runs")
}

fn digests(options: &str) -> Vec<String> {
    let output = measure(&format!("{options} --json"));
    assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["schema"], 1);
    let rows = json["measurements"].as_array().expect("measurements").iter();
    rows.map(|row| row["digest"].as_str().expect("a digest").to_owned()).collect()
}

const GOLDEN: [(&str, &str); 10] = [
    (
        "full.fd --vcpus 1 --vcpu-type EPYC",
        "4b2ef5c2886de0f3b806839fac454d82b1c3e23b52f39171240484b8b15dd79c296e9d27804ad7578b849c0365434c8d",
    ),
    (
        "full.fd --vcpus 4 --vcpu-type EPYC-v4",
        "2a6e743ecd848d528ad24cfcef0b7f5b2264a4ca52f7f97bd7e09b96c5aee7019ef9beb5043a26ed8de5327e3c181ac5",
    ),
    (
        "full.fd --vcpus 64 --vcpu-type EPYC-Milan --guest-features 0x21",
        "cb34b032853b4e2a7cb1050c1fd5a684d2d867b8543d5bd15c12dc400a960d9f1cf23196fb05a15b14c7d6a6802d2f36",
    ),
    (
        "plain.fd --vcpus 2 --vcpu-type EPYC-Rome",
        "a644e2d4420ae42040dee630c65831081a21730e87a43a759cd519a9d1e44e870e3880b342668a2b58bdf0e4bbce5aa6",
    ),
    (
        "plain.fd --vcpus 2 --vcpu-sig 0xa10f10",
        "b48cefd26fb706c3248ebf687af1bea144ab8419958a1e2378d54f434aab42eb263f06892b9f207d09917f091cdba664",
    ),
    (
        "plain.fd --vcpus 8 --vcpu-type EPYC-Turin --guest-features 0x1",
        "f0cb8be317929b5222f3bd7f9ec65f228dc72b8a9bc173f6abadf7743351d4fa9da583aec02d7bb9e4a1f091d55a4daa",
    ),
    (
        "full.fd --vcpus 4 --vcpu-type EPYC-v4 --kernel kernel",
        "bb8314796110fd68c8993893e3078ca5761f0cdacaa7ac1ff0f2b8c371396ae6bad6165499e8be1759925c22b0f4e5cb",
    ),
    (
        "full.fd --vcpus 4 --vcpu-type EPYC-v4 --kernel kernel --initrd initrd",
        "b293757c6deea641b4c8f12ad61faf4af9448d957c40e9a4a7f4e7d4c4bb5a5fdb8d0bb63f0642e679d8e35762d52e90",
    ),
    (
        "full.fd --vcpus 4 --vcpu-type EPYC-Genoa --kernel kernel --initrd initrd --append console=ttyS0_quiet",
        "f60e0e611b744714ff73783be270ee955a71104ee7dc7524344db5548fcde73cab1bf4386a1214a5e02e9938a7cef067",
    ),
    (
        "full.fd --vcpus 4 --vcpu-type EPYC-v4 --kernel kernel --append quiet --guest-features 0x3ff",
        "bd25b558f428ed702665154fe004ac09f43159500bd864a04402ba95d451f3a93daa4b97a72f1badb5fc159ae1f951e1",
    ),
];

#[test]
fn digests_are_those_of_another_implementation() {
    for (options, digest) in GOLDEN {
        assert_eq!(digests(&format!("--ovmf {options}")), [digest], "{options}");
    }
}

#[test]
fn every_number_of_vcpus_has_its_own_digest_in_one_table_for_a_policy() {
    let given = "--ovmf full.fd --vcpu-type epyc-V4 --name image_12 --vcpus";
    let output = measure(&format!("{given} 4,2 --vcpus 16 --vcpus 2"));
    let table = String::from_utf8(output.stdout).expect("text");
    assert!(table.starts_with("[snp.measurements]\n"), "{table}");
    let policy = Policy::from_toml(&format!("version = 1\n{table}")).expect("a policy");
    let names: Vec<_> = policy.snp.measurements.keys().cloned().collect();
    let expected = ["16", "2", "4"].map(|vcpus| format!("image 12, {vcpus} EPYC-v4 vCPUs"));
    assert_eq!(names, expected);
    let measured = policy.snp.measurements.values().map(ToString::to_string);
    let alone = ["16", "2", "4"].map(|vcpus| digests(&format!("{given} {vcpus}")).remove(0));
    assert_eq!(measured.collect::<Vec<_>>(), alone);
}

/// What a policy pins can be computed again by anybody, and no byte of what boots is left out.
#[test]
fn the_same_files_measure_alike_and_one_other_byte_does_not() {
    let folder = files();
    let launch = |firmware: &str, kernel: &str, initrd: &str| {
        let options = "--vcpus 2 --vcpu-type EPYC-Genoa";
        digests(&format!("--ovmf {firmware} --kernel {kernel} --initrd {initrd} {options}"))
    };
    let same = launch("full.fd", "kernel", "initrd");
    assert_eq!(launch("full.fd", "kernel", "initrd"), same);
    for name in ["full.fd", "kernel", "initrd"] {
        let mut bytes = fs::read(folder.join(name)).expect("a file");
        bytes[20] ^= 1;
        let other = format!("other-{name}");
        fs::write(folder.join(&other), bytes).expect("written");
        let instead = |file: &'static str| if file == name { &*other } else { file };
        let changed = launch(instead("full.fd"), instead("kernel"), instead("initrd"));
        assert_ne!(changed, same, "{name}");
    }
}

#[test]
fn a_processor_has_one_digest_whichever_way_it_is_named() {
    let by = |name| digests(&format!("--ovmf full.fd --vcpus 3 {name}"));
    let named = by("--vcpu-type EPYC-Genoa");
    assert_eq!(by("--vcpu-sig 0xa10f10"), named);
    assert_eq!(by("--vcpu-family 25 --vcpu-model 17 --vcpu-stepping 0"), named);
    assert_ne!(by("--vcpu-type EPYC-Milan"), named);
}

/// Each with the field that it names; the accepted twins are above.
#[test]
fn refuses_what_is_missing_or_contradicts_itself_by_name() {
    let refused = [
        ("--vcpus 1 --vcpu-type EPYC", "--ovmf: found none, expected a firmware image"),
        ("--ovmf full.fd --vcpu-type EPYC", "--vcpus: found none, expected numbers from 1 to 4096"),
        ("--ovmf full.fd --vcpu-type EPYC --vcpus 0", "--vcpus: found 0, expected numbers"),
        ("--ovmf full.fd --vcpu-type EPYC --vcpus 4097", "--vcpus: found 4097, expected numbers"),
        ("--ovmf full.fd --vcpu-type EPYC --vcpus 2,-1", "--vcpus: found -1, expected numbers"),
        ("--ovmf full.fd --vcpus 1", "--vcpu-type: found none, expected one of --vcpu-type"),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type 486",
            "--vcpu-type: found 486, expected a processor",
        ),
        ("--ovmf full.fd --vcpus 1 --vcpu-sig 1", "--vcpu-sig: found 1, expected 0x800f12"),
        ("--ovmf full.fd --vcpus 1 --vcpu-family 25", "--vcpu-family: found 1 of"),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type EPYC --vcpu-sig 0x800f12",
            "--vcpu-type: found several names of a processor",
        ),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type EPYC --guest-features 0x20",
            "--guest-features: found 0x20, expected up to 16 hexadecimal digits with bit 0",
        ),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type EPYC --initrd initrd",
            "--initrd: found it without --kernel",
        ),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type EPYC --append a",
            "--append: found it without --kernel",
        ),
        (
            "--ovmf full.fd --vcpus 1 --vcpu-type EPYC --kernel kernel --append a_",
            "--append: found white space around it",
        ),
        (
            "--ovmf plain.fd --vcpus 1 --vcpu-type EPYC --kernel kernel",
            "--kernel: found firmware without a page for a kernel's hashes",
        ),
        ("--ovmf full.fd --vcpus 1 --vmm-type ec2", "--vmm-type: found ec2, expected qemu"),
        ("--ovmf . --vcpus 1 --vcpu-type EPYC", "--ovmf: found a folder, pipe or device"),
        ("--ovmf kernel --vcpus 1 --vcpu-type EPYC", "--ovmf kernel\n  do: give an OVMF image"),
    ];
    for (options, message) in refused {
        let output = measure(options);
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{options}: {told}");
        assert!(told.starts_with(&format!("error: {message}")), "{options}: {told}");
        assert!(told.contains("\n  do: "), "{options}: {told}");
    }
}
