//! What the GPUs answered: asked anew with each collection, and shown in every bundle until the next.

use std::sync::Arc;

use sealroom_attestation::{
    cbor::Item,
    digests::IdentityKey,
    evidence::{GpuEntry, MAX_GPUS},
    statement::Gpus,
};

use super::EvidenceError;
use crate::{
    collect::{CollectError, GpuCollector},
    entropy::{Entropy, array},
};

/// Reports of every device, and what the statement says of them. Nothing of both on a machine without GPUs.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(super) commitment: Option<Gpus>,
    pub(super) entries: Vec<GpuEntry>,
}

impl Answers {
    /// Asks every device for a nonce that no earlier boot and no earlier collection had.
    pub(super) async fn collect(
        collector: Arc<dyn GpuCollector>,
        identity: &IdentityKey,
        entropy: &dyn Entropy,
    ) -> Result<Self, EvidenceError> {
        let mut gpus = Gpus { digest: [0; 32], seed: array(entropy) };
        let nonce = gpus.nonce(identity);
        let asked = tokio::task::spawn_blocking(move || collector.collect(&nonce));
        let entries = asked.await.map_err(|_| EvidenceError::Interrupted)??;
        within_limits(&entries)?;
        let commitment = GpuEntry::digest(&entries).map(|digest| {
            gpus.digest = digest;
            gpus
        });
        Ok(Self { commitment, entries })
    }
}

/// What is longer than the wire allows, no verifier would read.
fn within_limits(entries: &[GpuEntry]) -> Result<(), CollectError> {
    let (found, limit) = (entries.len(), MAX_GPUS as usize);
    if found > limit {
        return Err(CollectError::TooMany { found, limit });
    }
    let longest = entries.iter().map(|entry| entry.encode().len()).max().unwrap_or(0);
    if longest > GpuEntry::LIMIT {
        let name = "a GPU's report and certificates";
        return Err(CollectError::TooLong { name, found: longest, limit: GpuEntry::LIMIT });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sealroom_attestation::evidence::GpuClass;

    use super::*;
    use crate::mock::FixedEntropy;

    /// Devices whose report is the nonce, in this number and with certificates of this length.
    struct Devices(usize, usize);

    impl GpuCollector for Devices {
        fn collect(&self, nonce: &[u8; 32]) -> Result<Vec<GpuEntry>, CollectError> {
            let Self(count, length) = *self;
            let entry = |_| GpuEntry {
                class: GpuClass::Hopper,
                report: nonce.to_vec(),
                chain: vec![0; length],
            };
            Ok((0..count).map(entry).collect())
        }
    }

    const IDENTITY: IdentityKey = IdentityKey([1; 32]);

    async fn collect(devices: Devices, entropy: &FixedEntropy) -> Result<Answers, EvidenceError> {
        Answers::collect(Arc::new(devices), &IDENTITY, entropy).await
    }

    #[tokio::test]
    async fn each_collection_has_a_nonce_of_its_own_that_the_statement_names() {
        let entropy = FixedEntropy::new();
        let first = collect(Devices(2, 8), &entropy).await.expect("answers");
        let second = collect(Devices(2, 8), &entropy).await.expect("answers");
        for answers in [&first, &second] {
            let gpus = answers.commitment.expect("two devices");
            assert_eq!(Some(gpus.digest), GpuEntry::digest(&answers.entries));
            assert!(answers.entries.iter().all(|one| one.report == gpus.nonce(&IDENTITY)));
        }
        assert_ne!(first.commitment, second.commitment);
    }

    #[tokio::test]
    async fn a_machine_without_devices_commits_to_none() {
        let none = collect(Devices(0, 0), &FixedEntropy::new()).await.expect("an answer");
        assert!(none.commitment.is_none() && none.entries.is_empty());
    }

    #[tokio::test]
    async fn more_than_the_wire_carries_is_refused() {
        let entropy = FixedEntropy::new();
        collect(Devices(32, 8), &entropy).await.expect("as many as there may be");
        let many = collect(Devices(33, 8), &entropy).await.expect_err("one too many");
        let error = CollectError::TooMany { found: 33, limit: 32 };
        assert!(matches!(&many, EvidenceError::Collect(found) if *found == error), "{many}");
        let long = collect(Devices(1, GpuEntry::LIMIT), &entropy).await.expect_err("too long");
        assert!(
            matches!(&long, EvidenceError::Collect(CollectError::TooLong { limit: 32_768, .. })),
            "{long}"
        );
    }
}
