//! The node's settings: the file as it is written, and the same after every value was checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealroom_attestation::manifest::Configuration;
use sealroom_attestation::statement;
use sealroom_engine::Device;
use serde::Deserialize;

use crate::collect::TSM_ROOT;
use crate::serve::Padding;
use crate::weights::hex;

mod models;
mod raw;
mod upstream;

pub use raw::RawConfig;
pub(crate) use upstream::Upstream;

/// Checked settings. Every value that a verifier may care about is also in [`Config::settings`], by name.
#[derive(Clone, Debug)]
pub struct Config {
    listen: SocketAddr,
    model: Model,
    device: ComputeDevice,
    engine: sealroom_engine::Settings,
    upstream: Option<Upstream>,
    pub(crate) serving: Serving,
    evidence_lifetime: Duration,
    log: tracing::Level,
    lock: Lock,
    collector: PathBuf,
    settings: Configuration,
}

#[derive(Clone, Debug)]
struct Model {
    path: PathBuf,
    name: String,
    sha256: Option<[u8; 32]>,
}

/// What serving needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serving {
    pub(crate) padding: Padding,
    pub(crate) coalesce: Duration,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) drain: Duration,
}

/// What the engine computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeDevice {
    /// The confidential VM's own CPU.
    #[default]
    Cpu,
    /// NVIDIA GPUs: prompts reach them, so every verifier asks for their evidence.
    Cuda,
}

/// What a failure to keep memory out of swap means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    /// It is recorded.
    Try,
    /// The node does not start.
    Required,
}

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or a setting that does not exist.
    #[error("{0}")]
    Syntax(String),
    /// One of several models.
    #[error("model {number}: {error}")]
    Model {
        /// Its place in the list, from 1.
        number: usize,
        /// Why.
        error: Box<ConfigError>,
    },
    /// A value that is not allowed.
    #[error("setting {name} is {found}: {expected} expected")]
    Value {
        /// The setting.
        name: &'static str,
        /// The value found.
        found: String,
        /// What is allowed.
        expected: String,
    },
}

impl Config {
    /// Reads and checks a TOML file's text.
    ///
    /// # Errors
    /// [`ConfigError`]: the first setting that is unknown or not allowed.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let raw: RawConfig =
            toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
        raw.try_into()
    }

    /// Every accepted setting by name, defaults written out; no address, no path.
    #[must_use]
    pub const fn settings(&self) -> &Configuration {
        &self.settings
    }

    /// Where the node listens.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The model file.
    #[must_use]
    pub fn model_path(&self) -> &Path {
        &self.model.path
    }

    /// The name that clients ask for.
    #[must_use]
    pub fn model_name(&self) -> &str {
        &self.model.name
    }

    /// What the model file must be, where the operator said so.
    #[must_use]
    pub const fn model_sha256(&self) -> Option<[u8; 32]> {
        self.model.sha256
    }

    /// What the engine computes on.
    #[must_use]
    pub const fn device(&self) -> ComputeDevice {
        self.device
    }

    /// How the engine is set up.
    #[must_use]
    pub const fn engine(&self) -> &sealroom_engine::Settings {
        &self.engine
    }

    /// The engine beside the node, where one computes.
    pub(crate) const fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    /// How long a statement claims to count.
    #[must_use]
    pub const fn evidence_lifetime(&self) -> Duration {
        self.evidence_lifetime
    }

    /// The least important level that is logged.
    #[must_use]
    pub const fn log(&self) -> tracing::Level {
        self.log
    }

    /// Whether memory must stay out of swap.
    #[must_use]
    pub const fn lock(&self) -> Lock {
        self.lock
    }

    /// Where the kernel's attestation interface is.
    #[must_use]
    pub fn collector(&self) -> &Path {
        &self.collector
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Self, ConfigError> {
        let listen = raw.listen.address.parse().map_err(|_| {
            refusal("listen.address", &raw.listen.address, "an address such as 127.0.0.1:8443")
        })?;
        let model = model(&raw)?;
        let engine = engine(&raw)?;
        let upstream = upstream::upstream(&raw)?;
        let serving = serving(&raw)?;
        let longest = statement::MAX_LIFETIME;
        let lifetime = within("evidence.lifetime_s", raw.evidence.lifetime_s, 60, longest)?;
        let log = raw.log.level.parse().map_err(|_| {
            refusal("log.level", &raw.log.level, "error, warn, info, debug or trace")
        })?;
        let mut settings = settings(&raw, &model, &engine, &serving);
        settings.settings.extend(upstream.iter().flat_map(Upstream::settings));
        Ok(Self {
            listen,
            model,
            device: raw.engine.device,
            engine,
            upstream,
            serving,
            evidence_lifetime: Duration::from_secs(lifetime),
            log,
            lock: raw.memory.lock,
            collector: raw.collector.root.unwrap_or_else(|| PathBuf::from(TSM_ROOT)),
            settings,
        })
    }
}

