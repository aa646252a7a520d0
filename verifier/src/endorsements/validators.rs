//! How a service names an edition of an answer (RFC 9110 §8.8): told back to this very service, and believed by nobody else.

use sealroom_attestation::UnixTime;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// The longest entity tag that is kept, bytes: it goes back with every request.
const LONGEST_TAG: usize = 256;

/// How a service names an edition of an answer. One service's names say nothing about what another has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Who says so.
    pub base: String,
    /// ETag.
    pub etag: Option<String>,
    /// Last-Modified.
    pub modified: Option<String>,
}

impl Validators {
    /// Those that are of the standard's form, and of no edition that is yet to come.
    pub(super) fn believed(self, now: UnixTime) -> Self {
        let Self { base, etag, modified } = self;
        let past = |text: &String| date(text).is_some_and(|modified| modified <= now);
        Self { base, etag: etag.filter(|tag| is_tag(tag)), modified: modified.filter(past) }
    }

    /// True where there is nothing to ask under.
    pub(super) const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.modified.is_none()
    }
}

/// An entity tag: quoted, `W/` before it or not.
fn is_tag(text: &str) -> bool {
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    text.len() <= LONGEST_TAG && inner.is_some_and(|inner| inner.bytes().all(plain))
}

/// A date as HTTP writes it (RFC 9110 §5.6.7).
pub(super) fn date(text: &str) -> Option<UnixTime> {
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    u64::try_from(date.unix_timestamp()).ok().map(UnixTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_and_quoted() {
        let longest = format!("\"{}\"", "a".repeat(LONGEST_TAG - 2));
        for tag in ["\"a\"", "W/\"a\"", "\"\"", "\"!#~\"", &longest] {
            assert!(is_tag(tag), "{tag}");
        }
        let long = format!("\"{}\"", "a".repeat(LONGEST_TAG - 1));
        for other in ["", "a", "\"", "\"a", "w/\"a\"", "\"a\"b\"", "\"a b\"", "*", &long] {
            assert!(!is_tag(other), "{other}");
        }
    }

    #[test]
    fn a_date_that_is_yet_to_come_is_not_believed() {
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(date(text), Some(UnixTime(784_111_777)));
        let said =
            Validators { base: "a".into(), etag: Some("x".into()), modified: Some(text.into()) };
        let believed = said.clone().believed(UnixTime(784_111_777));
        assert_eq!(believed, Validators { etag: None, ..said.clone() });
        assert!(said.believed(UnixTime(784_111_776)).is_empty());
    }
}
