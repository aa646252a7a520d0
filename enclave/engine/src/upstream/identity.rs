//! What an engine says of itself before it is asked anything, held against what it was started with.
//!
//! It proves nothing: an engine that lies says what it likes. It finds a mistake, such as a server of somebody else on the same
//! port, before a prompt reaches it.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::UpstreamSettings;
use super::error::UpstreamError;
use super::kind::Kind;
use super::transport::{Content, ask};
use crate::card::{Digest, ModelCard};

/// Why an engine was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It does not answer, or says that it is not well: perhaps not yet.
    #[error("the engine is not ready: {0}")]
    NotReady(UpstreamError),
    /// What it says of itself is malformed.
    #[error("what the engine says of itself is malformed")]
    Malformed,
    /// It has no model of this name.
    #[error("the engine serves no model with the name {expected}")]
    Name {
        /// The name in the configuration.
        expected: String,
    },
    /// The path that it loaded is not the one that was hashed.
    #[error("the engine says that it loaded another model")]
    OtherModel,
    /// Its kind tells what it loaded, and this one does not.
    #[error("the engine does not say which model it loaded")]
    UntoldModel,
    /// Its version is not the configured one.
    #[error("the engine says that it is version {found}: {expected} expected")]
    Build {
        /// What it says, as far as it is printable.
        found: String,
        /// The configured one.
        expected: String,
    },
    /// Neither it nor the configuration says how long a context may be.
    #[error("the engine does not say how long its context is, and engine.context is not set")]
    UntoldContext,
    /// The configured context is longer than its own.
    #[error("the engine's context is {told} tokens: {asked} or more expected")]
    Context {
        /// Its own.
        told: usize,
        /// The configured one.
        asked: usize,
    },
    /// The operating system refused threads.
    #[error("a thread could not be started")]
    Thread,
}

/// The longest version that is printed.
const LONGEST_VERSION: usize = 64;

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    root: Option<String>,
    max_model_len: Option<usize>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    n_vocab: Option<usize>,
}

/// vLLM's `/version` and SGLang's `/get_server_info`.
#[derive(Deserialize)]
struct Version {
    version: String,
}

/// SGLang's `/get_model_info`.
#[derive(Deserialize)]
struct ModelInfo {
    model_path: Option<String>,
}

/// The `/props` of `llama-server`.
#[derive(Deserialize)]
struct Props {
    model_path: Option<String>,
    build_info: String,
    default_generation_settings: Option<Generation>,
}

#[derive(Deserialize)]
struct Generation {
    n_ctx: Option<usize>,
}

/// What is known after everything was asked.
#[derive(Default)]
struct Told {
    /// What it loaded.
    root: Option<String>,
    build: Option<String>,
    context: Option<usize>,
    vocabulary: Option<usize>,
}

/// Asks everything, and gives the model's fact sheet.
pub(super) async fn check(settings: &UpstreamSettings) -> Result<ModelCard, ConnectError> {
    if let Some(path) = settings.kind.health_path() {
        let limit = settings.deadlines.silence;
        let well = ask(&settings.peer(), path, None, None, limit).await;
        drop(well.map_err(ConnectError::NotReady)?);
    }
    let told = told(settings).await?;
    hold(settings, &told)?;
    let context_length = match (settings.context, told.context) {
        (Some(asked), Some(told)) if asked > told => {
            return Err(ConnectError::Context { told, asked });
        }
        (Some(asked), _) => asked,
        (None, Some(told)) => told,
        (None, None) => return Err(ConnectError::UntoldContext),
    };
    Ok(ModelCard {
        name: settings.name.clone(),
        architecture: String::new(),
        context_length,
        vocab_size: told.vocabulary.unwrap_or(u32::MAX as usize),
        embeds: false,
        // Both are among the files that were hashed.
        tokenizer_digest: Digest([0; 32]),
        chat_template_digest: None,
        engine: settings.kind.name().to_owned(),
        build: settings.build.clone(),
        parameters: settings.parameters.clone(),
    })
}

async fn told(settings: &UpstreamSettings) -> Result<Told, ConnectError> {
    let models: Models = get(settings, "/v1/models").await?;
    let name = &settings.name;
    let model = models.data.into_iter().find(|model| model.id == *name);
    let model = model.ok_or_else(|| ConnectError::Name { expected: name.clone() })?;
    let vocabulary = model.meta.and_then(|meta| meta.n_vocab);
    let told = Told { context: model.max_model_len, vocabulary, ..Told::default() };
    let Some(path) = settings.kind.version_path() else { return Ok(told) };
    match settings.kind {
        Kind::Vllm => {
            let Version { version } = get(settings, path).await?;
            Ok(Told { root: model.root, build: Some(version), ..told })
        }
        Kind::Sglang => {
            let Version { version } = get(settings, path).await?;
            let info: ModelInfo = get(settings, "/get_model_info").await?;
            Ok(Told { root: info.model_path, build: Some(version), ..told })
        }
        Kind::LlamaServer => {
            let props: Props = get(settings, path).await?;
            let context = props.default_generation_settings.and_then(|one| one.n_ctx);
            Ok(Told { root: props.model_path, build: Some(props.build_info), context, ..told })
        }
        Kind::LlamaCppPython => Ok(told),
    }
}

/// The model and the version that it was started with.
fn hold(settings: &UpstreamSettings, told: &Told) -> Result<(), ConnectError> {
    let tells = settings.kind.version_path().is_some();
    match &told.root {
        Some(root) if *root != settings.root => return Err(ConnectError::OtherModel),
        None if tells => return Err(ConnectError::UntoldModel),
        Some(_) | None => {}
    }
    match &told.build {
        Some(found) if *found != settings.build => Err(ConnectError::Build {
            found: found.chars().filter(char::is_ascii_graphic).take(LONGEST_VERSION).collect(),
            expected: settings.build.clone(),
        }),
        Some(_) | None => Ok(()),
    }
}

async fn get<T: DeserializeOwned>(
    settings: &UpstreamSettings,
    path: &str,
) -> Result<T, ConnectError> {
    let limit = settings.deadlines.silence;
    let answer = ask(&settings.peer(), path, None, Some(Content::Json), limit).await;
    let answer = answer.map_err(ConnectError::NotReady)?;
    serde_json::from_slice(answer.bytes()).map_err(|_| ConnectError::Malformed)
}
