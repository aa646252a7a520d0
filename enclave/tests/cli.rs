//! The node's binary: what it says, how it exits, and what it does not hold.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn enclave(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-enclave"));
    command.args(arguments).env("NO_COLOR", "1").output().expect("the binary runs")
}

fn check(config: &str) -> (Option<i32>, String) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), config).expect("a configuration");
    let path = file.path().to_str().expect("UTF-8");
    let output = enclave(&["check-config", "--config", path]);
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_configuration_is_checked_field_by_field() {
    let good = "[model]\npath = \"/model.gguf\"\nname = \"model\"\n";
    assert_eq!(check(good).0, Some(0));
    let (code, told) = check(&format!("{good}[padding]\nminimum = \"some\"\n"));
    assert_eq!(code, Some(2));
    assert!(told.contains("padding.minimum") && told.contains("some"), "{told}");
    let (code, told) = check(&format!("{good}[simulation]\nroot = \"x\"\n"));
    assert_eq!(code, Some(2));
    assert!(told.contains("simulation"), "{told}");
}

#[test]
fn several_models_are_checked_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("written");
        folder.path().join(name).to_str().expect("UTF-8").to_owned()
    };
    let shared = write("node.toml", "[engine]\ncontext = 512\n");
    let entry = |name: &str, port: u16| {
        format!(
            "[[models]]\nmodel = {{ name = \"{name}\", path = \"/m\" }}\nlisten.address = \"[::1]:{port}\"\n"
        )
    };
    let check = |models: &str| enclave(&["check-config", "--config", &shared, "--models", models]);
    let two = check(&write("two.toml", &(entry("a", 1) + &entry("b", 2))));
    let told = String::from_utf8(two.stdout).expect("UTF-8");
    assert_eq!(two.status.code(), Some(0), "{told}");
    let names: Vec<_> = told.lines().filter(|line| line.starts_with("model.name")).collect();
    assert_eq!(names, ["model.name = a", "model.name = b"]);
    assert_eq!(told.matches("engine.context = 512").count(), 2);
    let same = check(&write("same.toml", &(entry("a", 1) + &entry("a", 2))));
    let told = String::from_utf8(same.stderr).expect("UTF-8");
    assert_eq!(same.status.code(), Some(2));
    assert!(told.contains("same.toml: model 2: setting model.name is a"), "{told}");
}

#[test]
fn usage_is_exit_code_three_and_help_is_zero() {
    assert_eq!(enclave(&[]).status.code(), Some(3));
    assert_eq!(enclave(&["--help"]).status.code(), Some(0));
    assert_eq!(enclave(&["run", "--simulated"]).status.code(), Some(3));
}

#[test]
fn a_file_that_is_no_model_is_refused_with_what_to_do() {
    let file = tempfile::NamedTempFile::with_suffix(".gguf").expect("a file");
    fs::write(file.path(), "no weights").expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let output = enclave(&["try", "--model", path, "--name", "m"]);
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("error: loading the model: the file is not a readable GGUF"), "{told}");
    assert!(told.contains("next: use a model that this engine supports"), "{told}");
    let output = enclave(&["try", "--model", "/nonexistent/m.gguf", "--name", "m"]);
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(told.contains("error: reading m.gguf: "), "{told}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_gpus_tries_no_model_on_one() {
    let file = tempfile::NamedTempFile::with_suffix(".gguf").expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let output = enclave(&["try", "--model", path, "--name", "m", "--device", "cuda"]);
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{told}");
    let expected = "setting device is cuda:0: cpu, or a build for GPUs expected";
    assert!(told.contains(expected), "{told}");
}

/// The forge's keys are published; a binary that holds them could vouch for itself.
#[test]
fn the_binary_holds_no_simulator() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/forge/keys");
    let binary = fs::read(env!("CARGO_BIN_EXE_sealroom-enclave")).expect("the binary");
    let holds = |haystack: &[u8], needle: &[u8]| {
        haystack.windows(needle.len()).any(|window| window == needle)
    };
    let mut searched = 0;
    for key in fs::read_dir(keys).expect("the forge's keys").flatten() {
        let key = fs::read(key.path()).expect("a key");
        let needle = key.get(64..128).expect("a modulus");
        assert!(holds(&key, needle), "the control: the search finds what is there");
        assert!(!holds(&binary, needle), "a key of the forge is in the binary");
        searched += 1;
    }
    assert!(searched >= 6, "the forge's keys were not found");
}
