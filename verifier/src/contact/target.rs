//! Where a node is to be found. An address is a hint: who answers there is for the evidence to say.

use http::{Uri, uri::Authority};
use rustls::pki_types::ServerName;

/// The address of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    name: ServerName<'static>,
    host: String,
    port: u16,
    authority: Authority,
}

/// Why an address was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a URL with a host.
    #[error("{0:?} is not a URL of the form https://HOST[:PORT]")]
    Syntax(String),
    /// Nothing is ever sent in the clear.
    #[error("the scheme is {0:?}: only https is spoken")]
    Scheme(String),
    /// A path, a query or a user name.
    #[error("the URL has a {0}, which a node's address never has")]
    Extra(&'static str),
}

impl Target {
    /// Reads `https://HOST[:PORT]`; the port is 443 when there is none.
    ///
    /// # Errors
    /// [`TargetError`] for anything else.
    pub fn from_url(url: &str) -> Result<Self, TargetError> {
        let syntax = || TargetError::Syntax(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| syntax())?;
        match uri.scheme_str() {
            Some("https") => {}
            Some(scheme) => return Err(TargetError::Scheme(scheme.to_owned())),
            None => return Err(syntax()),
        }
        let given = uri.authority().ok_or_else(syntax)?;
        if given.as_str().contains('@') {
            return Err(TargetError::Extra("user name"));
        }
        if uri.query().is_some() {
            return Err(TargetError::Extra("query"));
        }
        if !matches!(uri.path(), "" | "/") {
            return Err(TargetError::Extra("path"));
        }
        let host = given.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_| syntax())?;
        let port = given.port_u16().unwrap_or(443);
        let authority = format!("{}:{port}", given.host()).parse().map_err(|_| syntax())?;
        Ok(Self { name, host, port, authority })
    }

    pub(super) const fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) const fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// Writes the address as a URL.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "https://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses_with_and_without_a_port() {
        let read = |url| Target::from_url(url).expect("an address").to_string();
        assert_eq!(read("https://node.example"), "https://node.example:443");
        assert_eq!(read("https://127.0.0.1:8443/"), "https://127.0.0.1:8443");
        assert_eq!(read("https://[::1]:8443"), "https://[::1]:8443");
        assert_eq!(Target::from_url("https://[::1]").expect("an address").address(), ("::1", 443));
    }

    #[test]
    fn refuses_what_is_not_the_address_of_a_node() {
        let refused = |url| Target::from_url(url).expect_err("refused");
        assert_eq!(refused("http://node"), TargetError::Scheme("http".into()));
        assert_eq!(refused("node:443"), TargetError::Syntax("node:443".into()));
        assert_eq!(refused("https://a@node"), TargetError::Extra("user name"));
        assert_eq!(refused("https://node/v1"), TargetError::Extra("path"));
        assert_eq!(refused("https://node/?a"), TargetError::Extra("query"));
    }
}
