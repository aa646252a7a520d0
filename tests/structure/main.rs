//! Holds the architecture: arrows between packages, one crypto stack, licences, sources, and no simulator in
//! what ships.

mod audits;
mod docs;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};

fn metadata() -> Metadata {
    let manifest = root().join("Cargo.toml");
    let mut command = MetadataCommand::new();
    command.manifest_path(manifest).features(CargoOpt::AllFeatures);
    command.other_options(["--locked".to_owned()]).exec().expect("cargo metadata")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// Which of our packages each of our packages may link, development dependencies apart.
const ARROWS: [(&str, &[&str]); 8] = [
    ("sealroom-attestation", &[]),
    ("sealroom-forge", &["sealroom-attestation"]),
    ("sealroom-request", &[]),
    ("sealroom-engine", &["sealroom-request"]),
    ("sealroom-verifier", &["sealroom-attestation"]),
    ("sealroom-enclave", &["sealroom-attestation", "sealroom-engine", "sealroom-request"]),
    (
        "sealroom-gateway",
        &["sealroom-attestation", "sealroom-verifier", "sealroom-engine", "sealroom-request"],
    ),
    (
        "sealroom-tests",
        &[
            "sealroom-attestation",
            "sealroom-enclave",
            "sealroom-engine",
            "sealroom-forge",
            "sealroom-gateway",
            "sealroom-verifier",
        ],
    ),
];

#[test]
fn packages_link_only_along_the_arrows() {
    let metadata = metadata();
    let members: BTreeSet<_> =
        metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, known, "a member without arrows, or arrows without a member");
    for (name, allowed) in ARROWS {
        let package = metadata.workspace_packages().into_iter().find(|p| p.name.as_str() == name);
        for dependency in &package.expect("it is a member").dependencies {
            let ours = dependency.name.starts_with("sealroom-");
            if ours && dependency.kind != DependencyKind::Development {
                let found = dependency.name.as_str();
                assert!(allowed.contains(&found), "{name} -> {found} is no arrow of the design");
            }
        }
    }
}

/// What each shipped binary links, by name, development dependencies left out.
fn linked(metadata: &Metadata, from: &str) -> BTreeSet<String> {
    linked_without(metadata, from, None)
}

/// As [`linked`], as if one package linked nothing.
fn linked_without(metadata: &Metadata, from: &str, cut: Option<&str>) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let nodes: BTreeMap<&PackageId, _> =
        resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.packages.iter().find(|p| p.name.as_str() == from).expect("a package");
    let (mut seen, mut queue) = (BTreeSet::new(), vec![&start.id]);
    while let Some(id) = queue.pop() {
        let name = metadata.packages.iter().find(|p| p.id == *id).map(|p| p.name.as_str());
        if !seen.insert(id) || cut.is_some() && name == cut {
            continue;
        }
        for dependency in &nodes[id].deps {
            if dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development) {
                queue.push(&dependency.pkg);
            }
        }
    }
    let packages = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    packages.map(|package| package.name.to_string()).collect()
}

const SHIPPED: [&str; 3] = ["sealroom-enclave", "sealroom-gateway", "sealroom-verifier"];

#[test]
fn nothing_that_ships_links_the_forge_or_makes_rsa_keys() {
    let metadata = metadata();
    for shipped in SHIPPED {
        let linked = linked_without(&metadata, shipped, Some(MEASURING));
        for unwanted in ["sealroom-forge", "sealroom-tests", "rsa", "p384"] {
            assert!(!linked.contains(unwanted), "{shipped} links {unwanted}");
        }
    }
    assert!(!linked(&metadata, "sealroom-enclave").contains("rsa"), "a node makes RSA keys");
}

/// Launch digests come from this crate, and it brings RustCrypto along for certificates that nothing of ours reads.
const MEASURING: &str = "sev";

/// The gateway links the verifier's library; only `measure` reaches into that crate, and only the auditor's command line
/// reaches `measure`.
#[test]
fn launch_digests_are_reached_from_one_command_alone() {
    let verifier = root().join("verifier/src");
    let measure = [verifier.join("measure.rs"), verifier.join("measure")];
    let command = [verifier.join("cli/measure.rs"), verifier.join("cli/measure")];
    let within = |path: &Path, places: &[PathBuf]| places.iter().any(|at| path.starts_with(at));
    let mut reached = 0;
    // This file names what it looks for, and the peers are a workspace of their own.
    let others = [root().join("tests/structure"), root().join("tests/peers")];
    for path in sources().into_iter().filter(|path| !within(path, &others)) {
        let text = fs::read_to_string(&path).expect("a source file");
        let names = text.contains("sev::") || text.contains("use sev");
        assert!(!names || within(&path, &measure), "{} reaches sev", path.display());
        let calls =
            text.contains("crate::measure::") || text.contains("sealroom_verifier::measure");
        let tests = ["verifier/tests", "verifier/fuzz"].map(|folder| root().join(folder));
        let may = within(&path, &command) || within(&path, &tests);
        assert!(!calls || may, "{} reaches measure", path.display());
        reached += usize::from(names) + usize::from(calls);
    }
    assert!(reached > 2, "the sources were not read");
}

/// Crypto beside ring, each with its reason: ML-KEM and HPKE, which ring does not have.
const CRYPTO_EXCEPTIONS: [&str; 5] = ["hpke", "ml-kem", "x-wing", "aes-gcm", "x25519-dalek"];

