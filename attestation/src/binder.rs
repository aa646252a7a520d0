//! The binder: ties one statement to one session, by a signature or by a leaf of the tree in the quote.
//!
//! Without it genuine evidence can be shown by whoever stands in the middle. A binder names the prover, the
//! channel, the verifier's nonce, the leaf, the boot, the statement and the context: WIRE section 5.

use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{
    digests::{BootId, IdentityKey, KemDigest, LeafDigest, Nonce, StatementDigest, TreeHash},
    transcript::{Transcript, sha256},
};

/// The label of the TLS exporter (RFC 8446 §7.5) from which channel bindings are taken.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-sealroom-binder";

/// The channel that a session is bound to, as both ends compute it for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The prover is the server of this TLS connection.
    TlsServer {
        /// Exported keying material with [`exporter_context`].
        exporter: [u8; 32],
        /// The leaf that the prover showed on this connection.
        leaf: LeafDigest,
    },
    /// The prover is the client of this TLS connection and showed a leaf of its own.
    TlsClient {
        /// Exported keying material with [`exporter_context`].
        exporter: [u8; 32],
        /// The leaf that the prover showed on this connection.
        leaf: LeafDigest,
    },
    /// No TLS to the prover: the current key configurations stand for the channel.
    Kem {
        /// Statement field 6.
        keys: KemDigest,
    },
}

impl Channel {
    const fn prover(&self) -> u8 {
        match self {
            Self::TlsServer { .. } => 1,
            Self::TlsClient { .. } => 2,
            Self::Kem { .. } => 3,
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::TlsServer { .. } | Self::TlsClient { .. } => 1,
            Self::Kem { .. } => 2,
        }
    }

    /// The channel binding and the digest of the prover's leaf, empty where there is none.
    fn binding(&self) -> (&[u8], &[u8]) {
        match self {
            Self::TlsServer { exporter, leaf } | Self::TlsClient { exporter, leaf } => {
                (exporter, &leaf.0)
            }
            Self::Kem { keys } => (&keys.0, &[]),
        }
    }
}

/// The context of the TLS exporter: `nonce || u8(prover)`.
#[must_use]
pub fn exporter_context(nonce: &Nonce, side: ProverSide) -> [u8; 33] {
    let mut context = [0; 33];
    let (head, tail) = context.split_at_mut(32);
    head.copy_from_slice(&nonce.0);
    tail.fill(side as u8);
    context
}

/// Which end of a TLS connection proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProverSide {
    /// The node answers a client.
    Server = 1,
    /// The node registers with a relay.
    Client = 2,
}

/// One session to be bound, on the verifier's side or on the prover's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Random bytes of the verifier, used once.
    pub nonce: Nonce,
    /// Where the prover was met.
    pub channel: Channel,
    /// Empty, or the digest of a registration.
    pub context: Vec<u8>,
}

impl Session {
    /// What the identity key signs for key freshness.
    #[must_use]
    pub fn live_message(&self, boot_id: &BootId, statement: &StatementDigest) -> Vec<u8> {
        let message = self.begin("sealroom/1 binder", boot_id);
        message.part(&statement.0).part(&self.context).bytes()
    }

    /// This session's leaf in the tree of waiting sessions: RFC 9162 §2.1.1 over WIRE's leaf transcript.
    #[must_use]
    pub fn leaf(&self, boot_id: &BootId) -> TreeHash {
        let leaf = self.begin("sealroom/1 leaf", boot_id).part(&self.context).bytes();
        leaf_hash(&leaf)
    }

    fn begin(&self, label: &'static str, boot_id: &BootId) -> Transcript {
        let (binding, leaf) = self.channel.binding();
        let start =
            Transcript::new(label).part(&[self.channel.prover()]).part(&[self.channel.kind()]);
        start.part(&self.nonce.0).part(binding).part(leaf).part(&boot_id.0)
    }
}

/// Verifies a live binder: the attested identity signed this very session.
#[must_use]
pub fn signature_holds(
    session: &Session,
    identity: &IdentityKey,
    boot_id: &BootId,
    statement: &StatementDigest,
    signature: &[u8; 64],
) -> bool {
    let message = session.live_message(boot_id, statement);
    UnparsedPublicKey::new(&ED25519, &identity.0).verify(&message, signature).is_ok()
}

/// A Merkle tree over the waiting sessions: RFC 9162 §2.1.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The leaves, then each level above, the root last.
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// Builds the tree over at least one leaf. An unpaired node moves up as it is, which gives RFC 9162's
    /// shape: the left subtree of every node is the largest power of two below its size.
    ///
    /// Returns `None` without leaves: a quote for nobody proves nothing.
    #[must_use]
    pub fn new(leaves: Vec<TreeHash>) -> Option<Self> {
        if leaves.is_empty() {
            return None;
        }
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level.chunks(2).filter_map(parent).collect();
            levels.push(above);
        }
        Some(Self { levels })
    }

    /// The hash at the top.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let top = self.levels.last().and_then(|level| level.first());
        *top.expect("a tree has at least one leaf, and so a top")
    }

    /// The audit path of one leaf, from the bottom: RFC 9162 §2.1.3.1.
    #[must_use]
    pub fn path(&self, index: usize) -> Vec<TreeHash> {
        let places =
            self.levels.iter().enumerate().map(|(height, level)| (level, (index >> height) ^ 1));
        places.filter_map(|(level, sibling)| level.get(sibling).copied()).collect()
    }
}

