//! What can be wrong with a service.

use std::time::Duration;

use super::http::Call;

/// A way to answer badly. Everything that is not named stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Silence for this long, then the right answer.
    Slow(Duration),
    /// The right answer, headers too, one byte at a time with this pause before each.
    Drip(Duration),
    /// Nothing listens any more: connections are refused and open ones end. For a part of a service's paths it is as
    /// [`Fault::Dropped`].
    Refused,
    /// The request is read and the connection closed.
    Dropped,
    /// An error of this status, as 500.
    Status(u16),
    /// An error of this status for whoever asks under a condition, as 431; the right answer for everybody else.
    Unconditional(u16),
    /// 429 with `Retry-After`, in seconds.
    TooManyRequests(u32),
    /// `Content-Length` is that of the right answer; half of it comes.
    Truncated,
    /// Validly signed, and its dates are past. Of certificates alone: one whose dates are past.
    Stale,
    /// Validly signed and in date, a day older, with a lower evaluation number, CRL number or tag version. What has no
    /// number is as it was.
    RolledBack,
    /// One signed byte is another one.
    Tampered,
    /// Signed with another key of the same vendor, which this vendor does not use for it.
    OtherKey,
    /// All of it, with its certificates, by another vendor that forges.
    OtherVendor,
    /// Validly signed, and about something else: another chip, product, model, authority, version or certificate.
    OtherResource,
    /// Validly signed, and the answer to somebody else's request: of OCSP with another nonce, or with one that nobody asked
    /// for. Everything else is as it was.
    Replayed,
    /// A redirection of this status (301, 302, 303, 307, 308) to this address.
    Redirect(u16, String),
    /// The right answer followed by spaces without an end.
    Endless,
    /// `Content-Encoding: gzip`, 64 MiB of zeros in less than half a megabyte.
    Gzip,
    /// Twenty thousand headers before the right body.
    ManyHeaders,
    /// Status 200, and bytes that mean nothing.
    Garbage,
    /// Status 200, and no bytes.
    Empty,
    /// Bytes that are not HTTP.
    NotHttp,
}

/// What a fault does to a signed document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Variant {
    Genuine,
    Stale,
    RolledBack,
    Tampered,
    OtherKey,
    OtherVendor,
    OtherResource,
    Replayed,
}

impl Fault {
    /// The document that is served; faults of the wire serve the genuine one.
    pub(super) const fn variant(&self) -> Variant {
        match self {
            Self::Stale => Variant::Stale,
            Self::RolledBack => Variant::RolledBack,
            Self::Tampered => Variant::Tampered,
            Self::OtherKey => Variant::OtherKey,
            Self::OtherVendor => Variant::OtherVendor,
            Self::OtherResource => Variant::OtherResource,
            Self::Replayed => Variant::Replayed,
            Self::Slow(_)
            | Self::Drip(_)
            | Self::Refused
            | Self::Dropped
            | Self::Status(_)
            | Self::TooManyRequests(_)
            | Self::Unconditional(_)
            | Self::Truncated
            | Self::Redirect(..)
            | Self::Endless
            | Self::Gzip
            | Self::ManyHeaders
            | Self::Garbage
            | Self::Empty
            | Self::NotHttp => Variant::Genuine,
        }
    }
}

impl Fault {
    /// True where this request is answered badly.
    pub(super) fn concerns(&self, call: &Call) -> bool {
        let conditions = ["if-none-match", "if-modified-since"];
        let conditional = || conditions.iter().any(|name| call.header(name).is_some());
        !matches!(self, Self::Unconditional(_)) || conditional()
    }

    /// True where a client that has the document already is told so; other faults need a body to be wrong.
    pub(super) const fn keeps_conditions(&self) -> bool {
        matches!(
            self,
            Self::Slow(_)
                | Self::Drip(_)
                | Self::Stale
                | Self::RolledBack
                | Self::Tampered
                | Self::OtherKey
                | Self::OtherVendor
                | Self::OtherResource
                | Self::Replayed
        )
    }
}

/// How one service behaves at the moment.
#[derive(Debug, Default)]
pub(super) struct Behaviour {
    faults: Vec<(String, Fault)>,
    /// Of `Cache-Control`, in seconds.
    pub(super) max_age: Option<u32>,
}

impl Behaviour {
    /// From now on, for every path and query that begins so.
    pub(super) fn set(&mut self, prefix: &str, fault: Fault) {
        self.faults.retain(|(known, _)| known != prefix);
        self.faults.push((prefix.to_owned(), fault));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// The fault of the longest beginning of this path and query.
    pub(super) fn fault(&self, target: &str) -> Option<Fault> {
        let fitting = self.faults.iter().filter(|(prefix, _)| target.starts_with(prefix));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, fault)| fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_decides() {
        let mut behaviour = Behaviour::default();
        behaviour.set("", Fault::Empty);
        behaviour.set("/tdx/", Fault::Stale);
        behaviour.set("/tdx/", Fault::Garbage);
        assert_eq!(behaviour.fault("/tdx/tcb"), Some(Fault::Garbage));
        assert_eq!(behaviour.fault("/sgx/tcb"), Some(Fault::Empty));
        behaviour.clear();
        assert_eq!(behaviour.fault("/tdx/tcb"), None);
    }
}
