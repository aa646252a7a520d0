//! Who may call: programs on this machine, web pages that were listed, holders of the token.
//!
//! A web page anywhere can make this machine's browser call a loopback address, and a name that is
//! rebound to it calls with another Host: both are refused. The wire specification, section 6, rule 7.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION,
        CACHE_CONTROL, HOST, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::{ConnectError, Endpoint, Settings, refusal::Refusal};

/// Only these two: every other address can be reached from elsewhere, or is somebody else's name for them.
///
/// # Errors
/// [`ConnectError::NotLoopback`] names the address.
pub fn check_loopback(address: SocketAddr) -> Result<(), ConnectError> {
    let ip = address.ip();
    let allowed = [
        std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST),
        std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
    ];
    if allowed.contains(&ip) { Ok(()) } else { Err(ConnectError::NotLoopback(address)) }
}

/// The origin of a web page: scheme, host and port, as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// Why an origin was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin of the form https://HOST[:PORT]")]
pub struct OriginError(String);

impl std::str::FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let refused = || OriginError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refused());
        };
        // What is not exactly what a browser sends would never match.
        if text != format!("{scheme}://{authority}") || authority.as_str().contains('@') {
            return Err(refused());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A bearer token. Only its digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token has {found} visible characters, at least {LEAST} without spaces are needed")]
pub struct TokenError {
    found: usize,
}

/// Shorter tokens can be guessed.
const LEAST: usize = 16;

impl Token {
    /// Reads a token file's content; white space around it does not count.
    ///
    /// # Errors
    /// [`TokenError`] when it is too short or no single word.
    pub fn from_file(content: &str) -> Result<Self, TokenError> {
        let token = content.trim();
        let found = token.bytes().filter(u8::is_ascii_graphic).count();
        if found < LEAST || found != token.len() {
            return Err(TokenError { found });
        }
        Ok(Self(sha256(token.as_bytes())))
    }

    /// Compares digests in constant time: neither content nor length of the token shows in the time.
    fn is(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(&sha256(presented)).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// The rules of one endpoint.
pub(super) struct Guard {
    address: SocketAddr,
    settings: Settings,
}

impl Guard {
    pub(super) const fn new(address: SocketAddr, settings: Settings) -> Self {
        Self { address, settings }
    }

    /// The origin to answer to, where a listed page calls.
    fn check<'a>(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a HeaderValue>, Refusal> {
        self.check_host(uri, headers)?;
        let origin = self.check_origin(headers)?;
        // A browser's preflight never carries the token, and nothing but its answer comes back.
        let is_open = uri.path() == "/health" || (method == Method::OPTIONS && origin.is_some());
        if !is_open {
            self.check_token(headers)?;
        }
        Ok(origin)
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().is_ok_and(|host| self.is_own_name(host)),
            _ => false,
        };
        // An absolute target would override the header.
        let target = uri.authority().is_none_or(|authority| self.is_own_name(authority.as_str()));
        if named && target {
            return Ok(());
        }
        let message = format!("the Host header must name {} or localhost", self.address);
        Err(Refusal::request(StatusCode::FORBIDDEN, "host_not_allowed", message))
    }

    fn is_own_name(&self, host: &str) -> bool {
        let port = self.address.port();
        let name = host.strip_suffix(&format!(":{port}")).unwrap_or(host);
        let own = match self.address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        name == own || name.eq_ignore_ascii_case("localhost")
    }

    fn check_origin<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Refusal> {
        let Some(origin) = headers.get(ORIGIN) else {
            return if is_embedded_elsewhere(headers) { Err(not_listed()) } else { Ok(None) };
        };
        if self.settings.origins.iter().any(|listed| origin.as_bytes() == listed.0.as_bytes()) {
            return Ok(Some(origin));
        }
        Err(not_listed())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.settings.token else { return Ok(()) };
        let presented = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        match presented.and_then(|value| value.strip_prefix(b"Bearer ")) {
            Some(presented) if token.is(presented) => Ok(()),
            _ => {
                let message = "the token of --token-file is needed as API key".to_owned();
                Err(Refusal::request(StatusCode::UNAUTHORIZED, "invalid_api_key", message))
            }
        }
    }
}

fn not_listed() -> Refusal {
    let message = "requests of web pages are refused; list the page with --origin".to_owned();
    Refusal::request(StatusCode::FORBIDDEN, "origin_not_allowed", message)
}

/// Fetch Metadata: an image or a script of another page comes without an origin. A link that somebody
/// follows is no harm, because nothing of the answer comes back to the page with the link.
fn is_embedded_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name, values: &[&str]| {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        value.is_some_and(|value| values.iter().any(|one| value == one.as_bytes()))
    };
    is("sec-fetch-site", &["cross-site", "same-site"]) && !is("sec-fetch-mode", &["navigate"])
}