fn parent(pair: &[TreeHash]) -> Option<TreeHash> {
    match pair {
        [left, right] => Some(node_hash(left, right)),
        [alone] => Some(*alone),
        _ => None,
    }
}

/// Verifies inclusion: RFC 9162 §2.1.3.2. The path must be exactly as long as `index` and `size` imply.
#[must_use]
pub fn path_holds(
    leaf: TreeHash,
    index: u64,
    size: u64,
    path: &[TreeHash],
    root: &TreeHash,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size.saturating_sub(1), leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            // An unpaired node moved up unchanged through these levels.
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

fn leaf_hash(leaf: &[u8]) -> TreeHash {
    TreeHash(sha256(&[&[0], leaf].concat()))
}

fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    TreeHash(sha256(&[&[1], left.0.as_slice(), &right.0].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_number_and_the_exporter_its_context() {
        let (exporter, leaf) = ([1; 32], LeafDigest([2; 32]));
        let channels = [
            Channel::TlsServer { exporter, leaf },
            Channel::TlsClient { exporter, leaf },
            Channel::Kem { keys: KemDigest([3; 32]) },
        ];
        assert_eq!(channels.map(|one| (one.prover(), one.kind())), [(1, 1), (2, 1), (3, 2)]);
        let context = exporter_context(&Nonce([9; 32]), ProverSide::Server);
        assert_eq!(context, *[&[9; 32][..], &[1]].concat().as_slice());
    }
    use ring::signature::{Ed25519KeyPair, KeyPair};

    fn leaves(size: usize) -> Vec<TreeHash> {
        (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    fn session() -> Session {
        let channel = Channel::TlsServer { exporter: [2; 32], leaf: LeafDigest([3; 32]) };
        Session { nonce: Nonce([1; 32]), channel, context: Vec::new() }
    }

    /// RFC 9162 §2.1.1, as it is written there.
    fn reference_root(leaves: &[TreeHash]) -> TreeHash {
        if let [alone] = leaves {
            return *alone;
        }
        let split = leaves.len().next_power_of_two() / 2;
        node_hash(&reference_root(&leaves[..split]), &reference_root(&leaves[split..]))
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_included_and_no_other() {
        for size in 1..=70 {
            let leaves = leaves(size);
            let tree = Tree::new(leaves.clone()).expect("not empty");
            let root = tree.root();
            assert_eq!(root, reference_root(&leaves), "size {size}");
            for (index, leaf) in leaves.iter().enumerate() {
                let (path, place) = (tree.path(index), index as u64);
                assert!(path_holds(*leaf, place, size as u64, &path, &root), "{index} of {size}");
                assert!(!path_holds(leaf_hash(b"other"), place, size as u64, &path, &root));
                for wrong in (0..size as u64 + 2).filter(|wrong| *wrong != place) {
                    assert!(!path_holds(*leaf, wrong, size as u64, &path, &root));
                }
            }
        }
    }

    #[test]
    fn refuses_a_path_of_another_length() {
        let tree = Tree::new(leaves(5)).expect("not empty");
        let (leaf, mut path, root) = (leaves(5)[4], tree.path(4), tree.root());
        assert!(path_holds(leaf, 4, 5, &path, &root));
        path.push(leaf);
        assert!(!path_holds(leaf, 4, 5, &path, &root));
        assert!(!path_holds(leaf, 4, 5, &[], &root));
        assert!(!path_holds(root, 0, 5, &[], &root));
        assert!(!path_holds(leaf, 0, 0, &[], &leaf));
    }

    #[test]
    fn a_tree_of_one_is_its_leaf() {
        let leaf = session().leaf(&BootId([4; 32]));
        let tree = Tree::new(vec![leaf]).expect("one leaf");
        assert_eq!((tree.root(), tree.path(0)), (leaf, Vec::new()));
        assert!(Tree::new(Vec::new()).is_none());
    }

    #[test]
    fn the_signature_covers_every_part_of_the_session() {
        let key = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a seed");
        let identity = IdentityKey(key.public_key().as_ref().try_into().expect("32 bytes"));
        let (boot, statement, bound) = (BootId([6; 32]), StatementDigest([7; 32]), session());
        let signature = key.sign(&bound.live_message(&boot, &statement));
        let signature = signature.as_ref().try_into().expect("64 bytes");
        let holds =
            |session: &Session| signature_holds(session, &identity, &boot, &statement, signature);
        assert!(holds(&bound));
        let (exporter, leaf) = ([2; 32], LeafDigest([3; 32]));
        let others = [
            Session { nonce: Nonce([0; 32]), ..bound.clone() },
            Session { context: vec![1], ..bound.clone() },
            Session { channel: Channel::TlsClient { exporter, leaf }, ..bound.clone() },
            Session { channel: Channel::TlsServer { exporter: [0; 32], leaf }, ..bound.clone() },
            Session {
                channel: Channel::TlsServer { exporter, leaf: LeafDigest([0; 32]) },
                ..bound.clone()
            },
            Session { channel: Channel::Kem { keys: KemDigest([2; 32]) }, ..bound.clone() },
        ];
        assert!(others.iter().all(|other| !holds(other)));
        assert!(!signature_holds(&bound, &identity, &BootId([0; 32]), &statement, signature));
        assert!(!signature_holds(&bound, &identity, &boot, &StatementDigest([0; 32]), signature));
    }
}
