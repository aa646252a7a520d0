//! The official OpenAI Python SDK against the gateway, unchanged but for its base URL.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sealroom_tests::echo::Echo;
use serde_json::{Value, json};

use crate::support::{MODEL, Pair, ground};

const PACKAGE: &str = "openai==3.54.0";

const SCRIPT: &str = r#"
import json, sys
from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
model = sys.argv[2]
messages = [{"role": "user", "content": "one two three"}]
whole = client.chat.completions.create(model=model, messages=messages)
stream = client.chat.completions.create(
    model=model, messages=messages, stream=True, stream_options={"include_usage": True}
)
text, usage = "", None
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        text += choice.delta.content or ""
legacy = client.completions.create(model=model, prompt="four five", max_tokens=1)
try:
    client.chat.completions.create(model="gpt-17", messages=messages)
    refused = None
except NotFoundError as error:
    refused = {"code": error.code, "message": error.message}
print(json.dumps({
    "models": [entry.id for entry in client.models.list()],
    "whole": whole.choices[0].message.content,
    "whole_tokens": whole.usage.completion_tokens,
    "streamed": text,
    "streamed_tokens": usage.completion_tokens,
    "legacy": legacy.choices[0].text,
    "legacy_finish": legacy.choices[0].finish_reason,
    "refused": refused,
}))
"#;

/// A Python with the SDK, in a virtual environment under the target folder that later runs find again.
fn python() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join(format!("sdk-{}", PACKAGE.replace("==", "-")));
    let python = home.join("bin/python");
    let ready = home.join("ready");
    if ready.exists() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    run(Command::new(&python).args(install))?;
    std::fs::write(ready, PACKAGE).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_completes_streams_lists_and_reads_an_error() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "no SDK: {reason}");
            let told = format!("skipped: the SDK could not be installed: {reason}\n");
            std::io::stderr().write_all(told.as_bytes()).expect("standard error");
            return;
        }
    };
    let pair = Pair::start(&ground(Echo::new())).await;
    let url = format!("http://{}/v1", pair.connect.address());
    let script = move || run(Command::new(python).args(["-c", SCRIPT, &url, MODEL]));
    let said =
        tokio::task::spawn_blocking(script).await.expect("no panic").expect("the script runs");
    let said: Value = serde_json::from_slice(&said).expect("JSON");
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