/// Lets a request in, or answers it; and says of every response that it is for this caller alone.
pub(super) async fn admit(
    State(endpoint): State<Arc<Endpoint>>,
    request: Request,
    next: Next,
) -> Response {
    let (method, uri) = (request.method(), request.uri());
    let checked =
        endpoint.guard.check(method, uri, request.headers()).map(|origin| origin.cloned());
    let (mut response, origin) = match checked {
        Err(refusal) => (refusal.into_response(), None),
        Ok(origin) if request.method() == Method::OPTIONS && origin.is_some() => {
            (preflight(request.headers()), origin)
        }
        Ok(origin) => (next.run(request).await, origin),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// What a listed page may read beside the body.
const SHOWN: &str = "x-request-id, sealroom-boot-id, sealroom-receipt, sealroom-simulated";
/// Private Network Access: a page from elsewhere asks for a loopback address.
const PRIVATE_NETWORK_ASKED: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const PRIVATE_NETWORK_ALLOWED: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Fetch, CORS preflight: what a listed page may send. OpenAI's SDK adds headers of its own in a browser;
/// whatever a page sends, none of it but the body goes on.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let allowed = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let least = HeaderValue::from_static("authorization, content-type");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or(least));
    if asked.contains_key(PRIVATE_NETWORK_ASKED) {
        headers.insert(PRIVATE_NETWORK_ALLOWED, HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(settings: Settings) -> Guard {
        Guard::new("127.0.0.1:8787".parse().expect("an address"), settings)
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a value");
        pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    /// The code of the refusal, or `None` where the request was let in.
    fn asked(
        settings: Settings,
        uri: &'static str,
        pairs: &[(HeaderName, &str)],
    ) -> Option<&'static str> {
        let (uri, headers) = (Uri::from_static(uri), headers(pairs));
        guard(settings).check(&Method::GET, &uri, &headers).err().map(|refusal| refusal.code())
    }

    #[test]
    fn only_the_two_loopback_addresses_are_served() {
        let check = |text: &str| check_loopback(text.parse().expect("an address")).is_ok();
        assert!(check("127.0.0.1:0") && check("[::1]:0"));
        for other in ["0.0.0.0:1", "127.0.0.2:1", "[::]:1", "192.0.2.1:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!check(other), "{other}");
        }
        let refused =
            check_loopback("0.0.0.0:80".parse().expect("an address")).expect_err("refused");
        let text = "0.0.0.0:80 is not a loopback address: 127.0.0.1 or ::1 expected";
        assert_eq!(refused.to_string(), text);
    }

    #[test]
    fn the_host_is_this_address_or_localhost() {
        let host = |name| asked(Settings::default(), "/v1/models", &[(HOST, name)]);
        for good in ["127.0.0.1:8787", "localhost:8787", "LocalHost", "127.0.0.1"] {
            assert_eq!(host(good), None, "{good}");
        }
        for bad in
            ["evil.example:8787", "127.0.0.1:80", "127.0.0.2:8787", "", "localhost.evil.example"]
        {
            assert_eq!(host(bad), Some("host_not_allowed"), "{bad}");
        }
        assert_eq!(asked(Settings::default(), "/", &[]), Some("host_not_allowed"));
        let absolute = asked(Settings::default(), "http://evil.example/", &[(HOST, "localhost")]);
        assert_eq!(absolute, Some("host_not_allowed"));
    }

    #[test]
    fn a_second_host_header_is_refused() {
        let mut two = headers(&[(HOST, "localhost")]);
        two.append(HOST, HeaderValue::from_static("localhost"));
        let refused = guard(Settings::default()).check(&Method::GET, &Uri::from_static("/"), &two);
        assert_eq!(refused.expect_err("two").code(), "host_not_allowed");
    }

    #[test]
    fn an_origin_is_refused_unless_it_is_listed_exactly() {
        let settings = || Settings {
            origins: vec!["https://chat.example".parse().expect("an origin")],
            ..Settings::default()
        };
        let call =
            |origin| asked(settings(), "/v1/models", &[(HOST, "localhost"), (ORIGIN, origin)]);
        assert_eq!(call("https://chat.example"), None);
        for other in
            ["https://chat.example:444", "http://chat.example", "null", "https://evil.example"]
        {
            assert_eq!(call(other), Some("origin_not_allowed"), "{other}");
        }
    }

    #[test]
    fn what_a_page_elsewhere_embeds_is_refused_though_it_names_no_origin() {
        let site = HeaderName::from_static("sec-fetch-site");
        let mode = HeaderName::from_static("sec-fetch-mode");
        let call = |from, how| {
            let pairs = [(HOST, "localhost"), (site.clone(), from), (mode.clone(), how)];
            asked(Settings::default(), "/v1/models", &pairs)
        };
        for from in ["cross-site", "same-site"] {
            assert_eq!(call(from, "no-cors"), Some("origin_not_allowed"), "{from}");
            assert_eq!(call(from, "navigate"), None, "a link to the status page");
        }
        for from in ["none", "same-origin"] {
            assert_eq!(call(from, "no-cors"), None, "{from}");
        }
    }

    #[test]
    fn a_preflight_allows_the_headers_that_a_listed_page_asks_for() {
        let asked = "authorization,content-type,x-stainless-lang";
        let asked = headers(&[(ACCESS_CONTROL_REQUEST_HEADERS, asked)]);
        let answer = preflight(&asked);
        assert_eq!(
            answer.headers().get(ACCESS_CONTROL_ALLOW_HEADERS),
            asked.get(ACCESS_CONTROL_REQUEST_HEADERS)
        );
        assert_eq!(answer.headers().get(PRIVATE_NETWORK_ALLOWED), None);
        let local = preflight(&headers(&[(PRIVATE_NETWORK_ASKED, "true")]));
        assert_eq!(local.headers()[PRIVATE_NETWORK_ALLOWED], "true");
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let page = "http://localhost:3000";
        assert_eq!(page.parse(), Ok(Origin(page.to_owned())));
        for bad in ["chat.example", "https://chat.example/", "null", "https://a@chat.example", "*"]
        {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_token_is_asked_for_everywhere_but_at_the_health_probe() {
        let settings = || Settings {
            token: Some(Token::from_file("0123456789abcdef\n").expect("a token")),
            ..Settings::default()
        };
        let call =
            |uri, value| asked(settings(), uri, &[(HOST, "localhost"), (AUTHORIZATION, value)]);
        assert_eq!(call("/v1/models", "Bearer 0123456789abcdef"), None);
        for wrong in
            ["Bearer 0123456789abcdeg", "Bearer ", "0123456789abcdef", "Bearer 0123456789abcdef0"]
        {
            assert_eq!(call("/v1/models", wrong), Some("invalid_api_key"), "{wrong}");
            assert_eq!(call("/health", wrong), None);
        }
    }

    #[test]
    fn a_token_is_one_long_word_and_is_never_printed() {
        assert_eq!(Token::from_file("short"), Err(TokenError { found: 5 }));
        assert_eq!(Token::from_file("two words are not one"), Err(TokenError { found: 17 }));
        let token = Token::from_file("0123456789abcdef").expect("a token");
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
