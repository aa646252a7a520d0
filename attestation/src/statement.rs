//! The statement: everything a node commits to, and the only thing that goes into `report_data`.

use crate::{
    cbor::{CborError, Item, Source, Writer},
    digests::{
        BootId, ConfigDigest, IdentityKey, KemDigest, LeafDigest, ManifestDigest, Nonce,
        ReceiptKey, StatementDigest, TreeHash,
    },
    time::{UnixTime, Window},
    transcript::Transcript,
};

/// The longest life of a statement, seconds.
pub const MAX_LIFETIME: u64 = 3600;
/// How far the guest's clock may run ahead of the verifier's, seconds.
pub const CLOCK_LEAD: u64 = 60;
/// The only role of version 1: an inference node.
const ROLE_NODE: u8 = 1;

/// What one node commits to. See the wire specification, section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Signs binders.
    pub identity: IdentityKey,
    /// Signs receipts.
    pub receipt_key: ReceiptKey,
    /// The TLS leaf of the connection on which this statement is served.
    pub leaf: LeafDigest,
    /// The exact bytes of the key configurations in the bundle.
    pub kem: KemDigest,
    /// Counts key rotations from 0 at boot.
    pub kem_epoch: u64,
    /// Present exactly when the node uses GPUs.
    pub gpus: Option<Gpus>,
    /// Which model.
    pub manifest: ManifestDigest,
    /// Which settings.
    pub config: ConfigDigest,
    /// What makes the quote over this statement fresh.
    pub freshness: QuoteFreshness,
    /// The guest's claim, and so the host's: it may shorten acceptance, never extend it.
    pub issued_at: UnixTime,
    /// At most [`MAX_LIFETIME`] later.
    pub expires_at: UnixTime,
}

/// The commitment to GPU evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpus {
    /// `H("sealroom/1 gpus", entries..)`.
    pub digest: [u8; 32],
    /// Fresh random bytes of each collection; the GPUs' nonce is derived from it.
    pub seed: [u8; 32],
}

/// What a quote over the statement proves about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteFreshness {
    /// Nothing: it may be as old as the boot.
    Cached,
    /// It is younger than this nonce. Only in evidence written to a file for an auditor.
    Challenge(Nonce),
    /// It is younger than every session in this tree.
    Tree {
        /// The RFC 9162 root over the waiting sessions.
        root: TreeHash,
        /// How many sessions wait: 1 to 65,536.
        size: u64,
    },
}

impl Gpus {
    /// What the GPUs were asked: the identity and fresh bytes, so that their answers are younger than this boot.
    #[must_use]
    pub fn nonce(&self, identity: &IdentityKey) -> [u8; 32] {
        Transcript::new("sealroom/1 gpu nonce").part(&identity.0).part(&self.seed).sha256()
    }
}

impl Statement {
    /// The 64 bytes of the hardware report over `encoded`, the exact bytes of a statement.
    #[must_use]
    pub fn report_data(encoded: &[u8]) -> [u8; 64] {
        Transcript::new("sealroom/1 report_data").part(encoded).sha512()
    }

    /// The name of a statement: never a hash of a quote, which anybody can change without breaking it.
    #[must_use]
    pub fn digest(encoded: &[u8]) -> StatementDigest {
        StatementDigest(Transcript::new("sealroom/1 statement").part(encoded).sha256())
    }

    /// The node's name for one boot.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        let boot = Transcript::new("sealroom/1 boot").part(&[ROLE_NODE]).part(&self.identity.0);
        let boot = boot.part(&self.receipt_key.0).part(&self.manifest.0).part(&self.config.0);
        BootId(boot.sha256())
    }

    /// When a verifier may accept it, by the verifier's own clock.
    #[must_use]
    pub const fn window(&self) -> Window {
        Window {
            from: UnixTime(self.issued_at.0.saturating_sub(CLOCK_LEAD)),
            until: self.expires_at,
        }
    }

    /// Seconds between the two times; `None` when they are the wrong way round.
    #[must_use]
    pub const fn lifetime(&self) -> Option<u64> {
        self.expires_at.0.checked_sub(self.issued_at.0)
    }
}

impl Item for Statement {
    const NAME: &'static str = "statement";
    const LIMIT: usize = 1024;

