//! The engine in this process, from a file to its first token.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealroom_attestation::manifest::{Manifest, ModelFile};
use sealroom_engine::{
    Engine, Event, GenerationRequest, Input, LocalEngine, ModelCard, Sampling, Settings,
};

use super::{BootError, Served};
use crate::weights::Weights;

/// A model that answers.
pub(crate) struct Started {
    pub(crate) engine: Arc<LocalEngine>,
    pub(crate) file: ModelFile,
    pub(crate) times: Times,
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

impl Times {
    /// From nothing to ready, but for keys and evidence.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.read + self.load + self.self_test
    }

    /// Says it to the operator.
    pub(crate) fn log(&self, model: &str) {
        let [read_ms, load_ms, self_test_ms] =
            [self.read, self.load, self.self_test].map(|time| time.as_millis());
        tracing::info!(model, read_ms, load_ms, self_test_ms, "the model answers");
    }
}

impl Started {
    /// Reads the file at `path`, which must have the `expected` SHA-256 where one is given, and takes one token of it.
    /// `progress` is told how many bytes of how many were read. The file's bytes are wiped as soon as the engine has what it
    /// needs of them.
    pub(crate) async fn load(
        path: &Path,
        expected: Option<[u8; 32]>,
        settings: &Settings,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<Self, BootError> {
        let (path, settings) = (path.to_owned(), settings.clone());
        let loading = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let weights = Weights::copy_with(&path, expected, progress)?;
            let (read, begun) = (begun.elapsed(), Instant::now());
            let engine = Arc::new(LocalEngine::load(weights.bytes(), &settings)?);
            Ok::<_, BootError>((engine, weights.file().clone(), read, begun.elapsed()))
        });
        let (engine, file, read, load) = loading.await.map_err(|_| BootError::Interrupted)??;
        let begun = Instant::now();
        self_test(&*engine).await?;
        let times = Times { read, load, self_test: begun.elapsed() };
        Ok(Self { engine, file, times })
    }

    /// What a node with this model commits to.
    pub(crate) fn manifest(&self, name: &str) -> Manifest {
        manifest(name, &self.file, self.engine.card())
    }

    pub(super) fn served(self, name: &str) -> Served {
        let manifest = self.manifest(name);
        (self.engine, manifest)
    }
}

/// What the node commits to as its model: the file as it was hashed, and everything of the engine that
/// changes answers.
#[must_use]
pub fn manifest(name: &str, file: &ModelFile, card: &ModelCard) -> Manifest {
    Manifest {
        name: name.to_owned(),
        files: vec![file.clone()],
        tokenizer: card.tokenizer_digest.0,
        template: card.chat_template_digest.map_or([0; 32], |digest| digest.0),
        engine: card.engine.clone(),
        build: card.build.clone(),
        parameters: card.parameters.clone(),
        adapters: Vec::new(),
    }
}

/// One greedy token: an engine that cannot give it must not be offered to anybody.
///
/// # Errors
/// What the engine says, or [`BootError::Interrupted`] when it says nothing.
pub async fn self_test(engine: &dyn Engine) -> Result<(), BootError> {
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let request = GenerationRequest {
        max_tokens: Some(1),
        sampling: Sampling::greedy(),
        ..GenerationRequest::new(Input::Text("Hello".into()), 0)
    };
    let sink = move |event| match sender.send(event) {
        Ok(()) => std::ops::ControlFlow::Continue(()),
        Err(_) => std::ops::ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink))?;
    let mut tokens = 0_usize;
    while let Some(event) = events.recv().await {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(_) => tokens = tokens.saturating_add(1),
            Event::Finished(_) if tokens == 1 => return Ok(()),
            Event::Finished(_) => break,
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err(BootError::Interrupted)
}
