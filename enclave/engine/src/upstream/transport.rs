//! One request, one connection, to one address of this machine. Dropping an [`Exchange`] is the cancel.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::address::Address;
use super::error::UpstreamError;
use super::wiped::Wiped;

/// How long an engine may take. What it is asked to compute comes on top of nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until a connection stands.
    pub connect: Duration,
    /// From the request to the first token of the answer: signs of life before it are none of work.
    pub first_byte: Duration,
    /// Between two pieces of the content from then on.
    pub silence: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(1), first_byte: seconds(120), silence: seconds(30) }
    }
}

/// Who is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: Address,
    /// The user who must have opened a socket in the file system, where that is known.
    pub(super) user: Option<u32>,
}

impl Peer {
    /// Whether somebody else took the place of a socket.
    fn check(&self, stream: &UnixStream) -> Result<(), UpstreamError> {
        let Some(user) = self.user else { return Ok(()) };
        let found = stream.peer_cred().map_err(|_| UpstreamError::Connect)?.uid();
        if found == user { Ok(()) } else { Err(UpstreamError::Stranger) }
    }
}

/// The longest head of an answer, bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// The longest answer to a question about the engine itself, bytes.
const LONGEST_FACT: usize = 4 << 20;

/// An answer whose head came.
pub(super) struct Exchange {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    /// What moves the bytes: it ends with the exchange.
    _connection: JoinSet<()>,
}

/// What an answer's content is.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Events,
    Json,
}

impl Content {
    const fn name(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Json => "application/json",
        }
    }
}

/// Sends a request, with a body where there is one, and waits for the head of the answer. The caller bounds the wait.
pub(super) async fn send(
    peer: &Peer,
    path: &str,
    body: Option<Wiped>,
    connect: Duration,
) -> Result<Exchange, UpstreamError> {
    let request = request(path, body)?;
    match &peer.address {
        Address::Unix(socket) => {
            let stream = timeout(connect, UnixStream::connect(socket.path())).await;
            let stream = opened(stream)?;
            peer.check(&stream)?;
            exchange(stream, request).await
        }
        Address::Loopback4 { port } => {
            let stream = timeout(connect, TcpStream::connect((Ipv4Addr::LOCALHOST, *port))).await;
            exchange(opened(stream)?, request).await
        }
        Address::Loopback6 { port } => {
            let stream = timeout(connect, TcpStream::connect((Ipv6Addr::LOCALHOST, *port))).await;
            exchange(opened(stream)?, request).await
        }
    }
}

fn opened<S>(
    stream: Result<std::io::Result<S>, tokio::time::error::Elapsed>,
) -> Result<S, UpstreamError> {
    stream.map_err(|_| UpstreamError::Connect)?.map_err(|_| UpstreamError::Connect)
}

fn request(path: &str, body: Option<Wiped>) -> Result<Request<Full<Bytes>>, UpstreamError> {
    // The host is the same whoever listens: an address says nothing about the node.
    let request = Request::builder().uri(path).header(HOST, "localhost");
    let request = match body {
        Some(body) => request
            .method("POST")
            .header(CONTENT_TYPE, Content::Json.name())
            .body(Full::new(Bytes::from_owner(body))),
        None => request.body(Full::default()),
    };
    request.map_err(|_| UpstreamError::Connect)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Exchange, UpstreamError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LONGEST_HEAD);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|_| UpstreamError::Connect)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // How a connection ends, its answer tells.
        drop(connection.await);
    });
    let answer = sender.send_request(request).await.map_err(|_| UpstreamError::Cut)?;
    let (head, body) = answer.into_parts();
    Ok(Exchange { status: head.status, headers: head.headers, body, _connection: tasks })
}

impl Exchange {
    /// Whether it is an answer of this type. No redirect is followed, whatever it says.
    pub(super) fn check(&self, content: Content) -> Result<(), UpstreamError> {
        if self.status.is_redirection() {
            return Err(UpstreamError::Redirect);
        }
        if self.status != StatusCode::OK {
            return Err(UpstreamError::Status { found: self.status.as_u16() });
        }
        let found = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let found = found.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if found.eq_ignore_ascii_case(content.name()) {
            Ok(())
        } else {
            Err(UpstreamError::ContentType)
        }
    }

    /// The next piece of the content; `None` at its end. Nothing is lost when this future is dropped.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            // Trailers say nothing here.
            if let Ok(data) = frame.map_err(|_| UpstreamError::Cut)?.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// Asks for something short, within `limit`; `None` as content takes whatever type comes.
pub(super) async fn ask(
    peer: &Peer,
    path: &str,
    body: Option<Wiped>,
    content: Option<Content>,
    limit: Duration,
) -> Result<Wiped, UpstreamError> {
    let whole = async {
        let mut exchange = send(peer, path, body, limit).await?;
        exchange.check(content.unwrap_or(Content::Json)).or_else(|error| {
            match (error, content) {
                (UpstreamError::ContentType, None) => Ok(()),
                (error, _) => Err(error),
            }
        })?;
        let mut all = Wiped::default();
        while let Some(piece) = exchange.piece().await? {
            if all.len().saturating_add(piece.len()) > LONGEST_FACT {
                return Err(UpstreamError::TooLong);
            }
            all.extend(&piece);
        }
        Ok(all)
    };
    timeout(limit, whole).await.map_err(|_| UpstreamError::FirstByte)?
}
