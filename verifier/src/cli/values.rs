//! Values on the command line.

use anyhow::{Context as _, Result};
use sealroom_attestation::{UnixTime, digests::Nonce};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A time in RFC 3339.
pub(super) fn rfc3339(text: &str) -> std::result::Result<UnixTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())?;
    let seconds =
        u64::try_from(time.unix_timestamp()).map_err(|_| "a time before 1970".to_owned())?;
    Ok(UnixTime(seconds))
}

/// Parses a SHA-256 digest from the command line.
///
/// # Errors
/// A sentence for people when it is not 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> std::result::Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    let found = text.len();
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| format!("{found} characters, 64 hexadecimal digits expected"))?;
    Ok(bytes)
}

/// A nonce of 32 bytes.
pub(super) fn nonce(text: &str) -> std::result::Result<Nonce, String> {
    digest(text).map(Nonce)
}

/// The present, for those who gave no time.
pub(super) fn now() -> Result<UnixTime> {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let elapsed = elapsed.context("reading the clock: it says a time before 1970; give --at")?;
    Ok(UnixTime(elapsed.as_secs()))
}
