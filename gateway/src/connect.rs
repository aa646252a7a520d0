//! The enterprise's own endpoint: the OpenAI interface on loopback, in front of one verified node.
//!
//! Bodies pass as they are, inside the seal. Headers do not: API keys, cookies and user agents stay here.

mod guard;
mod meter;
mod page;
mod proxy;
mod refusal;
mod status;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use sealroom_attestation::endpoints::deadline;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub use guard::{Origin, OriginError, Token, TokenError, check_loopback};

use crate::{
    keeper::Keeper,
    session::{RelyingParty, Target},
};
use guard::Guard;
use meter::Meter;

/// The most connections at once.
const CONNECTIONS: usize = 1_024;
/// How long running answers may take to end after a shutdown began.
const DRAIN: Duration = Duration::from_secs(10);

/// Who may use the endpoint, beyond being on this machine.
#[derive(Debug, Default)]
pub struct Settings {
    /// A bearer token that every request must bring.
    pub token: Option<Token>,
    /// Origins of web pages that may call.
    pub origins: Vec<Origin>,
}

/// Why the endpoint does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Anybody in the network could read prompts before they are sealed.
    #[error("{0} is not a loopback address: 127.0.0.1 or ::1 expected")]
    NotLoopback(SocketAddr),
    /// Such a policy accepts no node, and a looser one would accept every image.
    #[error("the policy pins no measurement: [snp.measurements] needs at least one entry")]
    NoMeasurement,
    /// The listener has no address.
    #[error("the listener has no address: {0}")]
    Listener(#[from] std::io::Error),
}

/// The running endpoint. It ends when it is dropped.
pub struct Connect {
    address: SocketAddr,
    keeper: Keeper,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

/// What every request handler shares.
struct Endpoint {
    guard: Guard,
    keeper: Keeper,
    meter: Meter,
}

impl Connect {
    /// Serves on `listener` and starts to open a session. Must run inside a runtime.
    ///
    /// # Errors
    /// [`ConnectError`]: a policy without a pinned measurement, or an address that is not loopback.
    pub fn start(
        settings: Settings,
        target: Target,
        party: RelyingParty,
        listener: TcpListener,
    ) -> Result<Self, ConnectError> {
        require_measurement(&party)?;
        let address = listener.local_addr()?;
        check_loopback(address)?;
        let keeper = Keeper::start(target, party);
        Self::with_keeper(settings, keeper, listener)
    }

    /// The same in front of a keeper that is already there.
    ///
    /// # Errors
    /// As [`Connect::start`].
    pub fn with_keeper(
        settings: Settings,
        keeper: Keeper,
        listener: TcpListener,
    ) -> Result<Self, ConnectError> {
        require_measurement(keeper.party())?;
        let address = listener.local_addr()?;
        check_loopback(address)?;
        let guard = Guard::new(address, settings);
        let endpoint = Arc::new(Endpoint { guard, keeper: keeper.clone(), meter: Meter::new() });
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router(endpoint), stop.clone()));
        Ok(Self { address, keeper, stop, server: Some(server) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The session behind it.
    #[must_use]
    pub const fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Takes no new requests, lets running answers end for a while, and stops.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.keeper.stop();
        if let Some(server) = self.server.take() {
            // A server that panicked has already stopped.
            drop(server.await);
        }
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connect({} -> {:?})", self.address, self.keeper)
    }
}

fn require_measurement(party: &RelyingParty) -> Result<(), ConnectError> {
    match party.own_trust().policy.pins_a_measurement() {
        true => Ok(()),
        false => Err(ConnectError::NoMeasurement),
    }
}

fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(proxy::chat_completions))
        .route("/v1/completions", post(proxy::completions))
        .route("/openapi.json", get(proxy::document))
        .route("/v1/embeddings", post(proxy::embeddings))
        .route("/tokenize", post(proxy::tokenize))
        .route("/v1/models", get(proxy::models))
        .route("/v1/models/{*name}", get(proxy::model))
        .route("/health", get(status::health))
        .route("/metrics", get(status::metrics))
        .route("/status", get(status::status))
        .route("/status.json", get(status::status_json))
        .route("/", get(status::pointer))
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::method_not_allowed)
        .layer(middleware::from_fn_with_state(endpoint.clone(), guard::admit))
        .with_state(endpoint)
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, place)) = accepted else {
            // Out of descriptors: the same call would fail again at once.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(deadline::HEADERS).max_headers(64);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // How a client's connection ends is the client's business.
            drop(connection.await);
            drop(place);
        });
    }
    drop(listener);
    // What is still running after that ends with the process.
    drop(timeout(DRAIN, graceful.shutdown()).await);
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    // Every event is one small write.
    stream.set_nodelay(true).ok()?;
    Some((stream, place))
}
