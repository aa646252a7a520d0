//! The 32-byte values of the wire formats, each a type of its own so that no two can be swapped.

use std::fmt;

macro_rules! digests {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    )*};
}

digests! {
    /// A node's Ed25519 identity key of one boot: it signs binders.
    IdentityKey;
    /// A node's Ed25519 receipt key of one boot.
    ReceiptKey;
    /// SHA-256 of a TLS leaf's DER SubjectPublicKeyInfo.
    LeafDigest;
    /// SHA-256 of the exact bytes of a list of key configurations.
    KemDigest;
    /// SHA-256 of one key configuration.
    KemConfigDigest;
    /// `H("sealroom/1 boot", ..)`: the node's name for one boot.
    BootId;
    /// `H("sealroom/1 manifest", manifest)`: which model, exactly.
    ManifestDigest;
    /// `H("sealroom/1 config", config)`: every accepted setting.
    ConfigDigest;
    /// `H("sealroom/1 statement", statement)`: how binders and auditors name a statement.
    StatementDigest;
    /// `H("sealroom/1 evidence", ..)`: the name of a quote that no malleable byte changes.
    EvidenceId;
    /// Random bytes of a verifier, used once.
    Nonce;
    /// SHA-256 of an encapsulated request, all bytes.
    RequestDigest;
    /// A salted commitment inside a receipt.
    Commitment;
    /// A node of the tree of waiting sessions: RFC 9162 §2.1.
    TreeHash;
}
