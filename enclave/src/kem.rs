//! KEM keys: born every 600 s, current for one epoch, accepted for one more, then gone.
//!
//! An epoch's keys, their published list and the requests that were admitted under them are one value, so
//! they die together and no replay outlives its protection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sealroom_attestation::digests::KemDigest;
use sealroom_attestation::endpoints::deadline::EPOCH;
use sealroom_attestation::seal::{
    CompleteRequest, FreshRequest, KemKey, KemKind, KeyConfig, KeyError, ReplayError, ReplaySet,
};
use sealroom_attestation::transcript::sha256;

use crate::entropy::{Draw, Entropy};
use crate::memory;

/// How long a key is accepted after its birth: while current, and once more as previous.
pub(crate) const ACCEPTED: Duration = Duration::from_secs(2 * EPOCH.as_secs());
/// Requests that one key admits: 100 a second for its whole life.
const REPLAYS: usize = 120_000;

/// The keys of one epoch.
pub(crate) struct Epoch {
    number: u64,
    born: Duration,
    /// The preferred kind first, as in the list.
    keys: [Arc<KemKey>; 2],
    seen: [Mutex<ReplaySet>; 2],
    list: Arc<[u8]>,
    digest: KemDigest,
}

impl Epoch {
    /// Draws the keys of epoch `number`, born at `now` on the monotonic clock.
    pub(crate) fn generate(
        number: u64,
        now: Duration,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        let key = |kind: KemKind| {
            memory::off_the_stack(|| {
                KemKey::generate(kind, kind.key_id(number), &Draw(entropy)).map(Arc::new)
            })
        };
        let keys = [key(KemKind::XWing)?, key(KemKind::X25519)?];
        let list = KeyConfig::encode_list(&[keys[0].config(), keys[1].config()]);
        let digest = KemDigest(sha256(&list));
        let seen = [&keys[0], &keys[1]].map(|key| Mutex::new(ReplaySet::new(key, REPLAYS)));
        Ok(Self { number, born: now, keys, seen, list: list.into(), digest })
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// `application/ohttp-keys`.
    pub(crate) fn list(&self) -> &Arc<[u8]> {
        &self.list
    }

    pub(crate) const fn digest(&self) -> KemDigest {
        self.digest
    }

    pub(crate) fn keys(&self) -> &[Arc<KemKey>] {
        &self.keys
    }

    /// Whether it is time for the next epoch.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.born) >= EPOCH
    }

    /// Whether requests to its keys are still answered.
    pub(crate) fn is_accepted(&self, now: Duration) -> bool {
        now.saturating_sub(self.born) < ACCEPTED
    }

    /// Remembers the request and says that it is fresh; `None` when it was sealed to another epoch.
    pub(crate) fn admit(
        &self,
        request: CompleteRequest,
    ) -> Result<Result<FreshRequest, ReplayError>, CompleteRequest> {
        let digest = request.config_digest();
        let mine = self.keys.iter().zip(&self.seen).find(|(key, _)| key.config_digest() == digest);
        match mine {
            Some((_, seen)) => {
                Ok(seen.lock().unwrap_or_else(PoisonError::into_inner).admit(request))
            }
            None => Err(request),
        }
    }
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Epoch({}, {:?}, private)", self.number, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::FixedEntropy;

    fn epoch(number: u64) -> Epoch {
        Epoch::generate(number, Duration::from_secs(1000), &FixedEntropy::new()).expect("keys")
    }

    #[test]
    fn key_ids_follow_the_epoch_and_wrap() {
        for (number, ids) in [(0, [0, 1]), (1, [2, 3]), (127, [254, 255]), (128, [0, 1])] {
            let found = epoch(number).keys.clone().map(|key| key.config().key_id());
            assert_eq!(found, ids, "epoch {number}");
        }
    }

    #[test]
    fn is_current_for_600_seconds_and_accepted_for_600_more() {
        let epoch = epoch(0);
        let at = |seconds: u64| Duration::from_secs(1000 + seconds);
        assert!(!epoch.is_over(at(599)) && epoch.is_over(at(600)));
        assert!(epoch.is_accepted(at(1199)) && !epoch.is_accepted(at(1200)));
    }

    #[test]
    fn the_list_names_both_keys_the_hybrid_one_first() {
        use sealroom_attestation::seal::Allowed;
        let epoch = epoch(3);
        let first = KeyConfig::select(epoch.list(), Allowed::DangerClassical).expect("a list");
        assert_eq!((first.kind(), first.key_id()), (KemKind::XWing, 6));
        assert_eq!(epoch.digest().0, sha256(epoch.list()));
    }
}
