//! The configuration file as it is written. Nothing here is checked.

use std::path::PathBuf;

use sealroom_engine::Kind;
use serde::Deserialize;

use super::{ComputeDevice, Lock};

/// Mirrors the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Where to listen.
    #[serde(default)]
    pub listen: Listen,
    /// Which model.
    pub model: Model,
    /// How it is computed.
    #[serde(default)]
    pub engine: Engine,
    /// An engine beside the node that computes it instead.
    pub upstream: Option<Upstream>,
    /// How lengths are hidden.
    #[serde(default)]
    pub padding: PaddingSection,
    /// How much at once.
    #[serde(default)]
    pub limits: Limits,
    /// What evidence claims.
    #[serde(default)]
    pub evidence: Evidence,
    /// How the node stops.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// How memory is protected.
    #[serde(default)]
    pub memory: Memory,
    /// Where evidence comes from.
    #[serde(default)]
    pub collector: CollectorSection,
}

/// Where to listen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port.
    pub address: String,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: "127.0.0.1:8443".to_owned() }
    }
}

/// Which model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The file.
    pub path: PathBuf,
    /// The name that clients ask for.
    pub name: String,
    /// SHA-256 that the file must have, hexadecimal.
    pub sha256: Option<String>,
}

/// How the model is computed; the engine's defaults where nothing is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// What it computes on: `cpu` or `cuda`.
    #[serde(default)]
    pub device: ComputeDevice,
    /// Most tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Threads for arithmetic.
    pub threads: Option<u64>,
    /// Answers in progress at the same time.
    pub sequences: Option<u64>,
    /// MiB for keys and values; at least what one answer that fills the context needs is taken.
    pub cache_mib: Option<u64>,
    /// How long a client's prefix is kept after its last use, seconds; 0 keeps none.
    pub prefix_s: Option<u64>,
    /// Requests that may wait.
    pub queue: Option<u64>,
    /// Prompt tokens read in one step.
    pub prompt_chunk: Option<u64>,
}

/// An engine beside the node: a server of the OpenAI interface in the same virtual machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The program, by its whole path, and its arguments.
    pub command: Vec<String>,
    /// Where it will listen: `unix:PATH`, `http://127.0.0.1:PORT` or `http://[::1]:PORT`.
    pub address: String,
    /// What it is: `vllm`, `sglang`, `llama-server` or `llama-cpp-python`.
    pub kind: Kind,
    /// Its version, as it says it.
    pub build: String,
    /// The number of the user that it runs as.
    pub user: Option<u32>,
    /// The number of the group that it runs as.
    pub group: Option<u32>,
    /// Its working directory and home.
    #[serde(default = "root")]
    pub directory: PathBuf,
    /// What it says that it loaded, where that is not `model.path`.
    pub root: Option<String>,
    /// Requests that it has at the same time.
    pub in_flight: Option<u64>,
    /// Seconds that it may take to load its model.
    pub start_s: Option<u64>,
    /// Seconds that it may take to the first token of an answer.
    pub first_token_s: Option<u64>,
    /// Seconds that it may say nothing after that.
    pub silence_s: Option<u64>,
    /// Runs it as the node's own user, who can read the node's memory and keys.
    #[serde(default)]
    pub danger_same_user: bool,
}

fn root() -> PathBuf {
    PathBuf::from("/")
}

/// How lengths are hidden.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaddingSection {
    /// The least that every stream gets: `none`, `bucket` or `constant;t=MS`.
    pub minimum: String,
    /// How long text may wait for more, milliseconds. Never the first token.
    pub coalesce_ms: u64,
}

impl Default for PaddingSection {
    fn default() -> Self {
        Self { minimum: "bucket".to_owned(), coalesce_ms: 0 }
    }
}

/// How much at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections.
    pub connections: u64,
    /// Sealed requests in progress, being received included.
    pub requests: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, requests: 256 }
    }
}

/// What evidence claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// Seconds from issue to expiry of a statement.
    pub lifetime_s: u64,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { lifetime_s: 3600 }
    }
}

/// How the node stops.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Seconds that running streams get to finish.
    pub drain_s: u64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_s: 30 }
    }
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important level.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}

/// How memory is protected.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// What a failure to keep memory out of swap means.
    pub lock: Lock,
}

impl Default for Memory {
    fn default() -> Self {
        Self { lock: Lock::Try }
    }
}

/// Where evidence comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorSection {
    /// The kernel's attestation interface.
    pub root: Option<PathBuf>,
}
