//! The token around a result: JWS compact form (RFC 7515), Ed25519, one encoding.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, UnparsedPublicKey};
use sealroom_attestation::{UnixTime, transcript::sha256};

use super::payload::Payload;

/// The longest token that is read: 33 parts and their names need a tenth.
const LONGEST: usize = 64 * 1024;

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EarError {
    /// Longer than any result.
    #[error("{found} bytes are more than any attestation result has")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// Not three parts in base64url.
    #[error("not a token of three parts in base64url")]
    Form,
    /// Another algorithm, another type, or another key's name.
    #[error("the header is not that of a result signed with this key by EdDSA")]
    Header,
    /// The key did not sign these bytes.
    #[error("the signature does not verify under this key")]
    Signature,
    /// The claims are not those of a result, or not in their one encoding.
    #[error("the claims are not those of an attestation result in its one encoding")]
    Claims,
    /// Another profile.
    #[error("the profile is {found:?}")]
    Profile {
        /// Which.
        found: String,
    },
    /// Made for another question.
    #[error("the nonce is not the reader's")]
    Nonce,
    /// Made for another reader.
    #[error("the audience is {found:?}")]
    Audience {
        /// Whom it is for.
        found: Option<String>,
    },
    /// It begins later.
    #[error("it counts from {from} on")]
    NotYet {
        /// The first second.
        from: UnixTime,
    },
    /// It has ended.
    #[error("it counted until {until}")]
    Ended {
        /// The last second.
        until: UnixTime,
    },
    /// A part says better than its reasons.
    #[error("the result of {0:?} does not follow from the rest")]
    Inconsistent(String),
}

/// As JOSE writes bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The one header: a token whose header names another algorithm, or none, is another token.
fn header(public_key: &[u8; 32]) -> String {
    let key = hex::encode(sha256(public_key));
    format!("{{\"alg\":\"EdDSA\",\"typ\":\"eat+jwt\",\"kid\":\"{key}\"}}")
}

fn encode(payload: &Payload) -> Vec<u8> {
    serde_json::to_vec(payload).expect("strings and numbers are JSON")
}

/// Signs what `payload` says.
pub(super) fn sign(
    payload: &Payload,
    public_key: &[u8; 32],
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> String {
    let header = base64(header(public_key).as_bytes());
    let signed = format!("{header}.{}", base64(&encode(payload)));
    let signature = base64(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims, once the signature holds.
pub(super) fn open(token: &[u8], public_key: &[u8; 32]) -> Result<Payload, EarError> {
    if token.len() > LONGEST {
        return Err(EarError::TooLong { found: token.len() });
    }
    let text = std::str::from_utf8(token).map_err(|_| EarError::Form)?;
    let (signed, signature) = text.rsplit_once('.').ok_or(EarError::Form)?;
    let (head, body) = signed.split_once('.').ok_or(EarError::Form)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| EarError::Form);
    let (head, body, signature) = (decode(head)?, decode(body)?, decode(signature)?);
    if head != header(public_key).as_bytes() {
        return Err(EarError::Header);
    }
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    key.verify(signed.as_bytes(), &signature).map_err(|_| EarError::Signature)?;
    let payload: Payload = serde_json::from_slice(&body).map_err(|_| EarError::Claims)?;
    // A name that stands twice, a space, a number spelt otherwise: two readers might read two results.
    if encode(&payload) != body {
        return Err(EarError::Claims);
    }
    Ok(payload)
}
