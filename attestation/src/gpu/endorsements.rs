//! What NVIDIA signs, as plain data, from wherever it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::transcript::sha256;
use crate::x509::{Algorithm, Certificate};

use super::ocsp;
use super::rim::{self, Document, RimKind};

/// Files in any order. Nothing is trusted for where it came from or how it was labelled: each is known by what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsements {
    /// A device's own certificates, in DER, leaf first, for a report that does not bring them.
    pub certificates: Vec<Vec<u8>>,
    /// RIMs, in XML as they were signed.
    pub rims: Vec<Vec<u8>>,
    /// OCSP responses, in DER.
    pub ocsp: Vec<Vec<u8>>,
    /// Answers of NVIDIA's attestation service, in JSON.
    pub tokens: Vec<Vec<u8>>,
    /// Key sets of that service, in JSON. Whoever gives them vouches for them.
    pub key_sets: Vec<Vec<u8>>,
}

/// Why a file holds none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Nothing that is known.
    #[error(
        "neither a RIM, nor an answer of the RIM service, an OCSP response, a token or a key set"
    )]
    Unknown,
    /// The RIM service's answer around a RIM.
    #[error("the answer of the RIM service: {0}")]
    Service(String),
    /// The RIM inside is not the one of the digest beside it.
    #[error("the RIM in the service's answer has another digest than the answer says")]
    Digest,
    /// The RIM inside is about something else than its id says.
    #[error("the RIM in the service's answer is about {about}, its id is {id}")]
    Id {
        /// Kind, product and version.
        about: String,
        /// By the service.
        id: String,
    },
    /// The RIM inside cannot be read.
    #[error("the RIM in the service's answer: {0}")]
    Rim(#[from] rim::DecodeError),
}

/// The answer of NVIDIA's RIM service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    id: String,
    rim: String,
    sha256: String,
    #[serde(rename = "last_updated")]
    _last_updated: Option<String>,
    #[serde(rename = "rim_format")]
    _format: Option<String>,
    #[serde(rename = "request_id")]
    _request: Option<String>,
}

/// Only what tells a key set from other JSON.
#[derive(Deserialize)]
struct KeySetFile {
    #[serde(rename = "keys")]
    _keys: Vec<serde::de::IgnoredAny>,
}

impl Endorsements {
    /// True when there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True for a certificate that is signed the way NVIDIA signs.
    #[must_use]
    pub fn signs(der: &[u8]) -> bool {
        let decoded = Certificate::decode(der);
        decoded.is_ok_and(|certificate| certificate.algorithm == Algorithm::EcdsaSha384)
    }

    /// Adds another set.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.rims.extend(other.rims);
        self.ocsp.extend(other.ocsp);
        self.tokens.extend(other.tokens);
        self.key_sets.extend(other.key_sets);
    }

    /// Adds what a file holds, recognised by content: a RIM in XML or in the RIM service's answer, an OCSP response in
    /// DER, an answer of the attestation service or its key set in JSON. RIMs in XML are kept whatever they say:
    /// verifying them says what is wrong.
    ///
    /// # Errors
    /// When the file is none of these. Nothing is added then.
    pub fn add_file(&mut self, file: &[u8]) -> Result<(), FileError> {
        match file.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => self.rims.push(file.to_vec()),
            Some(b'[') => self.tokens.push(file.to_vec()),
            Some(b'{') if serde_json::from_slice::<KeySetFile>(file).is_ok() => {
                self.key_sets.push(file.to_vec());
            }
            Some(b'{') => self.rims.push(from_service(file)?),
            _ if ocsp::is_response(file) => self.ocsp.push(file.to_vec()),
            _ => return Err(FileError::Unknown),
        }
        Ok(())
    }
}

/// The RIM inside a service's answer. Digest and id prove nothing; where they differ from the RIM something was mixed up.
fn from_service(file: &[u8]) -> Result<Vec<u8>, FileError> {
    let service: ServiceFile =
        serde_json::from_slice(file).map_err(|error| FileError::Service(error.to_string()))?;
    let rim = STANDARD
        .decode(&service.rim)
        .map_err(|_| FileError::Service("the RIM is not base64".to_owned()))?;
    if !service.sha256.eq_ignore_ascii_case(&hex::encode(sha256(&rim))) {
        return Err(FileError::Digest);
    }
    let document = Document::decode(&rim)?;
    if !names(&service.id, document.about()) {
        let (kind, product, version) = document.about();
        let about = format!("{kind} {version} of {product}");
        return Err(FileError::Id { about, id: service.id.chars().take(96).collect() });
    }
    Ok(rim)
}

/// `NV_GPU_DRIVER_GH100_550.90.07`, `NV_GPU_CC_DRIVER_GB100_..`, `NV_GPU_VBIOS_1010_0200_882_96009F0001`,
/// `NV_SWITCH_BIOS_5612_0002_890_9610550001`: ids of VBIOS and BIOS name a board and not a product.
fn names(id: &str, (kind, product, version): (RimKind, &str, &str)) -> bool {
    let rest = |beginning: &str| id.strip_prefix(beginning);
    let digits = format!("_{}", version.replace('.', "").to_ascii_uppercase());
    match kind {
        RimKind::Driver => {
            let driver = format!("{product}_{version}");
            let named = rest("NV_GPU_DRIVER_").or_else(|| rest("NV_GPU_CC_DRIVER_"));
            named == Some(driver.as_str())
        }
        RimKind::Vbios => rest("NV_GPU_VBIOS_").is_some_and(|board| board.ends_with(&digits)),
        RimKind::SwitchBios => rest("NV_SWITCH_BIOS_").is_some_and(|one| one.ends_with(&digits)),
    }
}
