//! An engine beside a node that does wrong: killed, hung, lying, talking nonsense, open to the outside.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Request, Response, body::Incoming};
use sealroom_enclave::{BootError, Config, boot};
use sealroom_tests::{attacks::Ground, world};
use serde_json::{Value, json};

use crate::support::{MODEL, Pair, machine, send, whole};

/// A program that the engine's user can reach: the folder of builds may be closed to it.
fn program() -> &'static Path {
    static COPY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = open_folder();
        let path = folder.path().join("stand-in-engine");
        fs::copy(env!("CARGO_BIN_EXE_stand-in-engine"), &path).expect("copied");
        (folder, path)
    });
    path
}

/// A folder that everybody can read.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    folder
}

/// An engine that was not started yet, in a folder of its own.
struct Beside {
    folder: tempfile::TempDir,
    config: String,
}

impl Beside {
    fn new() -> Self {
        static USERS: AtomicU32 = AtomicU32::new(61_300);
        let folder = open_folder();
        let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        fs::write(at("weights"), "weights").expect("written");
        fs::create_dir(at("run")).expect("a folder");
        let (model, run, socket) = (at("weights"), at("run"), at("run/engine.sock"));
        let confined = match is_root() {
            true => {
                // Whatever runs as an engine's user ends with it: each has its own.
                let user = USERS.fetch_add(1, Ordering::Relaxed);
                chown(&run, Some(user), Some(user)).expect("given away");
                format!("user = {user}\ngroup = {user}")
            }
            false => "danger_same_user = true".to_owned(),
        };
        let program = program().display();
        let config = format!(
            "[model]\npath = \"{model}\"\nname = \"{MODEL}\"\n[upstream]\n\
             command = [\"{program}\", \"--socket\", \"{socket}\", \"--name\", \"{MODEL}\", \"--root\", \"{model}\"]\n\
             address = \"unix:{socket}\"\nkind = \"vllm\"\nbuild = \"1.0\"\ndirectory = \"{run}\"\n\
             start_s = 10\nfirst_token_s = 2\nsilence_s = 1\n{confined}\n"
        );
        Self { folder, config }
    }

    /// With one thing about it changed.
    fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.config.contains(from), "{from}");
        self.config = self.config.replacen(from, to, 1);
        self
    }

    async fn refused(self) -> String {
        let config = Config::from_toml(&self.config).expect("a configuration");
        let refused: Option<BootError> = boot::serve(&config).await.err();
        refused.expect("refused").to_string()
    }

    async fn start(self) -> Running {
        let config = Config::from_toml(&self.config).expect("a configuration");
        let (engine, manifest) = boot::serve(&config).await.expect("an engine");
        let chip = world::chip(world::seed());
        let ground = Ground { chip, gpus: None, engine, manifest, other_weights: None };
        let mut machine = machine(&ground);
        machine.config = Some(config);
        let pair = Pair::start_with(&ground, machine).await;
        Running { pair, folder: self.folder }
    }
}

