//! What all vendors publish at one time: dates, and the numbers that never go back.

use sealroom_attestation::{UnixTime, Window};

use super::fault::Variant;

const DAY: u64 = 86_400;

/// Dates and numbers of whatever is signed again and again. Certificates keep the dates of their machines.
///
/// What a test changes about a machine with a closure of the forge stands above this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// First and last second of lists, TCB information, enclaves' identities and OCSP responses.
    pub window: Window,
    /// The number of every revocation list.
    pub crl: u64,
    /// `tcbEvaluationDataNumber` of the standard update.
    pub standard: u32,
    /// `tcbEvaluationDataNumber` of the early update.
    pub early: u32,
    /// `tagVersion` of every RIM.
    pub rim: u32,
}

impl Edition {
    /// Published an hour ago, for thirty days.
    #[must_use]
    pub const fn at(now: UnixTime) -> Self {
        let window =
            Window { from: UnixTime(now.0.saturating_sub(3600)), until: now.plus(30 * DAY) };
        Self { window, crl: 10, standard: 20, early: 21, rim: 3 }
    }

    /// Published at another time, with every number one higher.
    #[must_use]
    pub const fn next(self, now: UnixTime) -> Self {
        let window = Self::at(now).window;
        let Self { crl, standard, early, rim, .. } = self;
        Self { window, crl: crl + 1, standard: standard + 1, early: early + 1, rim: rim + 1 }
    }

    /// First and last second, as the forge takes them.
    pub(super) const fn dates(&self) -> (u64, u64) {
        (self.window.from.0, self.window.until.0)
    }

    /// As one variant of a document has it.
    pub(super) fn under(self, variant: Variant) -> Self {
        match variant {
            Variant::Genuine
            | Variant::Tampered
            | Variant::OtherKey
            | Variant::OtherVendor
            | Variant::OtherResource
            | Variant::Replayed => self,
            Variant::Stale => Self { window: self.past(), ..self },
            Variant::RolledBack => self.previous(),
        }
    }

    /// A window that ended before this one began.
    fn past(&self) -> Window {
        let from = self.window.from.0;
        Window {
            from: UnixTime(from.saturating_sub(60 * DAY)),
            until: UnixTime(from.saturating_sub(1)),
        }
    }

    /// A day older, every number one lower; still inside its dates.
    fn previous(self) -> Self {
        let from = UnixTime(self.window.from.0.saturating_sub(DAY));
        Self {
            window: Window { from, ..self.window },
            crl: self.crl.saturating_sub(1),
            standard: self.standard.saturating_sub(1),
            early: self.early.saturating_sub(1),
            rim: self.rim.saturating_sub(1),
        }
    }
}