#[test]
fn ring_is_the_one_crypto_stack_but_for_listed_exceptions() {
    let metadata = metadata();
    let banned =
        ["openssl", "openssl-sys", "aws-lc-rs", "aws-lc-sys", "native-tls", "boring", "mbedtls"];
    for package in &metadata.packages {
        assert!(!banned.contains(&package.name.as_str()), "{} is a second stack", package.name);
    }
    let primitives = [
        "aes-gcm",
        "chacha20poly1305",
        "x25519-dalek",
        "ed25519-dalek",
        "p256",
        "p384",
        "rsa",
        "hpke",
        "ml-kem",
        "x-wing",
        "orion",
        "libsodium-sys",
    ];
    for shipped in SHIPPED {
        let linked = linked_without(&metadata, shipped, Some(MEASURING));
        for primitive in primitives {
            let excepted = CRYPTO_EXCEPTIONS.contains(&primitive);
            assert!(excepted || !linked.contains(primitive), "{shipped} links {primitive}");
        }
        assert!(linked.contains("ring"), "{shipped} does not link ring");
    }
}

#[test]
fn every_dependency_comes_from_the_registry_or_this_tree() {
    for package in &metadata().packages {
        let source = package.source.as_ref().map(ToString::to_string);
        let ours = package.name.starts_with("sealroom-") && source.is_none();
        let registry = source.as_ref().is_some_and(|source| source.starts_with("registry+"));
        assert!(ours || registry, "{} comes from {source:?}", package.name);
    }
}

/// Permissive ones, and MPL-2.0, which asks for its own files alone.
const LICENCES: [&str; 15] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "BSL-1.0",
    "MPL-2.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "CC0-1.0",
];

/// True when an SPDX expression can be kept by choosing only allowed licences.
fn keeps(expression: &str) -> bool {
    let flat = expression
        .replace(['(', ')'], " ")
        .replace('/', " OR ")
        .replace(" WITH LLVM-exception", "");
    let choices = |part: &str| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim()));
    flat.split(" AND ").all(choices)
}

#[test]
fn every_licence_is_one_that_can_be_kept() {
    assert!(
        keeps("MIT OR AGPL-3.0")
            && !keeps("MIT AND AGPL-3.0")
            && keeps("(MIT OR Apache-2.0) AND Unicode-3.0")
    );
    for package in &metadata().packages {
        let licence = package.license.as_deref().unwrap_or("none");
        let by_file = licence == "none" && package.license_file.is_some();
        assert!(keeps(licence) && !by_file, "{} is under {licence}", package.name);
    }
}

/// Every line of ours that could weaken something is found by its name.
#[test]
fn flags_that_weaken_a_check_begin_with_danger() {
    let mut simulated = 0;
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file");
        for weak in ["--insecure", "--skip-", "--no-verify", "--allow-"] {
            assert!(
                !text.contains(weak) || path.ends_with("structure/main.rs"),
                "{weak} in {}",
                path.display()
            );
        }
        simulated += usize::from(text.contains("danger_accept_simulated"));
    }
    assert!(simulated > 2, "the sources were not read");
}

/// A check that nothing produces would stand in lists and never fail.
#[test]
fn every_check_is_produced_somewhere() {
    let definitions = root().join("attestation/src/checks");
    let files = fs::read_dir(&definitions).expect("the checks").flatten();
    let text: String = files.map(|file| fs::read_to_string(file.path()).expect("checks")).collect();
    let names =
        text.lines().filter_map(|line| line.trim().split_once(" = \"").map(|(name, _)| name));
    let names: Vec<_> = names
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c)))
        .collect();
    let product = sources()
        .into_iter()
        .filter(|path| !path.starts_with(root().join("tests")) && !path.starts_with(&definitions));
    let product: String =
        product.map(|path| fs::read_to_string(path).expect("a source file")).collect();
    let unused: Vec<_> =
        names.iter().filter(|name| !product.contains(&format!("::{name}"))).collect();
    assert!(
        names.len() > 100 && unused.is_empty(),
        "{} checks, never produced: {unused:?}",
        names.len()
    );
}

/// Where unsafe code is allowed, each with its reason there: wiping and locking memory, arithmetic, NVIDIA's library.
const UNSAFE: [&str; 4] = [
    "enclave/engine/src/kernels.rs",
    "enclave/engine/src/memory.rs",
    "enclave/src/collect/nvml/library.rs",
    "enclave/src/memory.rs",
];

#[test]
fn unsafe_code_is_allowed_in_listed_files_alone() {
    let allows = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source file");
        text.contains(concat!("expect(", "unsafe_code"))
            || text.contains(concat!("allow(", "unsafe_code"))
    };
    let product =
        ["attestation/src", "verifier/src", "enclave/src", "enclave/engine/src", "gateway/src"];
    let product = product.map(|folder| root().join(folder));
    let sources =
        sources().into_iter().filter(|path| product.iter().any(|at| path.starts_with(at)));
    let found: Vec<_> = sources.filter(allows).collect();
    assert_eq!(found, UNSAFE.map(|file| root().join(file)));
}

/// The workspace's lints cannot see that a member forgot them.
#[test]
fn every_member_takes_the_workspace_lints() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a manifest");
        let lints = manifest.split("[lints").nth(1).unwrap_or_default();
        assert!(!lints.is_empty(), "{} has no lints", package.name);
    }
}

#[test]
fn no_file_of_ours_outgrows_a_reader() {
    for path in sources() {
        let lines = fs::read_to_string(&path).expect("a source file").lines().count();
        assert!(lines <= 600, "{} has {lines} lines: split it", path.display());
    }
}

fn sources() -> Vec<PathBuf> {
    let folders: Vec<_> = metadata().workspace_packages().into_iter().map(folder).collect();
    let mut found = Vec::new();
    let mut queue = folders;
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                queue.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn folder(package: &Package) -> PathBuf {
    package.manifest_path.parent().expect("a folder").into()
}
