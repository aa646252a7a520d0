//! A model tried before a node is offered with it: what it is, what it commits to, how long it takes to be ready.

use std::path::Path;
use std::time::{Duration, Instant};

use sealroom_attestation::cbor::Item;
use sealroom_attestation::manifest::{Manifest, ModelFile};
use sealroom_engine::{LocalEngine, ModelCard, Settings};

use crate::boot::{self, BootError};
use crate::weights::{Weights, hex};

/// What came of a trial. A node with the same file, name and settings has the same manifest.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The file as it was hashed.
    pub file: ModelFile,
    /// Facts about the model and the engine.
    pub card: ModelCard,
    /// SHA-256 of the manifest, hexadecimal: what a policy pins under the model's name.
    pub manifest: String,
    /// The cold start, part by part.
    pub times: Times,
}

/// How long each part of a cold start took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Reading and hashing the file.
    pub read: Duration,
    /// Repacking the weights.
    pub load: Duration,
    /// The first token.
    pub self_test: Duration,
}

impl Trial {
    /// The file's digest, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.file.sha256)
    }
}

impl Times {
    /// From nothing to ready, but for keys and evidence.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.read + self.load + self.self_test
    }
}

/// Tries the model in the file at `path` as a node would start it. `progress` is told how many bytes of how many were read.
///
/// # Errors
/// As a boot: the file, the engine or its first token.
pub async fn try_model(
    path: &Path,
    name: &str,
    settings: &Settings,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<Trial, BootError> {
    let (path, settings) = (path.to_owned(), settings.clone());
    let loading = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let weights = Weights::copy_with(&path, None, progress)?;
        let (read, begun) = (begun.elapsed(), Instant::now());
        let engine = LocalEngine::load(weights.bytes(), &settings)?;
        Ok::<_, BootError>((engine, weights.file().clone(), read, begun.elapsed()))
    });
    let (engine, file, read, load) = loading.await.map_err(|_| BootError::Interrupted)??;
    let begun = Instant::now();
    boot::self_test(&engine).await?;
    let times = Times { read, load, self_test: begun.elapsed() };
    let card = sealroom_engine::Engine::card(&engine).clone();
    let manifest = boot::manifest(name, &file, &card).encode();
    let manifest = hex(&Manifest::digest(&manifest).0);
    Ok(Trial { file, card, manifest, times })
}
