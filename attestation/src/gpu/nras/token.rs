//! Detached EAT (RFC 9711) of JSON web tokens in compact form (RFC 7515): an overall token, and one for each device.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::NrasError;

/// The longest answer that is read.
pub const LONGEST_TOKEN: usize = 512 * 1024;
/// As many devices as one bundle of evidence holds.
const MOST_DEVICES: usize = 32;
const SIGNATURE: usize = 96;

/// `[["JWT", overall], {"GPU-0": token, ..}]`
#[derive(Deserialize)]
struct Detached((String, String), BTreeMap<String, String>);

/// The header of every token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    /// Extensions that must be understood: there are none (RFC 7515 §4.1.11).
    crit: Option<Vec<String>>,
}

/// One compact token: what is signed, and what it says. Nothing is proven by decoding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<C> {
    /// `overall`, or the device's name.
    pub(super) name: String,
    pub(super) header: Header,
    pub(super) claims: C,
    /// Header and claims as they stand, with the point between them.
    pub(super) signed: String,
    /// R and S; empty where nobody signed.
    pub(super) signature: Vec<u8>,
    /// The whole text: what the overall token has the digest of.
    pub(super) compact: String,
}

/// Of the overall token. Claims that are not known are passed over: they are signed, and not used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Overall {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) eat_nonce: String,
    pub(super) exp: u64,
    pub(super) iat: u64,
    pub(super) nbf: Option<u64>,
    #[serde(rename = "x-nvidia-ver")]
    pub(super) version: String,
    #[serde(rename = "x-nvidia-overall-att-result")]
    pub(super) result: bool,
    pub(super) submods: BTreeMap<String, Submodule>,
}

/// `["DIGEST", ["SHA-256", hex]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Submodule(pub(super) String, pub(super) (String, String));

/// Of one device's token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Device {
    pub(super) iss: String,
    pub(super) eat_nonce: String,
    pub(super) exp: u64,
    pub(super) iat: u64,
    pub(super) nbf: Option<u64>,
    pub(super) measres: String,
    pub(super) secboot: Option<bool>,
    pub(super) dbgstat: Option<String>,
    pub(super) hwmodel: Option<String>,
    pub(super) ueid: Option<String>,
    #[serde(rename = "x-nvidia-gpu-driver-version")]
    pub(super) driver: Option<String>,
    #[serde(rename = "x-nvidia-gpu-vbios-version")]
    pub(super) vbios: Option<String>,
    #[serde(rename = "x-nvidia-switch-bios-version")]
    pub(super) bios: Option<String>,
}

/// The service's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) overall: Token<Overall>,
    pub(super) devices: Vec<Token<Device>>,
}

impl Answer {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NrasError> {
        let (found, limit) = (bytes.len(), LONGEST_TOKEN);
        if found > limit {
            return Err(NrasError::TooMany { what: "bytes of a token", found, limit });
        }
        let what = "the answer";
        let structure = |reason: String| NrasError::Structure { what, reason };
        let Detached((kind, overall), devices) =
            serde_json::from_slice(bytes).map_err(|error| structure(error.to_string()))?;
        if kind != "JWT" {
            return Err(structure("the overall token is no JWT".to_owned()));
        }
        let (found, limit) = (devices.len(), MOST_DEVICES);
        if found > limit {
            return Err(NrasError::TooMany { what: "devices", found, limit });
        }
        let overall = Token::decode("overall", overall)?;
        let devices = devices.into_iter().map(|(name, text)| Token::decode(&name, text));
        Ok(Self { overall, devices: devices.collect::<Result<_, _>>()? })
    }
}

impl<C: DeserializeOwned> Token<C> {
    fn decode(name: &str, compact: String) -> Result<Self, NrasError> {
        let what = "a token";
        let structure = |reason: &str| NrasError::Structure { what, reason: reason.to_owned() };
        let parts: Vec<&str> = compact.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(structure("not three parts"));
        };
        let signed = format!("{header}.{claims}");
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| structure("not base64url"))?;
        let header: Header = part(header)?;
        if header.crit.is_some() {
            return Err(structure("extensions that must be understood"));
        }
        let claims = part(claims)?;
        if ![0, SIGNATURE].contains(&signature.len()) {
            return Err(structure("a signature that is not R and S"));
        }
        Ok(Self { name: super::short(name), header, claims, signed, signature, compact })
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, NrasError> {
    let what = "a token";
    let structure = |reason: String| NrasError::Structure { what, reason };
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| structure("not base64url".to_owned()))?;
    serde_json::from_slice(&json).map_err(|error| structure(error.to_string()))
}
