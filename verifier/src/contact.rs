//! One connection to one node: dial it, ask it for evidence under a nonce of our own. Nothing is proven here.
//!
//! HTTP runs on the connection's own handle: no pool, no reconnect, no redirect, no proxy. The challenge is the only
//! request before a verdict; what may follow it is for whoever judged to decide. See the wire specification, section 6.

mod challenge;
mod error;
mod target;
mod tls_stream;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header::HOST, uri::Authority};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sealroom_attestation::{digests::LeafDigest, endpoints::deadline, tls};
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

pub use challenge::{Shown, media_type};
pub use error::ContactError;
pub use target::{Target, TargetError};

use tls_stream::SharedTls;

/// How often an idle connection is asked whether it is still there, and how long the answer may take.
const PING: Duration = Duration::from_secs(20);

/// A connection whose server proved that it holds its leaf's key, and nothing else yet.
pub struct Contact {
    handle: Handle,
    tls: SharedTls,
    leaf: LeafDigest,
    authority: Authority,
    ended: CancellationToken,
}

enum Handle {
    Http2(http2::SendRequest<Full<Bytes>>),
    /// One request at a time; the others wait for their turn.
    Http1(Mutex<http1::SendRequest<Full<Bytes>>>),
}

impl Contact {
    /// Dials a node. Its certificate says nothing about who it is: only that the server holds the certificate's key.
    ///
    /// # Errors
    /// [`ContactError`] where there is no connection, or none of the protocol's kind.
    pub async fn dial(target: &Target) -> Result<Self, ContactError> {
        let stream = dial(target).await?;
        let connection = stream.get_ref().1;
        let http2 = connection.alpn_protocol() == Some(b"h2");
        let leaf = match connection.peer_certificates() {
            Some([leaf]) => tls::leaf_digest(leaf).map_err(handshake_error)?,
            _ => return Err(ContactError::Handshake("not exactly one certificate".to_owned())),
        };
        let tls = SharedTls::new(stream);
        let ended = CancellationToken::new();
        let handle =
            match timeout(deadline::HANDSHAKE, start_http(http2, tls.clone(), &ended)).await {
                Err(_) => return Err(late("starting HTTP", deadline::HANDSHAKE)),
                Ok(Err(error)) => return Err(ContactError::Connection(error.to_string())),
                Ok(Ok(handle)) => handle,
            };
        Ok(Self { handle, tls, leaf, authority: target.authority().clone(), ended })
    }

    /// The leaf that the server showed on this connection.
    #[must_use]
    pub const fn leaf(&self) -> LeafDigest {
        self.leaf
    }

    /// A request to this connection's server.
    #[must_use]
    pub fn request(
        &self,
        method: Method,
        path: &'static str,
        media_type: &'static str,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        match &self.handle {
            Handle::Http2(_) => {
                let uri = Uri::builder().scheme("https").authority(self.authority.clone());
                let uri = uri.path_and_query(path).build();
                *request.uri_mut() = uri.expect("scheme, authority and path are all given");
            }
            Handle::Http1(_) => {
                let host = HeaderValue::from_str(self.authority.as_str());
                headers.insert(HOST, host.expect("an authority is visible ASCII"));
                *request.uri_mut() = Uri::from_static(path);
                // Nobody asked for interim responses: one ends the connection.
                let ended = self.ended.clone();
                hyper::ext::on_informational(&mut request, move |_| ended.cancel());
            }
        }
        request
    }

    /// Sends one request on this connection. Dropping the future cancels the request.
    ///
    /// # Errors
    /// Where the connection ended, or HTTP did not hold.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        match &self.handle {
            Handle::Http2(handle) => {
                let mut handle = handle.clone();
                handle.ready().await?;
                handle.send_request(request).await
            }
            Handle::Http1(handle) => {
                let response = {
                    let mut handle = handle.lock().await;
                    handle.ready().await?;
                    handle.send_request(request)
                };
                response.await
            }
        }
    }

    /// Whether the connection ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) {
        self.ended.cancelled().await;
    }
}

async fn dial(target: &Target) -> Result<TlsStream<TcpStream>, ContactError> {
    let (host, port) = target.address();
    let unreachable = |error: &io::Error| ContactError::Connect {
        address: target.to_string(),
        reason: error.to_string(),
    };
    let tcp = match timeout(deadline::HANDSHAKE, TcpStream::connect((host, port))).await {
        Err(_) => return Err(late("connecting", deadline::HANDSHAKE)),
        Ok(Err(error)) => return Err(unreachable(&error)),
        Ok(Ok(tcp)) => tcp,
    };
    // Every event is one small record; waiting to fill a segment would delay it.
    tcp.set_nodelay(true).map_err(|error| unreachable(&error))?;
    let config = tls::client_config().map_err(handshake_error)?;
    let connector = TlsConnector::from(Arc::new(config));
    match timeout(deadline::HANDSHAKE, connector.connect(target.name().clone(), tcp)).await {
        Err(_) => Err(late("the TLS handshake", deadline::HANDSHAKE)),
        Ok(Err(error)) => Err(io_handshake_error(&error)),
        Ok(Ok(stream)) => Ok(stream),
    }
}

async fn start_http(
    http2: bool,
    tls: SharedTls,
    ended: &CancellationToken,
) -> Result<Handle, hyper::Error> {
    let io = TokioIo::new(tls);
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder.keep_alive_interval(PING).keep_alive_timeout(PING).keep_alive_while_idle(true);
        let (handle, connection) = builder.handshake(io).await?;
        drive(connection, ended);
        Ok(Handle::Http2(handle))
    } else {
        let (handle, connection) = http1::Builder::new().max_headers(64).handshake(io).await?;
        drive(connection, ended);
        Ok(Handle::Http1(Mutex::new(handle)))
    }
}

/// Runs a connection until it ends by itself or somebody ends it. Both are one event for everybody else.
fn drive(
    connection: impl Future<Output = Result<(), hyper::Error>> + Send + 'static,
    ended: &CancellationToken,
) {
    let ended = ended.clone();
    tokio::spawn(async move {
        tokio::select! {
            // Why it ended is told to whoever waits for an answer on it.
            _ = connection => {}
            () = ended.cancelled() => {}
        }
        ended.cancel();
    });
}

/// A step that took too long.
const fn late(step: &'static str, deadline: Duration) -> ContactError {
    ContactError::Deadline { step, seconds: deadline.as_secs() }
}

fn io_handshake_error(error: &io::Error) -> ContactError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => handshake_error(error.clone()),
        None => ContactError::Handshake(error.to_string()),
    }
}

/// Tells a certificate whose key the server does not hold from every other failure.
fn handshake_error(error: rustls::Error) -> ContactError {
    use rustls::{CertificateError, Error, PeerMisbehaved};
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature)
        | Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
            ContactError::CertificateVerify
        }
        other => ContactError::Handshake(other.to_string()),
    }
}