/// The whole path with a real server: `pip install 'llama-cpp-python[server]'` into a folder that every user can read, and its
/// `python` in `SEALROOM_REAL_ENGINE`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server that takes minutes to build"]
async fn a_sealed_answer_comes_from_a_real_server_beside_the_node() {
    let python = env::var("SEALROOM_REAL_ENGINE").expect("the program's path");
    let from = sealroom_tests::model::bring().expect("the default model");
    let beside = Beside::new();
    let weights = beside.folder.path().join("weights");
    fs::copy(from, &weights).expect("copied");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let model = weights.display();
    let command = format!(
        "command = [\"{python}\", \"-m\", \"llama_cpp.server\", \"--model\", \"{model}\", \"--model_alias\", \"{MODEL}\", \
         \"--logits_all\", \"true\", \"--n_ctx\", \"2048\", \"--host\", \"127.0.0.1\", \"--port\", \"{port}\"]\n\
         address = \"http://127.0.0.1:{port}\"\nkind = \"llama-cpp-python\"\nbuild = \"0.3\"\n"
    );
    let (before, after) = beside.config.split_once("command = ").expect("a command");
    let after = after.split_once("directory = ").expect("a folder").1;
    let config = format!("{before}{command}directory = {after}[engine]\ncontext = 2048\n");
    let config =
        config.replace("start_s = 10", "start_s = 60").replace("_token_s = 2", "_token_s = 60");
    let node = Beside { config, ..beside }.start().await;
    let ask = json!({
        "model": MODEL, "messages": [{ "role": "user", "content": "What is gravity?" }],
        "temperature": 0, "max_tokens": 12
    });
    let (status, body) = node.pair.post("/v1/chat/completions", ask).await;
    println!("{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["usage"]["completion_tokens"]), (200, &12.into()));
    let said = body["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(said.starts_with("Gravity is a fundamental"), "{said}");
    let (_, page) = node.pair.get("/status").await;
    assert!(page.contains("on llama-cpp-python 0.3"), "{page}");
    node.pair.stop().await;
}

/// Whether this process may give an engine a user of its own.
fn is_root() -> bool {
    let own = fs::read_to_string("/proc/self/status").expect("readable");
    own.lines().any(|line| line.starts_with("Uid:\t0\t0"))
}

/// A sealed node with an engine beside it.
struct Running {
    pair: Pair,
    folder: tempfile::TempDir,
}

impl Running {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("run").join(name)
    }

    async fn ask(&self, text: &str) -> Response<Incoming> {
        let body = json!({
            "model": MODEL, "stream": true, "messages": [{ "role": "user", "content": text }]
        });
        let request =
            Request::post("/v1/chat/completions").header("content-type", "application/json");
        send(self.pair.connect.address(), request, body.to_string()).await
    }

    /// Status and body of a streamed answer.
    async fn streamed(&self, text: &str) -> (u16, String) {
        whole(self.ask(text).await).await
    }

    /// A stream that began well and did not end well.
    async fn broken(&self, text: &str) -> String {
        let (status, body) = self.streamed(text).await;
        assert!(status == 200 || status >= 500, "{status} {body}");
        assert!(body.contains("\"error\"") && !body.contains("[DONE]"), "{body}");
        body
    }

    /// The node took itself out of service and stays there.
    async fn out_of_service(&self) {
        assert!(soon(|| !self.pair.node.state().is_ready()).await, "still ready");
        let (status, body) = self.streamed("hello").await;
        assert_eq!(status, 503, "{body}");
    }
}

/// Waits for what a thread of the node does within its own interval.
async fn soon(holds: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if holds() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_answer_comes_from_an_engine_beside_the_node_and_the_verdict_names_it() {
    let node = Beside::new().start().await;
    let body =
        json!({ "model": MODEL, "messages": [{ "role": "user", "content": "one two three" }] });
    let (status, body) = node.pair.post("/v1/chat/completions", body).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["choices"][0]["message"]["content"], "one two three");
    assert_eq!(
        body["usage"],
        json!({
            "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
            "prompt_tokens_details": { "cached_tokens": 0 }
        })
    );
    let (_, page) = node.pair.get("/status").await;
    assert!(page.contains("on vllm 1.0"), "{page}");
    let (_, streamed) = node.streamed("one two").await;
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_in_a_stream_leaves_an_error_and_a_node_out_of_service() {
    let node = Beside::new().start().await;
    let response = node.ask(&format!("slow {}", "word ".repeat(100))).await;
    assert_eq!(response.status(), 200);
    let pid = fs::read_to_string(node.file("pid")).expect("a process");
    let killed = Instant::now();
    assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill runs").success());
    let (_, body) = whole(response).await;
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert!(body.contains("\"error\"") && !body.contains("[DONE]"), "{body}");
    node.out_of_service().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it is not started again");
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hangs_is_given_up_and_others_are_answered() {
    let node = Beside::new().start().await;
    let begun = Instant::now();
    let (_, (status, body)) = tokio::join!(node.broken("hang now"), node.streamed("one two"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(status, 200);
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(soon(|| node.file("left").exists()).await, "the engine was not told");
    assert!(node.pair.node.state().is_ready());
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_frees_the_engine_within_a_second() {
    let node = Beside::new().start().await;
    let response = node.ask(&format!("slow {}", "word ".repeat(1000))).await;
    assert_eq!(response.status(), 200);
    assert!(!node.file("left").exists());
    let left = Instant::now();
    drop(response);
    assert!(soon(|| node.file("left").exists()).await, "the engine goes on");
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_half_an_answer_and_a_wrong_count_end_in_an_error() {
    let node = Beside::new().start().await;
    for text in ["garbage to you", "half an answer", "overcharge me"] {
        let body = node.broken(text).await;
        assert!(body.contains("the node failed"), "{text}: {body}");
    }
    let (status, body) = node.streamed("and now properly").await;
    assert_eq!(status, 200);
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_opens_itself_to_the_outside_takes_the_node_out_of_service() {
    let node = Beside::new().start().await;
    let pid = fs::read_to_string(node.file("pid")).expect("a process");
    node.broken("expose yourself").await;
    node.out_of_service().await;
    let gone = || !Path::new(&format!("/proc/{pid}")).exists();
    assert!(soon(gone).await, "it still runs");
    node.pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_open_from_the_start_is_refused() {
    let said = Beside::new().with("\"--socket\"", "\"--exposed\", \"--socket\"").refused().await;
    assert!(
        said.starts_with("the engine is reachable from outside: it listens on port "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_loaded_something_else_is_refused() {
    let beside = Beside::new();
    let model = beside.folder.path().join("weights").display().to_string();
    let said =
        beside.with(&format!("\"--root\", \"{model}\""), "\"--root\", \"/other\"").refused().await;
    assert_eq!(said, "the engine says that it loaded another model");
    let said = Beside::new().with("build = \"1.0\"", "build = \"2.0\"").refused().await;
    assert_eq!(said, "the engine says that it is version 1.0: 2.0 expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_that_are_not_the_expected_ones_are_refused_before_the_engine_starts() {
    let other = "00".repeat(32);
    let beside = Beside::new().with("[upstream]", &format!("sha256 = \"{other}\"\n[upstream]"));
    let pid = beside.folder.path().join("run/pid");
    let config = Config::from_toml(&beside.config).expect("a configuration");
    let said = boot::serve(&config).await.err().expect("refused").to_string();
    assert!(said.starts_with("weights has SHA-256 "), "{said}");
    assert!(!pid.exists(), "the engine was started");
}
