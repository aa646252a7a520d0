//! An engine beside the node: its process, and the watch over it.
//!
//! The node starts it, as another user who can gain no rights, and takes itself out of service when it ends or is found to be
//! more than it should be. It is never started again in the same boot: what would be loaded then was not hashed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use sealroom_engine::{
    Address, ConnectError, Engine, EngineError, GenerationRequest, Input, ModelCard, Sink,
    SpecialTokens, UpstreamEngine, UpstreamSettings,
};
use zeroize::Zeroizing;

mod command;
mod confinement;
mod proc;
mod process;

pub(crate) use command::Launch;
use confinement::Bounds;
pub use confinement::ConfinementError;
pub(crate) use confinement::User;
use proc::Proc;
use process::Process;

/// How often an engine that loads its model is asked whether it is ready.
const ASK: Duration = Duration::from_millis(250);
/// How long a process may take to give up its rights.
const SETTLE: Duration = Duration::from_secs(5);
/// How often a running engine is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why an engine beside the node was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// It would run as the node itself, and could read its memory.
    #[error("the engine would run as user {user}, which is the node's own")]
    SameUser {
        /// The user.
        user: u32,
    },
    /// The program could not be started.
    #[error("starting the engine: {0}")]
    Start(io::Error),
    /// It ended before it was ready.
    #[error("the engine ended before it was ready")]
    Ended,
    /// It was not ready in time.
    #[error("the engine was not ready within {seconds} s: {last}")]
    Late {
        /// How long it had.
        seconds: u64,
        /// What was wrong at last.
        last: ConnectError,
    },
    /// It is not what it should be.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It can do more than it should.
    #[error(transparent)]
    Confinement(#[from] ConfinementError),
}

/// An engine whose process is watched. Dropping it ends the process.
pub(crate) struct Confined {
    engine: Arc<UpstreamEngine>,
    watch: Watch,
}

/// What is to be started, and what it must be.
pub(crate) struct Plan {
    pub(crate) launch: Launch,
    pub(crate) settings: UpstreamSettings,
    /// How long it may take to load its model.
    pub(crate) start: Duration,
    /// Where the kernel tells about processes.
    pub(crate) proc: PathBuf,
}

impl Confined {
    /// Starts the engine and waits until it is ready. Blocks meanwhile.
    pub(crate) fn start(plan: Plan) -> Result<Self, LaunchError> {
        if let User::Own { user, .. } = plan.launch.user
            && user == rustix::process::getuid().as_raw()
        {
            return Err(LaunchError::SameUser { user });
        }
        let proc = Proc::new(plan.proc);
        let port = match plan.settings.address {
            Address::Unix(_) => None,
            Address::Loopback4 { port } | Address::Loopback6 { port } => Some(port),
        };
        let bounds = Bounds { user: plan.launch.user, port };
        let watch = Watch::start(plan.launch, bounds, proc.clone())?;
        settle(&watch, &proc, bounds.user)?;
        let engine = ready(&watch, &plan.settings, plan.start)?;
        confinement::check(&proc, watch.leader, bounds)?;
        let engine = Arc::new(engine);
        // Nobody else sets it.
        drop(watch.engine.set(Arc::clone(&engine)));
        if watch.has_ended() {
            return Err(LaunchError::Ended);
        }
        Ok(Self { engine, watch })
    }
}

/// Waits until the process has given up its rights: between its start and the program there is a moment in which it has them.
fn settle(watch: &Watch, proc: &Proc, user: User) -> Result<(), LaunchError> {
    let until = Instant::now() + SETTLE;
    loop {
        match confinement::check_processes(proc, watch.leader, user) {
            Ok(_) => return Ok(()),
            Err(ConfinementError::Ended) => return Err(LaunchError::Ended),
            Err(error) if Instant::now() >= until => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Asks until the engine is ready, as long as its process is there.
fn ready(
    watch: &Watch,
    settings: &UpstreamSettings,
    start: Duration,
) -> Result<UpstreamEngine, LaunchError> {
    let until = Instant::now() + start;
    loop {
        let last = match UpstreamEngine::connect(settings.clone()) {
            Ok(engine) => return Ok(engine),
            Err(error @ ConnectError::NotReady(_)) => error,
            Err(error) => return Err(error.into()),
        };
        if watch.has_ended() {
            return Err(LaunchError::Ended);
        }
        if Instant::now() >= until {
            return Err(LaunchError::Late { seconds: start.as_secs(), last });
        }
        thread::sleep(ASK);
    }
}

impl Engine for Confined {
    fn card(&self) -> &ModelCard {
        self.engine.card()
    }

    fn tokenize(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, EngineError> {
        self.engine.tokenize(text, special)
    }

    fn read(&self, input: &Input) -> Result<Zeroizing<Vec<u32>>, EngineError> {
        self.engine.read(input)
    }

    fn embed(&self, input: Input, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        self.engine.embed(input, sink)
    }

    fn submit(&self, request: GenerationRequest, sink: Box<dyn Sink>) -> Result<(), EngineError> {
        self.engine.submit(request, sink)
    }

    fn has_stopped(&self) -> bool {
        self.watch.has_ended() || self.engine.has_stopped()
    }
}

/// A thread that began the process, looks after it and ends it. The process ends with the thread that began it, so this one
/// lives as long as the node.
struct Watch {
    leader: u32,
    ended: Arc<AtomicBool>,
    /// What is stopped when the process ends.
    engine: Arc<OnceLock<Arc<UpstreamEngine>>>,
    /// Dropped to end it all.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(launch: Launch, bounds: Bounds, proc: Proc) -> Result<Self, LaunchError> {
        let (begun, leader) = mpsc::sync_channel(1);
        let (alive, end) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let engine = Arc::new(OnceLock::<Arc<UpstreamEngine>>::new());
        let (told, stopping) = (Arc::clone(&ended), Arc::clone(&engine));
        let thread = thread::Builder::new().name("engine-watch".to_owned()).spawn(move || {
            let mut process = match Process::start(&launch, bounds, proc) {
                Ok(process) => process,
                Err(error) => return drop(begun.send(Err(error))),
            };
            drop(begun.send(Ok(process.leader())));
            // Nothing is ever sent: either it is time to look again, or the node ends.
            while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let Some(reason) = process.fault(&stopping) else { continue };
                tracing::warn!(reason = %reason, "the engine is out of service");
                break;
            }
            told.store(true, Ordering::Release);
            if let Some(engine) = stopping.get() {
                engine.stop();
            }
            process.end();
        });
        let thread = Some(thread.map_err(LaunchError::Start)?);
        let leader = leader.recv().map_err(|_| LaunchError::Ended)?;
        let leader = leader.map_err(LaunchError::Start)?;
        Ok(Self { leader, ended, engine, alive: Some(alive), thread })
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A watch that panicked has nothing left to end.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