fn model(raw: &RawConfig) -> Result<Model, ConfigError> {
    let name = &raw.model.name;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
        return Err(refusal("model.name", name, "1 to 128 letters, digits and . _ - / :"));
    }
    let sha256 = match &raw.model.sha256 {
        Some(text) => {
            let digest = digest(text);
            Some(digest.ok_or_else(|| refusal("model.sha256", text, "64 hexadecimal digits"))?)
        }
        None => None,
    };
    Ok(Model { path: raw.model.path.clone(), name: name.clone(), sha256 })
}

fn engine(raw: &RawConfig) -> Result<sealroom_engine::Settings, ConfigError> {
    let (default, raw) = (sealroom_engine::Settings::default(), &raw.engine);
    let count = |name, value: Option<u64>, default: usize, most| {
        within(name, value.unwrap_or(default as u64), 1, most).map(|value| value as usize)
    };
    let context = match raw.context {
        Some(tokens) => Some(within("engine.context", tokens, 16, 1 << 24)? as usize),
        None => default.context,
    };
    let device = match raw.device {
        ComputeDevice::Cpu => Device::Cpu,
        ComputeDevice::Cuda => Device::Cuda { ordinal: 0 },
    };
    Ok(sealroom_engine::Settings {
        device,
        context,
        threads: count("engine.threads", raw.threads, default.threads, 1024)?,
        sequences: count("engine.sequences", raw.sequences, default.sequences, 1024)?,
        cache_bytes: count("engine.cache_mib", raw.cache_mib, default.cache_bytes >> 20, 1 << 24)?
            << 20,
        prefix_seconds: within(
            "engine.prefix_s",
            raw.prefix_s.unwrap_or(default.prefix_seconds),
            0,
            3600,
        )?,
        queue: count("engine.queue", raw.queue, default.queue, 1 << 16)?,
        prompt_chunk: count("engine.prompt_chunk", raw.prompt_chunk, default.prompt_chunk, 4096)?,
    })
}

fn serving(raw: &RawConfig) -> Result<Serving, ConfigError> {
    let padding = Padding::decode(&raw.padding.minimum).ok_or_else(|| {
        refusal("padding.minimum", &raw.padding.minimum, "none, bucket or constant;t=10 to 1000")
    })?;
    let coalesce = within("padding.coalesce_ms", raw.padding.coalesce_ms, 0, 25)?;
    let connections = within("limits.connections", raw.limits.connections, 1, 1 << 20)? as usize;
    let requests = within("limits.requests", raw.limits.requests, 1, 1 << 16)? as usize;
    let drain = within("shutdown.drain_s", raw.shutdown.drain_s, 0, 1800)?;
    let (coalesce, drain) = (Duration::from_millis(coalesce), Duration::from_secs(drain));
    Ok(Serving { padding, coalesce, connections, requests, drain })
}

/// Policies match these by name: a name, once published, keeps its meaning.
fn settings(
    raw: &RawConfig,
    model: &Model,
    engine: &sealroom_engine::Settings,
    serving: &Serving,
) -> Configuration {
    let text = |value: &dyn ToString| value.to_string();
    let pairs = [
        ("engine.cache_mib", text(&(engine.cache_bytes >> 20))),
        (
            "engine.context",
            engine.context.map_or_else(|| "model".to_owned(), |tokens| text(&tokens)),
        ),
        (
            "engine.device",
            if raw.engine.device == ComputeDevice::Cuda { "cuda" } else { "cpu" }.to_owned(),
        ),
        ("engine.prefix_s", text(&engine.prefix_seconds)),
        ("engine.prompt_chunk", text(&engine.prompt_chunk)),
        ("engine.queue", text(&engine.queue)),
        ("engine.sequences", text(&engine.sequences)),
        ("engine.threads", text(&engine.threads)),
        ("evidence.lifetime_s", text(&raw.evidence.lifetime_s)),
        ("limits.connections", text(&serving.connections)),
        ("limits.requests", text(&serving.requests)),
        ("log.level", raw.log.level.to_ascii_lowercase()),
        (
            "memory.lock",
            if raw.memory.lock == Lock::Required { "required" } else { "try" }.to_owned(),
        ),
        ("model.name", model.name.clone()),
        ("model.sha256", model.sha256.map_or_else(|| "any".to_owned(), |digest| hex(&digest))),
        ("padding.coalesce_ms", text(&raw.padding.coalesce_ms)),
        ("padding.minimum", serving.padding.to_string()),
        ("shutdown.drain_s", text(&raw.shutdown.drain_s)),
    ];
    let settings: BTreeMap<_, _> =
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Configuration { settings }
}

