//! Clients that people have, unchanged but for their base URL: the official SDKs, LangChain, and schemathesis on our document.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sealroom_tests::echo::Echo;
use serde_json::{Value, json};

use crate::support::{MODEL, Pair, default_engine, ground, ground_of};

/// Versions are pinned: a test that changes by itself says nothing.
const PYTHON: [&str; 3] = ["openai==3.57.0", "langchain-openai==1.7.4", "schemathesis==4.32.5"];
const NODE: &str = "openai@7.57.0";

/// A folder under the target folder that later runs find again, filled once.
fn home(name: &str, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let ready = home.join("ready");
    if !ready.exists() {
        drop(fs::remove_dir_all(&home));
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        fill(&home)?;
        fs::write(ready, name).map_err(|error| error.to_string())?;
    }
    Ok(home)
}

/// Each test has its own: they run at once.
fn python(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let versions = packages.join("-").replace("==", "-");
    let home = home(&format!("{name}-{versions}"), |home| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(home.join("bin/python")).args(pip).args(packages)).map(drop)
    })?;
    Ok(home.join("bin/python"))
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let [said, told] =
        [output.stdout, output.stderr].map(|one| String::from_utf8_lossy(&one).into_owned());
    Err(said + &told)
}

/// What was installed. Where nothing can be, a person is told and the test skipped; in CI that is a failure.
fn installed(tried: Result<PathBuf, String>) -> Option<PathBuf> {
    let reason = match tried {
        Ok(path) => return Some(path),
        Err(reason) => reason,
    };
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "not installed: {reason}");
    let told = format!("skipped: it could not be installed: {reason}\n");
    std::io::stderr().write_all(told.as_bytes()).expect("standard error");
    None
}

/// Runs a program against an endpoint; gives what it printed, JSON.
async fn says(mut program: Command, pair: &Pair) -> Value {
    program.arg(format!("http://{}/v1", pair.connect.address())).arg(MODEL);
    let said = tokio::task::spawn_blocking(move || run(&mut program)).await.expect("no panic");
    let said = said.unwrap_or_else(|reason| panic!("{reason}"));
    serde_json::from_slice(&said).expect("JSON")
}

fn script(python: PathBuf, text: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", text]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_completes_streams_lists_and_reads_an_error() {
    let Some(python) = installed(python("sdk", &PYTHON[..1])) else { return };
    let pair = Pair::start(&ground(Echo::new())).await;
    let said = says(script(python, include_str!("sdk/plain.py")), &pair).await;
    let refused = said["refused"]["message"].as_str().unwrap_or_default();
    assert!(refused.contains("gpt-17") && refused.contains(MODEL), "{said}");
    let expected = json!({
        "models": [MODEL],
        "whole": "one two three",
        "whole_tokens": 3,
        "streamed": "one two three",
        "streamed_tokens": 3,
        "legacy": "four ",
        "legacy_finish": "length",
        "refused": { "code": "model_not_found", "message": refused },
    });
    assert_eq!(said, expected);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_calls_tools_parses_answers_and_weighs_tokens() {
    let Some(python) = installed(python("features", &PYTHON[..1])) else { return };
    let pair = Pair::start(&ground_of(default_engine().await)).await;
    let said = says(script(python, include_str!("sdk/features.py")), &pair).await;
    let expected = json!({
        "choices": [0, 1],
        "deterministic": true,
        "logprobs": true,
        "joined": true,
        "called": ["light", "bool"],
        "finish": "tool_calls",
        "answered": "length",
        "streamed_call": ["light", ["on"]],
        "boat": true,
        "parsed": true,
        "tokens": [2, 4, 3],
        "indices": [0, 1],
        "refused": ["invalid_value", "temperature"],
    });
    assert_eq!(said, expected);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn langchain_talks_streams_structures_and_calls() {
    let Some(python) = installed(python("langchain", &PYTHON[1..2])) else { return };
    let pair = Pair::start(&ground_of(default_engine().await)).await;
    let said = says(script(python, include_str!("sdk/langchain.py")), &pair).await;
    let expected =
        json!({ "said": true, "same": true, "structured": "Light", "called": ["Light", ["on"]] });
    assert_eq!(said, expected);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_node_sdk_talks_streams_calls_and_reads_an_error() {
    let filled = home(&format!("node-{}", NODE.replace('@', "-")), |home| {
        let quiet = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
        run(Command::new("npm").args(quiet).arg(home).arg(NODE)).map(drop)
    });
    let Some(home) = installed(filled) else { return };
    fs::write(home.join("openai.mjs"), include_str!("sdk/openai.mjs")).expect("the script");
    let pair = Pair::start(&ground_of(default_engine().await)).await;
    let mut node = Command::new("node");
    node.arg(home.join("openai.mjs"));
    let said = says(node, &pair).await;
    let expected = json!({
        "same": true,
        "usage": true,
        "called": ["light", ["on"]],
        "refused": [400, "invalid_value", "top_logprobs"],
        "models": [MODEL],
    });
    assert_eq!(said, expected);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let Some(python) = installed(python("schemathesis", &PYTHON[2..])) else { return };
    let pair = Pair::start(&ground(Echo::new())).await;
    let url = format!("http://{}", pair.connect.address());
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("hooks.py"), include_str!("sdk/hooks.py")).expect("a file");
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", folder.path())
        .args(["run", "--checks", "all", "--max-examples", "60", "--no-color"])
        .arg(format!("{url}/openapi.json"));
    let found = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("no panic");
    found.unwrap_or_else(|report| panic!("{report}"));
    pair.stop().await;
}
