//! An engine beside the node: any server of the OpenAI interface in the same virtual machine, for models that need many GPUs.
//!
//! Its answers are held against the rules of the seam: what it sends is bounded, counted and never trusted to be well-formed.
//! Requests above a fixed number in flight are refused here, so that its own queue, which is often without a bound, stays short.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use sealroom_request::PrivateText;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::card::ModelCard;
use crate::engine::{Engine, GenerationRequest, Input, Sink, SpecialTokens};
use crate::error::EngineError;
use crate::request;

mod address;
mod answer;
mod body;
mod chunk;
mod error;
#[cfg(test)]
mod fake;
mod identity;
mod kind;
mod run;
mod sse;
mod tokens;
mod transport;
mod wiped;
mod worker;

pub use address::{Address, AddressError, Socket};
pub use error::UpstreamError;
pub use identity::ConnectError;
pub use kind::Kind;
pub use transport::Deadlines;

use run::Job;
use transport::Peer;
use worker::Worker;

/// How an [`UpstreamEngine`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Where it listens.
    pub address: Address,
    /// The user who must have opened the socket, where the address is one in the file system and it is known.
    pub user: Option<u32>,
    /// What it is.
    pub kind: Kind,
    /// Its version: held against what it says where its kind says it.
    pub build: String,
    /// The model's name, under which it must serve it.
    pub name: String,
    /// What it was told to load: held against what it says where its kind says it.
    pub root: String,
    /// Most tokens of prompt and answer together; `None` is what it says.
    pub context: Option<usize>,
    /// Requests that it has at the same time. One more is refused.
    pub in_flight: usize,
    /// What of its setup changes answers, for the fact sheet.
    pub parameters: BTreeMap<String, String>,
    /// How long it may take.
    pub deadlines: Deadlines,
}

impl UpstreamSettings {
    fn peer(&self) -> Peer {
        Peer { address: self.address.clone(), user: self.user }
    }
}

/// A server beside this process.
pub struct UpstreamEngine {
    upstream: Arc<Upstream>,
    worker: Worker,
}

/// What its requests share.
struct Upstream {
    peer: Peer,
    kind: Kind,
    card: ModelCard,
    in_flight: usize,
    places: Arc<Semaphore>,
    /// Numbers those who have no salt of their own.
    alone: AtomicU64,
    stopped: AtomicBool,
    deadlines: Deadlines,
}

impl Upstream {
    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl UpstreamEngine {
    /// Asks the engine what it is, and takes it if that is what it should be. Blocks until it has answered.
    ///
    /// # Errors
    /// [`ConnectError::NotReady`] may pass; everything else is final.
    pub fn connect(settings: UpstreamSettings) -> Result<Self, ConnectError> {
        let worker = Worker::start().map_err(|_| ConnectError::Thread)?;
        let checking = async move { (identity::check(&settings).await, settings) };
        let (card, settings) = worker.wait(checking).ok_or(ConnectError::Thread)?;
        let upstream = Upstream {
            peer: settings.peer(),
            kind: settings.kind,
            card: card?,
            in_flight: settings.in_flight,
            places: Arc::new(Semaphore::new(settings.in_flight.min(Semaphore::MAX_PERMITS))),
            alone: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            deadlines: settings.deadlines,
        };
        Ok(Self { upstream: Arc::new(upstream), worker })
    }

    /// Takes it out of service for good: whoever watches its process found it dead, or not what it was.
    pub fn stop(&self) {
        self.upstream.stopped.store(true, Ordering::Release);
    }

    /// Waits for what the engine says, on a thread that may block.
    fn ask<T: Send + 'static>(
        &self,
        asking: impl Future<Output = Result<T, UpstreamError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        if self.has_stopped() {
            return Err(EngineError::Stopped);
        }
        let answer = self.worker.wait(asking).ok_or(EngineError::Stopped)?;
        answer.map_err(|reason| EngineError::Upstream { reason })
    }
}

impl Engine for UpstreamEngine {
    fn card(&self) -> &ModelCard {
        &self.upstream.card
    }

    fn tokenize(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, EngineError> {
        let (upstream, text) = (Arc::clone(&self.upstream), PrivateText::from(text));
        let ids =
            self.ask(async move { tokens::tokenize(&upstream, text.expose(), special).await });
        ids.map(|mut ids| std::mem::take(&mut *ids))
    }

    fn read(&self, input: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        check_prompt(input, self.upstream.card.context_length)?;
        let (upstream, input) = (Arc::clone(&self.upstream), input.clone());
        self.ask(async move { tokens::read(&upstream, &input).await })
    }

    /// Which engines make vectors, and how long, they do not say.
    fn embed(&self, _: Input, _: Box<dyn Sink>) -> Result<(), EngineError> {
        Err(EngineError::NoEmbeddings)
    }

    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        let submitted = Instant::now();
        let upstream = Arc::clone(&self.upstream);
        if upstream.has_stopped() {
            return Err(EngineError::Stopped);
        }
        request::check(&request, upstream.card.vocab_size)?;
        check_prompt(&request.input, upstream.card.context_length)?;
        let alone = upstream.alone.fetch_add(1, Ordering::Relaxed);
        let (kind, model) = (upstream.kind, &upstream.card.name);
        let asked = body::write(kind, model, &request, request.max_tokens, alone)
            .map_err(|reason| EngineError::Upstream { reason })?;
        let place = Arc::clone(&upstream.places).try_acquire_owned();
        let capacity = upstream.in_flight;
        let place = place.map_err(|_| EngineError::Overloaded { capacity })?;
        let job = Job { request, asked, sink, submitted, place, alone };
        self.worker.spawn(async move { run::run(&upstream, job).await });
        Ok(())
    }

    fn has_stopped(&self) -> bool {
        self.upstream.has_stopped()
    }
}

/// What can be said of a prompt before it was cut into tokens.
fn check_prompt(input: &Input, context: usize) -> Result<(), EngineError> {
    match input {
        Input::Chat { messages, .. } if messages.is_empty() => Err(EngineError::EmptyPrompt),
        Input::Text(text) if text.is_empty() => Err(EngineError::EmptyPrompt),
        Input::Tokens(tokens) => request::room(tokens.len(), None, context).map(|_| ()),
        Input::Chat { .. } | Input::Text(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
