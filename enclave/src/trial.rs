//! A model tried before a node is offered with it: what it is, what it commits to, how long it takes to be ready.

use std::path::Path;

use sealroom_attestation::cbor::Item;
use sealroom_attestation::manifest::{Manifest, ModelFile};
use sealroom_engine::{Engine as _, ModelCard, Settings};

use crate::boot::{BootError, Started, Times};
use crate::weights::hex;

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

impl Trial {
    /// The file's digest, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.file.sha256)
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
    let started = Started::load(path, None, settings, progress).await?;
    let manifest = hex(&Manifest::digest(&started.manifest(name).encode()).0);
    let card = started.engine.card().clone();
    Ok(Trial { file: started.file, card, manifest, times: started.times })
}