fn within(name: &'static str, found: u64, least: u64, most: u64) -> Result<u64, ConfigError> {
    if (least..=most).contains(&found) {
        return Ok(found);
    }
    Err(refusal(name, &found.to_string(), &format!("{least} to {most}")))
}

fn refusal(name: &'static str, found: &str, expected: &str) -> ConfigError {
    ConfigError::Value { name, found: found.to_owned(), expected: expected.to_owned() }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[model]\npath = \"/m.gguf\"\nname = \"tiny\"\n";

    fn refused(more: &str) -> ConfigError {
        Config::from_toml(&format!("{LEAST}{more}")).expect_err("not allowed")
    }

    #[test]
    fn writes_every_default_out_and_no_path_or_address() {
        let config = Config::from_toml(LEAST).expect("the least configuration");
        let settings = &config.settings().settings;
        assert_eq!(settings.len(), 18);
        assert_eq!(settings["padding.minimum"], "bucket");
        assert_eq!(settings["evidence.lifetime_s"], "3600");
        assert_eq!(settings["model.sha256"], "any");
        assert!(
            settings.values().all(|value| !value.contains("/m.gguf") && !value.contains("127."))
        );
    }

    #[test]
    fn the_engine_computes_where_the_configuration_says() {
        let device = |more: &str| {
            let config = Config::from_toml(&format!("{LEAST}{more}")).expect("a configuration");
            config.engine().device
        };
        assert_eq!(device(""), Device::Cpu);
        assert_eq!(device("[engine]\ndevice = \"cuda\"\n"), Device::Cuda { ordinal: 0 });
    }

    #[test]
    fn another_address_or_path_gives_the_same_settings() {
        let one = Config::from_toml(LEAST).expect("accepted");
        let other = LEAST.replace("/m.gguf", "/other.gguf") + "[listen]\naddress = \"[::1]:1\"\n";
        let other = Config::from_toml(&other).expect("accepted");
        assert_eq!(one.settings(), other.settings());
    }

    #[test]
    fn accepts_each_limit_and_refuses_the_next_value() {
        let table = [
            ("[evidence]\nlifetime_s = ", "evidence.lifetime_s", "3600", "3601"),
            ("[padding]\ncoalesce_ms = ", "padding.coalesce_ms", "25", "26"),
            ("[limits]\nrequests = ", "limits.requests", "1", "0"),
            ("[engine]\ncontext = ", "engine.context", "16", "15"),
        ];
        for (prefix, name, good, bad) in table {
            Config::from_toml(&format!("{LEAST}{prefix}{good}\n")).expect(name);
            let error = refused(&format!("{prefix}{bad}\n"));
            assert!(
                matches!(&error, ConfigError::Value { name: found, .. } if *found == name),
                "{error}"
            );
        }
    }

    #[test]
    fn refuses_an_unknown_setting() {
        let error = refused("[debug]\nprompts = true\n");
        assert!(matches!(&error, ConfigError::Syntax(text) if text.contains("debug")), "{error}");
    }

    #[test]
    fn refuses_a_digest_that_is_none_and_padding_that_is_none() {
        let short = LEAST.replace("name", "sha256 = \"ab\"\nname");
        let error = Config::from_toml(&short).expect_err("two digits");
        assert!(error.to_string().starts_with("setting model.sha256 is ab"), "{error}");
        let error = refused("[padding]\nminimum = \"constant;t=5\"\n");
        assert!(error.to_string().starts_with("setting padding.minimum"), "{error}");
    }
}
