//! The service's key set (RFC 7517) as its caller gives it. That the keys are NVIDIA's is the caller's word.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use serde::Deserialize;

use crate::x509::{Certificate, KeyKind};

use super::error::NrasError;

/// The longest key set that is read.
pub const LONGEST_KEY_SET: usize = 256 * 1024;
const MOST_KEYS: usize = 64;
const COORDINATE: usize = 48;
/// An uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WireKey>,
}

/// What is not known about a key says nothing against it; its type, curve and use are looked at.
#[derive(Deserialize)]
struct WireKey {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default)]
    x5c: Vec<String>,
}

/// A key of the service.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: String,
    point: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    /// R and S side by side over the bytes (RFC 7518 §3.4).
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.point);
        key.verify(message, signature).is_ok()
    }
}

/// The keys of one set that are for ES384. Keys of other kinds are passed over; a broken one is not.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Key>, NrasError> {
    let what = "the key set";
    let (found, limit) = (bytes.len(), LONGEST_KEY_SET);
    if found > limit {
        return Err(NrasError::TooMany { what: "bytes of a key set", found, limit });
    }
    let set: KeySet = serde_json::from_slice(bytes)
        .map_err(|error| NrasError::Structure { what, reason: error.to_string() })?;
    let (found, limit) = (set.keys.len(), MOST_KEYS);
    if found > limit {
        return Err(NrasError::TooMany { what: "keys", found, limit });
    }
    set.keys.iter().filter(|key| key.is_ours()).map(WireKey::decode).collect()
}

impl WireKey {
    fn is_ours(&self) -> bool {
        let or = |value: &Option<String>, expected: &str| {
            value.as_deref().is_none_or(|value| value == expected)
        };
        self.kty == "EC"
            && or(&self.crv, "P-384")
            && or(&self.alg, "ES384")
            && or(&self.purpose, "sig")
            && self.kid.is_some()
    }

    /// The coordinates, or the certificate's key; where both are there, they are the same.
    fn decode(&self) -> Result<Key, NrasError> {
        let id = super::short(self.kid.as_deref().unwrap_or_default());
        let broken = || NrasError::Key { key: id.clone() };
        let coordinates = match (&self.x, &self.y) {
            (Some(x), Some(y)) => Some(point(x, y).ok_or_else(broken)?),
            (None, None) => None,
            _ => return Err(broken()),
        };
        let certified = match self.x5c.first() {
            Some(leaf) => Some(certified(leaf).ok_or_else(broken)?),
            None => None,
        };
        let point = match (coordinates, certified) {
            (Some(one), Some(other)) if one == other => one,
            (Some(one), None) | (None, Some(one)) => one,
            _ => return Err(broken()),
        };
        Ok(Key { id, point })
    }
}

fn point(x: &str, y: &str) -> Option<Vec<u8>> {
    let coordinate = |text| {
        URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes: &Vec<u8>| bytes.len() == COORDINATE)
    };
    Some([vec![UNCOMPRESSED], coordinate(x)?, coordinate(y)?].concat())
}

fn certified(leaf: &str) -> Option<Vec<u8>> {
    let der = STANDARD.decode(leaf).ok()?;
    let certificate = Certificate::decode(&der).ok()?;
    (certificate.key.kind == KeyKind::P384).then(|| certificate.key.bytes().to_vec())
}
