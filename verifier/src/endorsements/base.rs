//! The address of a service or of a mirror.

use std::fmt;

use http::{HeaderValue, Uri, uri::Authority};
use rustls::pki_types::ServerName;

/// `https://HOST[:PORT][/PATH]`, or `http://` for a mirror of one's own: what comes from it is signed, and only who asks
/// about which chip is seen on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    host: String,
    port: u16,
    tls: Option<ServerName<'static>>,
    authority: Authority,
    /// What stands before every path; without a `/` at its end.
    prefix: String,
}

/// Why an address was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not an address of the form https://HOST[:PORT][/PATH]")]
pub struct BaseError {
    /// As it was given.
    pub found: String,
}

impl Base {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BaseError`] for another scheme, a user name, a query, or anything that is no URL.
    pub fn from_url(url: &str) -> Result<Self, BaseError> {
        let refused = || BaseError { found: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().ok_or_else(refused)?.clone();
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(refused());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, standard) = match uri.scheme_str() {
            Some("https") => {
                (Some(ServerName::try_from(host.clone()).map_err(|_| refused())?), 443)
            }
            Some("http") => (None, 80),
            _ => return Err(refused()),
        };
        let port = authority.port_u16().unwrap_or(standard);
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, tls, authority, prefix })
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn tls_name(&self) -> Option<ServerName<'static>> {
        self.tls.clone()
    }

    pub(super) fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority.as_str()).expect("an authority is visible ASCII")
    }

    /// Path and query of a request. `path` is one of the pinned table's, or empty for this very address.
    pub(super) fn target(&self, path: &str) -> Uri {
        match format!("{}{path}", self.prefix) {
            nothing if nothing.is_empty() => Uri::from_static("/"),
            target => target.parse().expect("a prefix and a path of the table"),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_services_and_mirrors_below_a_path() {
        for url in ["https://kdsintf.amd.com", "http://127.0.0.1:8081/pccs", "https://[::1]:1"] {
            assert_eq!(Base::from_url(url).expect("an address").to_string(), url);
        }
        let mirror = Base::from_url("http://mirror/amd/").expect("an address");
        assert_eq!(mirror.target("/vcek/v1/Genoa/crl"), "/amd/vcek/v1/Genoa/crl");
    }

    #[test]
    fn refuses_what_is_no_address() {
        for url in ["", "host", "file:///etc", "ftp://a", "https://a@b", "https://a/?q"] {
            assert_eq!(Base::from_url(url), Err(BaseError { found: url.to_owned() }), "{url}");
        }
    }

    #[test]
    fn every_vendors_address_is_one() {
        for service in super::super::services::Service::ALL {
            let base = Base::from_url(service.vendor()).expect("an address");
            assert!(base.tls_name().is_some(), "{base}");
        }
    }
}
