//! Connections: the handshake, what a request may know about its connection, and deadlines for the slow.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::HandshakeKind;
use sealroom_attestation::binder::ProverSide;
use sealroom_attestation::digests::{LeafDigest, Nonce};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Deadlines;

mod activity;
mod places;
mod shared;

use activity::{Activity, Counted};
use places::{Place, Places};
use shared::Shared;

/// A request's header section, in bytes and in fields.
const HEADER_BYTES: usize = 32 * 1024;
const HEADER_FIELDS: usize = 64;
/// Requests at once on one connection.
const STREAMS: u32 = 128;

/// What a request knows about the connection on which it arrived.
#[derive(Clone)]
pub struct Connection {
    stream: Shared,
    leaf: LeafDigest,
    peer: IpAddr,
    http2: bool,
}

impl Connection {
    /// Exported keying material of this very connection for a verifier's nonce. `None` on a resumed
    /// connection: such a one is never bound.
    #[must_use]
    pub fn exporter(&self, nonce: &Nonce) -> Option<[u8; 32]> {
        self.stream.with(|tls| {
            let full = match tls.handshake_kind()? {
                HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest => true,
                HandshakeKind::Resumed => false,
            };
            let material = sealroom_attestation::tls::exporter(tls, nonce, ProverSide::Server);
            material.ok().filter(|_| full)
        })
    }

    /// The leaf that this connection's handshake showed.
    #[must_use]
    pub const fn leaf(&self) -> LeafDigest {
        self.leaf
    }

    /// The peer's address.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether trailers always arrive.
    pub(super) const fn is_http2(&self) -> bool {
        self.http2
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(..)")
    }
}

/// The listener and everything a connection needs.
pub(crate) struct Door {
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) router: Router,
    pub(crate) leaf: LeafDigest,
    pub(crate) connections: usize,
    pub(crate) deadlines: Deadlines,
    pub(crate) closing: CancellationToken,
    pub(crate) ended: CancellationToken,
}

/// After the system refused a connection, for want of descriptors mostly.
const BREATH: Duration = Duration::from_millis(50);

impl Door {
    /// Accepts until the node closes.
    pub(crate) async fn open(self, listener: TcpListener, tasks: TaskTracker) {
        let places = Places::new(self.connections);
        let door = Arc::new(self);
        while let Some(accepted) = door.closing.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, address)) => {
                    // One connection too many is closed at once: the peer sees it and goes elsewhere.
                    if let Some(place) = places.take(address.ip()) {
                        tasks.spawn(Arc::clone(&door).connection(stream, address, place));
                    }
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, _place: Place) {
        // Events are small and written once each: none may wait for another.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let handshake = TlsAcceptor::from(Arc::clone(&self.tls)).accept(stream);
        let handshake = timeout(self.deadlines.handshake, handshake);
        let Some(Ok(Ok(tls))) = self.closing.run_until_cancelled(handshake).await else { return };
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let activity = Arc::new(Activity::new(!http2));
        let stream = Shared::new(tls, Arc::clone(&activity));
        let connection =
            Connection { stream: stream.clone(), leaf: self.leaf, peer: address.ip(), http2 };
        let served = self.serve(stream, connection, &activity);
        let slow = overdue(&activity, self.deadlines);
        tokio::select! {
            () = served => {}
            () = slow => {}
            () = self.ended.cancelled() => {}
        }
    }

    async fn serve(&self, stream: Shared, connection: Connection, activity: &Arc<Activity>) {
        let (router, http2) = (self.router.clone(), connection.http2);
        let activity = Arc::clone(activity);
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let guard = activity.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(connection.clone());
            let answer = router.clone().oneshot(request);
            async move { answer.await.map(|response| response.map(|body| Counted::new(body, guard))) }
        });
        // How a connection ends is the peer's business: there is nothing to log, and nothing to leak.
        macro_rules! run {
            ($connection:expr) => {{
                let mut connection = pin!($connection);
                tokio::select! {
                    ended = connection.as_mut() => drop(ended),
                    () = self.closing.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        drop(connection.await);
                    }
                }
            }};
        }
        if http2 {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
            builder.max_header_list_size(HEADER_BYTES as u32);
            builder.keep_alive_interval(Duration::from_secs(30));
            run!(builder.serve_connection(TokioIo::new(stream), service));
        } else {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.max_buf_size(HEADER_BYTES).max_headers(HEADER_FIELDS);
            run!(builder.serve_connection(TokioIo::new(stream), service));
        }
    }
}

/// Ends when a peer takes too long: for its first request, for a header it began, or with nothing at all.
async fn overdue(activity: &Activity, deadlines: Deadlines) {
    loop {
        let until = activity.deadline(deadlines);
        if until <= Instant::now() {
            return;
        }
        tokio::select! {
            () = sleep_until(until) => {}
            () = activity.changed() => {}
        }
    }
}
