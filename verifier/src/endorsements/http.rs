//! One request to one service: bounded in size and time, never redirected, through no proxy, never decompressed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HOST, HeaderName,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER, USER_AGENT,
    },
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    base::Base,
    validators::{Validators, date},
};

/// The longest that connecting may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest that one exchange may take, from its first byte to its last.
const WHOLE: Duration = Duration::from_secs(10);
/// The most headers of an answer, and the most bytes of all of them.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 64 << 10;
/// The longest value of a header that is kept.
const KEPT: usize = 32 << 10;

/// The status of an answer that is no other than the one before.
pub(super) const NOT_MODIFIED: u16 = 304;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) path: &'a str,
    /// The body of a POST and its type; a GET where there is none.
    pub(super) body: Option<&'a (&'static str, Vec<u8>)>,
    /// What is known already: an answer that is no other needs no body.
    pub(super) known: &'a Validators,
    pub(super) chain_header: Option<&'static str>,
    pub(super) longest: usize,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// An answer.
    Found { body: Bytes, chain: Option<Vec<u8>>, validators: Validators },
    /// What is known already is the newest.
    NotModified,
    /// There is no such resource.
    NotFound,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection.
    #[error("no connection to {base}: {reason}")]
    Connect {
        /// To whom.
        base: String,
        /// The operating system's reason, or TLS's.
        reason: String,
    },
    /// A step took too long.
    #[error("{base} took longer than {seconds} s")]
    Late {
        /// Who.
        base: String,
        /// The deadline.
        seconds: u64,
    },
    /// The connection broke off, or what came was no HTTP.
    #[error("{base} broke off: {reason}")]
    BrokenOff {
        /// Who.
        base: String,
        /// Why.
        reason: String,
    },
    /// Longer than any such answer.
    #[error("{base} answers with more than {limit} bytes")]
    TooLong {
        /// Who.
        base: String,
        /// The limit.
        limit: usize,
    },
    /// A redirect. Where an answer comes from is for the pinned table to say.
    #[error("{base} redirects, which is not followed")]
    Redirect {
        /// Who.
        base: String,
    },
    /// Compressed, though nobody asked for that.
    #[error("{base} answers in an encoding that was not asked for")]
    Encoding {
        /// Who.
        base: String,
    },
    /// Too many requests, or too much to do.
    #[error("{base} answers with status {status}")]
    Busy {
        /// Who.
        base: String,
        /// 429 or 5xx.
        status: u16,
        /// Seconds to wait, where it says so.
        retry_after: Option<u64>,
    },
    /// Any other status.
    #[error("{base} answers with status {status}")]
    Status {
        /// Who.
        base: String,
        /// The status.
        status: u16,
    },
}

/// Asks once.
pub(super) async fn ask(base: &Base, ask: &Ask<'_>) -> Result<Reply, HttpError> {
    send(base, request(base, ask), async |response| read(base, response, ask).await).await
}

/// What a service says of itself to whoever knocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The status: any will do.
    pub status: u16,
    /// The service's clock, as it says.
    pub date: Option<String>,
}

/// Knocks at a service.
///
/// # Errors
/// Where nothing answers in HTTP.
pub async fn probe(base: &Base) -> Result<Probe, HttpError> {
    let unknown = Validators::default();
    let ask = Ask { path: "/", body: None, known: &unknown, chain_header: None, longest: 0 };
    send(base, request(base, &ask), async |response| {
        let date = value(response.headers(), &DATE);
        Ok(Probe { status: response.status().as_u16(), date })
    })
    .await
}

/// Posts JSON to whoever asked to be told.
///
/// # Errors
/// Where it is not taken.
pub async fn notify(base: &Base, json: Vec<u8>) -> Result<(), HttpError> {
    let (unknown, body) = (Validators::default(), ("application/json", json));
    let ask = Ask { path: "", body: Some(&body), known: &unknown, chain_header: None, longest: 0 };
    send(base, request(base, &ask), async |response| match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(HttpError::Status { base: base.to_string(), status: status.as_u16() }),
    })
    .await
}

/// Connects, sends one request, and reads its response.
async fn send<T>(
    base: &Base,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, HttpError>,
) -> Result<T, HttpError> {
    let late =
        |limit: Duration| HttpError::Late { base: base.to_string(), seconds: limit.as_secs() };
    let stream = timeout(CONNECT, connect(base, public())).await.map_err(|_| late(CONNECT))??;
    timeout(WHOLE, exchange(base, stream, request, read)).await.map_err(|_| late(WHOLE))?
}

/// A connection, whatever carries it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connect(base: &Base, roots: RootCertStore) -> Result<Box<dyn Stream>, HttpError> {
    let refused = |reason: String| HttpError::Connect { base: base.to_string(), reason };
    let tcp =
        TcpStream::connect(base.address()).await.map_err(|error| refused(error.to_string()))?;
    let Some(name) = base.tls_name() else { return Ok(Box::new(tcp)) };
    let config = tls(roots).map_err(|error| refused(error.to_string()))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    Ok(Box::new(connecting.map_err(|error| refused(error.to_string()))?))
}

