//! Two seconds after its answer, nothing of a prompt is left in the node: not in a core image, not in what it logged, not in a
//! file.
//!
//! The node is a process of its own with the product's allocator and the default model: this binary, started again. Needles are
//! made here and never there.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use sealroom_attestation::manifest::Manifest;
use sealroom_enclave::{
    Weights, boot,
    memory::{self, WipingAllocator},
};
use sealroom_engine::{Engine, LocalEngine, Settings, SpecialTokens};
use sealroom_gateway::session::{InnerRequest, RelyingParty, RequestId, Session};
use sealroom_tests::{model, world};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

/// Tells this binary to be the node: the seed of its vendor, hexadecimal.
const NODE: &str = "SEALROOM_CORE_NODE";
const MODEL: &str = "tiny";
/// What is looked for. It is written reversed, so that the program itself does not hold it.
const REVERSED: &str = "essaleb \"roirrets\"\n1477 aírdnam akkouq ryhpez";
/// How long an answer may stay behind its end.
const GRACE: Duration = Duration::from_secs(2);

fn canary() -> String {
    REVERSED.chars().rev().collect()
}

fn engine() -> (Arc<dyn Engine>, Manifest) {
    let path = model::bring().expect("the default model");
    let weights = Weights::copy_in(&path, None).expect("its weights");
    // Little memory: every page of it is searched.
    let settings = Settings { context: Some(1024), cache_bytes: 1 << 20, ..Settings::default() };
    let engine = LocalEngine::load(weights.bytes(), &settings).expect("an engine");
    let manifest = boot::manifest(MODEL, weights.file(), engine.card());
    (Arc::new(engine), manifest)
}

/// Not a test: the node itself, when this binary is started as one.
#[test]
fn the_node_itself() {
    let Ok(seed) = env::var(NODE) else { return };
    memory::harden().expect("hardened");
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stderr)
        .init();
    let seed = hex::decode(seed).expect("a seed").try_into().expect("32 bytes");
    let (engine, manifest) = engine();
    Runtime::new().expect("a runtime").block_on(async {
        let machine = world::Machine::new(world::chip(seed), engine, manifest).expect("keys");
        let node = machine.boot().await.expect("a node");
        println!("listening on {}", node.address());
        std::future::pending::<()>().await;
    });
}

/// The node as a process. It ends when this is dropped.
struct Node {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Node {
    fn start(seed: [u8; 32]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let mut child = Command::new(env::current_exe().expect("this binary"))
            .args(["--exact", "the_node_itself", "--nocapture"])
            .env(NODE, hex::encode(seed))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let told = lines.map_while(Result::ok).find_map(|line| {
            line.split_once("listening on ").map(|(_, address)| address.to_owned())
        });
        let address = told.expect("it boots").parse().expect("an address");
        Self { child, address, folder }
    }