    fn write(&self, out: &mut Writer) {
        out.map(14).number(1).number(1).number(2).number(u64::from(ROLE_NODE));
        out.number(3).bytes(&self.identity.0).number(4).bytes(&self.receipt_key.0);
        out.number(5).bytes(&self.leaf.0).number(6).bytes(&self.kem.0);
        out.number(7).number(self.kem_epoch);
        let (digest, seed) = match &self.gpus {
            Some(gpus) => (Some(gpus.digest.as_slice()), Some(gpus.seed.as_slice())),
            None => (None, None),
        };
        out.number(8).optional_bytes(digest).number(9).optional_bytes(seed);
        out.number(10).bytes(&self.manifest.0).number(11).bytes(&self.config.0);
        self.freshness.write(out.number(12));
        out.number(13).number(self.issued_at.0).number(14).number(self.expires_at.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(14)?;
        from.version()?;
        from.key(2)?;
        match from.number()? {
            role if role == u64::from(ROLE_NODE) => {}
            role => return Err(from.unsupported("role", role)),
        }
        let identity = IdentityKey(digest(from, 3)?);
        let receipt_key = ReceiptKey(digest(from, 4)?);
        let leaf = LeafDigest(digest(from, 5)?);
        let kem = KemDigest(digest(from, 6)?);
        from.key(7)?;
        let kem_epoch = from.number()?;
        let gpus = read_gpus(from)?;
        let manifest = ManifestDigest(digest(from, 10)?);
        let config = ConfigDigest(digest(from, 11)?);
        from.key(12)?;
        let freshness = QuoteFreshness::read(from)?;
        from.key(13)?;
        let issued_at = UnixTime(from.number()?);
        from.key(14)?;
        let expires_at = UnixTime(from.number()?);
        Ok(Self {
            identity,
            receipt_key,
            leaf,
            kem,
            kem_epoch,
            gpus,
            manifest,
            config,
            freshness,
            issued_at,
            expires_at,
        })
    }
}

fn digest(from: &mut Source<'_>, key: u64) -> Result<[u8; 32], CborError> {
    from.key(key)?;
    from.array_of()
}

fn read_gpus(from: &mut Source<'_>) -> Result<Option<Gpus>, CborError> {
    from.key(8)?;
    let digest = from.optional(Source::array_of)?;
    from.key(9)?;
    let seed = from.optional(Source::array_of)?;
    match (digest, seed) {
        (Some(digest), Some(seed)) => Ok(Some(Gpus { digest, seed })),
        (None, None) => Ok(None),
        _ => Err(from.malformed("GPU digest and seed both or neither")),
    }
}

impl QuoteFreshness {
    /// The most sessions in one tree.
    pub const MAX_TREE: u64 = 65_536;

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Cached => out.null(),
            Self::Challenge(nonce) => out.array(2).number(1).bytes(&nonce.0),
            Self::Tree { root, size } => out.array(3).number(2).bytes(&root.0).number(*size),
        };
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        if from.null()? {
            return Ok(Self::Cached);
        }
        let length = from.array()?;
        match (from.number()?, length) {
            (1, 2) => Ok(Self::Challenge(Nonce(from.array_of()?))),
            (2, 3) => {
                let root = TreeHash(from.array_of()?);
                let size = from.number()?;
                if (1..=Self::MAX_TREE).contains(&size) {
                    Ok(Self::Tree { root, size })
                } else {
                    Err(from.unsupported("tree size", size))
                }
            }
            (kind, _) => Err(from.unsupported("freshness", kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Statement {
        Statement {
            identity: IdentityKey([1; 32]),
            receipt_key: ReceiptKey([2; 32]),
            leaf: LeafDigest([3; 32]),
            kem: KemDigest([4; 32]),
            kem_epoch: 7,
            gpus: None,
            manifest: ManifestDigest([5; 32]),
            config: ConfigDigest([6; 32]),
            freshness: QuoteFreshness::Tree { root: TreeHash([7; 32]), size: 3 },
            issued_at: UnixTime(1_780_272_000),
            expires_at: UnixTime(1_780_275_600),
        }
    }

    #[test]
    fn survives_its_own_encoding_in_every_shape() {
        let mut statement = example();
        for freshness in [
            QuoteFreshness::Cached,
            QuoteFreshness::Challenge(Nonce([9; 32])),
            QuoteFreshness::Tree { root: TreeHash([7; 32]), size: 65_536 },
        ] {
            statement.freshness = freshness;
            assert_eq!(Statement::decode(&statement.encode()), Ok(statement.clone()));
        }
        statement.gpus = Some(Gpus { digest: [8; 32], seed: [9; 32] });
        assert_eq!(Statement::decode(&statement.encode()), Ok(statement));
    }

    #[test]
    fn refuses_an_empty_tree_and_one_session_too_many() {
        for size in [0, 65_537] {
            let mut statement = example();
            statement.freshness = QuoteFreshness::Tree { root: TreeHash([7; 32]), size };
            let refused =
                CborError::Unsupported { item: "statement", field: "tree size", found: size };
            assert_eq!(Statement::decode(&statement.encode()), Err(refused));
        }
    }

    #[test]
    fn refuses_another_role() {
        let mut bytes = example().encode();
        assert_eq!(bytes[4], ROLE_NODE);
        bytes[4] = 2;
        let refused = CborError::Unsupported { item: "statement", field: "role", found: 2 };
        assert_eq!(Statement::decode(&bytes), Err(refused));
    }

    #[test]
    fn is_cut_short_nowhere() {
        let bytes = example().encode();
        for cut in 0..bytes.len() {
            assert!(Statement::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_boot_id_follows_what_stays_for_a_boot_and_nothing_else() {
        let boot_id = example().boot_id();
        let rotated = Statement {
            kem: KemDigest([0; 32]),
            kem_epoch: 8,
            leaf: LeafDigest([0; 32]),
            ..example()
        };
        assert_eq!(rotated.boot_id(), boot_id);
        let other_model = Statement { manifest: ManifestDigest([0; 32]), ..example() };
        assert_ne!(other_model.boot_id(), boot_id);
    }
}