/// The public web's roots: they keep others from seeing which chips are asked about, and vouch for nothing that is said.
fn public() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn exchange<T>(
    base: &Base,
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, HttpError>,
) -> Result<T, HttpError> {
    let broken = |error: hyper::Error| HttpError::BrokenOff {
        base: base.to_string(),
        reason: error.to_string(),
    };
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS).max_buf_size(HEADER_BYTES);
    let (mut handle, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Why a connection ended is told to whoever reads; it ends with this function, also where a deadline ends that.
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let response = handle.send_request(request).await.map_err(broken)?;
    read(response).await
}

fn request(base: &Base, ask: &Ask<'_>) -> Request<Full<Bytes>> {
    let content = ask.body.map_or(Bytes::new(), |(_, content)| content.clone().into());
    let mut request = Request::new(Full::new(content));
    if ask.body.is_some() {
        *request.method_mut() = Method::POST;
    }
    *request.uri_mut() = base.target(ask.path);
    let headers = request.headers_mut();
    headers.insert(HOST, base.host_header());
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("sealroom/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some((content_type, _)) = ask.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    // Conditions are for what is read: a POST under one would be refused.
    let unknown = Validators::default();
    let Validators { etag, modified, .. } = if ask.body.is_some() { &unknown } else { ask.known };
    for (name, value) in [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, modified)] {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    request
}

async fn read(
    base: &Base,
    response: Response<Incoming>,
    ask: &Ask<'_>,
) -> Result<Reply, HttpError> {
    let (head, body) = response.into_parts();
    let name = || base.to_string();
    match head.status {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if !ask.known.is_empty() => return Ok(Reply::NotModified),
        StatusCode::NOT_FOUND => return Ok(Reply::NotFound),
        status if status.is_redirection() => return Err(HttpError::Redirect { base: name() }),
        status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            let retry_after = retry_after(&head.headers);
            return Err(HttpError::Busy { base: name(), status: status.as_u16(), retry_after });
        }
        status => return Err(HttpError::Status { base: name(), status: status.as_u16() }),
    }
    if value(&head.headers, &CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(HttpError::Encoding { base: name() });
    }
    let limit = ask.longest;
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(HttpError::TooLong { base: name(), limit });
        }
        Err(error) => return Err(HttpError::BrokenOff { base: name(), reason: error.to_string() }),
    };
    let chain = ask.chain_header.map(HeaderName::from_static);
    let chain = chain.and_then(|chain| value(&head.headers, &chain));
    let etag = value(&head.headers, &ETAG);
    let modified = value(&head.headers, &LAST_MODIFIED);
    Ok(Reply::Found {
        body,
        chain: chain.map(String::into_bytes),
        validators: Validators { base: name(), etag, modified },
    })
}

/// Seconds until it may be asked again: a number, or a date by the service's own clock (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = value(headers, &RETRY_AFTER)?;
    let until = || Some(date(&text)?.0.saturating_sub(date(&value(headers, &DATE)?)?.0));
    text.parse().ok().or_else(until)
}

/// A header's text, where there is one and it is not longer than any that is kept.
fn value(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= KEPT).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[test]
    fn a_service_says_when_to_come_again_in_seconds_or_by_a_date_of_its_own_clock() {
        let (begin, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT");
        for (said, clock, seconds) in [
            ("120", None, Some(120)),
            (later, Some(begin), Some(60)),
            (begin, Some(later), Some(0)),
            (later, None, None),
            ("soon", Some(begin), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(said));
            clock.map(|clock| headers.insert(DATE, HeaderValue::from_static(clock)));
            assert_eq!(retry_after(&headers), seconds, "{said}");
        }
    }

    /// A service behind TLS that says "hello" to whoever trusts it, and the root that vouches for it.
    async fn service() -> (u16, RootCertStore) {
        let names = vec!["localhost".to_owned()];
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a server");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(tcp).await {
                    let _ = stream.write_all(b"hello").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a root");
        (port, roots)
    }

    async fn heard(name: &str, port: u16, roots: RootCertStore) -> Result<String, HttpError> {
        let base = Base::from_url(&format!("https://{name}:{port}")).expect("an address");
        let (mut stream, mut heard) = (connect(&base, roots).await?, String::new());
        stream.read_to_string(&mut heard).await.expect("a greeting");
        Ok(heard)
    }

    #[tokio::test]
    async fn a_service_is_spoken_to_over_tls_where_its_root_vouches_for_its_name() {
        let (port, roots) = service().await;
        assert_eq!(heard("localhost", port, roots.clone()).await, Ok("hello".to_owned()));
        for (name, roots, why) in
            [("localhost", public(), "UnknownIssuer"), ("127.0.0.1", roots, "not valid for name")]
        {
            let refused = heard(name, port, roots).await;
            let Err(HttpError::Connect { reason, .. }) = &refused else { panic!("{refused:?}") };
            assert!(reason.contains(why), "{reason}");
        }
    }
}