    /// A core image of all its memory, also of what is kept out of ordinary ones.
    fn core(&self, name: &str) -> Vec<u8> {
        let prefix = self.folder.path().join(name);
        let pid = self.child.id().to_string();
        let output = Command::new("gcore").arg("-a").arg("-o").arg(&prefix).arg(&pid).output();
        let output = output.expect("gcore runs");
        let path = format!("{}.{pid}", prefix.display());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && Path::new(&path).exists(), "gcore: {told}");
        let core = fs::read(&path).expect("a core image");
        fs::remove_file(path).expect("removed");
        core
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a prompt looks like on its way: as text, as JSON, as tokens.
fn needles(engine: &dyn Engine) -> Vec<(&'static str, Vec<u8>)> {
    let text = canary();
    let escaped = Value::from(text.as_str()).to_string().into_bytes();
    let ids = engine.tokenize(&text, SpecialTokens::AsText).expect("tokens");
    assert!(ids.len() > 12, "{} tokens", ids.len());
    // The first and the last may grow together with what stands beside them.
    let ids = ids[2..ids.len() - 2].iter().flat_map(|id| id.to_le_bytes()).collect();
    vec![
        ("UTF-8", text.into_bytes()),
        ("escaped", escaped[1..escaped.len() - 1].to_vec()),
        ("tokens", ids),
    ]
}

fn found(needles: &[(&'static str, Vec<u8>)], bytes: &[u8]) -> Vec<&'static str> {
    let holds = |needle: &[u8]| {
        let first = needle[0];
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
        starts.map(|(at, _)| &bytes[at..]).any(|rest| rest.starts_with(needle))
    };
    needles.iter().filter(|(_, needle)| holds(needle)).map(|(name, _)| *name).collect()
}

fn request(number: u8, path: &str, body: &Value) -> InnerRequest {
    InnerRequest::post(path, body.to_string().into_bytes(), RequestId([number; 16]))
}

/// Every way by which a prompt comes in, and every kind of state that grows from it.
fn requests(engine: &dyn Engine) -> Vec<InnerRequest> {
    let text = canary();
    let ids = engine.tokenize(&text, SpecialTokens::AsText).expect("tokens");
    let messages = json!([{ "role": "user", "content": text }]);
    let schema =
        json!({ "type": "object", "properties": { "a": { "enum": [text] } }, "required": ["a"] });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": schema } });
    let chat = |more: Value| {
        let mut body = json!({ "model": MODEL, "messages": messages, "max_tokens": 40 });
        more.as_object()
            .expect("an object")
            .iter()
            .for_each(|(name, value)| body[name] = value.clone());
        body
    };
    let bodies = [
        ("/v1/chat/completions", chat(json!({ "stream": true, "n": 2, "stop": [text] }))),
        ("/v1/chat/completions", chat(json!({ "response_format": format }))),
        ("/v1/chat/completions", chat(json!({ "logprobs": true, "top_logprobs": 5 }))),
        ("/v1/completions", json!({ "model": MODEL, "prompt": ids, "max_tokens": 8 })),
        ("/v1/completions", json!({ "model": text, "prompt": text })),
        ("/tokenize", json!({ "model": MODEL, "prompt": text })),
    ];
    let numbered = (1..).zip(&bodies);
    numbered.map(|(number, (path, body))| request(number, path, body)).collect()
}

#[test]
fn nothing_of_a_prompt_is_left_two_seconds_after_its_answer() {
    if env::var(NODE).is_ok() {
        return;
    }
    if Command::new("gcore").arg("--version").output().is_err() {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "gcore (package gdb) is not installed");
        eprintln!("skipped: gcore (package gdb) is not installed");
        return;
    }
    let (engine, manifest) = engine();
    let needles = needles(&*engine);
    let seed = world::seed();
    let node = Node::start(seed);
    let trust = world::trust(&world::chip(seed), None, &manifest);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let target = world::target(node.address).expect("an address");
        let session = Session::open(&target, &RelyingParty::new(trust)).await.expect("a session");
        // The control: while an answer goes on, its prompt is there.
        let mut body =
            json!({ "model": MODEL, "messages": [{ "role": "user", "content": canary() }] });
        body["stream"] = true.into();
        body["max_tokens"] = 500.into();
        let sealed = session.seal(&request(99, "/v1/chat/completions", &body)).expect("sealed");
        let mut answer = session.send(sealed).await.expect("sent");
        answer.next().await.expect("its beginning");
        let during = found(&needles, &node.core("during"));
        assert!(during.contains(&"tokens"), "the control: {during:?}");
        while answer.next().await.expect("more of it").is_some() {}
        drop(answer);
        for request in requests(&*engine) {
            let sealed = session.seal(&request).expect("sealed");
            session.send(sealed).await.expect("sent").collect().await.expect("answered");
        }
    });
    std::thread::sleep(GRACE);
    let left = found(&needles, &node.core("after"));
    assert!(left.is_empty(), "left in memory: {left:?}");
    let mut log = Vec::new();
    let mut file = fs::File::open(node.folder.path().join("log")).expect("the log");
    file.read_to_end(&mut log).expect("the log");
    assert!(log.len() > 1000, "the control: the log is talkative: {} bytes", log.len());
    assert_eq!(found(&needles, &log), Vec::<&str>::new());
    let files: Vec<_> = fs::read_dir(node.folder.path()).expect("its folder").flatten().collect();
    assert_eq!(files.len(), 1, "the node wrote files: {files:?}");
}
