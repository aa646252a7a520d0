//! What a service has under one path, before HTTP.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealroom_attestation::x509;

/// The body of an answer, and what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) media: &'static str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The request does not say what it must, or says what nobody understands: 400.
    Malformed(&'static str),
    /// Nothing has this name: 404.
    Unknown,
    /// The path has another method: 405.
    Method,
}

impl Document {
    pub(super) fn new(media: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { media, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }
}

impl Missing {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unknown => 404,
            Self::Method => 405,
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Malformed(reason) => reason,
            Self::Unknown => "not found",
            Self::Method => "another method is needed",
        }
    }
}

/// Certificates in PEM, in this order.
pub(super) fn pem(certificates: &[Vec<u8>]) -> String {
    x509::canonical("CERTIFICATE", certificates.iter().map(Vec::as_slice))
}

/// One revocation list in PEM.
pub(super) fn pem_list(list: &[u8]) -> String {
    x509::canonical("X509 CRL", [list])
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The parameters behind a path: each name once, nothing but these names.
pub(super) struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    /// Path and parameters of a request's target.
    pub(super) fn split(target: &'a str) -> Result<(&'a str, Self), Missing> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let pair =
                part.split_once('=').ok_or(Missing::Malformed("a parameter has no value"))?;
            if pairs.iter().any(|(name, _)| *name == pair.0) {
                return Err(Missing::Malformed("a parameter is given twice"));
            }
            pairs.push(pair);
        }
        Ok((path, Self(pairs)))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Ends the reading: a parameter that nobody took is not known.
    pub(super) fn finish(self) -> Result<(), Missing> {
        if self.0.is_empty() { Ok(()) } else { Err(Missing::Malformed("a parameter is not known")) }
    }
}
