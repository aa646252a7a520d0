//! Why a RIM is refused.

use crate::time::{UnixTime, Window};
use crate::x509::{self, AuthorityError, KeyKind};

/// The bytes are not a RIM in the one form in which NVIDIA writes them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than anything that is read.
    #[error("{found} bytes are more than the {limit} that are read")]
    TooLong {
        /// The length given.
        found: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// Not visible ASCII, a space or a line feed.
    #[error("byte {found:#04x} at offset {offset} has no place in a RIM")]
    Character {
        /// Where.
        offset: usize,
        /// Which.
        found: u8,
    },
    /// A document type declaration: it can define entities and default attributes.
    #[error("a document type declaration at offset {offset}")]
    Dtd {
        /// Where.
        offset: usize,
    },
    /// A comment: canonicalisation drops it, readers may not.
    #[error("a comment at offset {offset}")]
    Comment {
        /// Where.
        offset: usize,
    },
    /// A CDATA section: text that does not look like it.
    #[error("a CDATA section at offset {offset}")]
    Cdata {
        /// Where.
        offset: usize,
    },
    /// A processing instruction or an XML declaration.
    #[error("a processing instruction or XML declaration at offset {offset}")]
    ProcessingInstruction {
        /// Where.
        offset: usize,
    },
    /// An entity or a character reference.
    #[error("an entity or character reference at offset {offset}")]
    Reference {
        /// Where.
        offset: usize,
    },
    /// Not a tag as NVIDIA writes them.
    #[error("no tag of the known spelling at offset {offset}")]
    Tag {
        /// Where.
        offset: usize,
    },
    /// An attribute stands twice in one tag.
    #[error("attribute {name} appears twice in one tag")]
    Duplicate {
        /// The attribute.
        name: String,
    },
    /// More of something than any RIM has.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// An element that is not known, or not here.
    #[error("element {found} where {expected} belongs")]
    Element {
        /// As found.
        found: String,
        /// What belongs there, or inside what.
        expected: &'static str,
    },
    /// An end tag too early, or of another element.
    #[error("end of {found} where {expected} belongs")]
    End {
        /// As found.
        found: String,
        /// What belongs there, or inside what.
        expected: &'static str,
    },
    /// Text between elements, or more than text.
    #[error("text where {expected} belongs")]
    Text {
        /// What belongs there, or inside what.
        expected: &'static str,
    },
    /// The document ends early.
    #[error("the document ends where {expected} belongs")]
    Unfinished {
        /// What belongs there, or inside what.
        expected: &'static str,
    },
    /// A namespace that this element does not declare, or another one for its prefix.
    #[error("{element} declares {name} otherwise than NVIDIA")]
    Namespace {
        /// Which element.
        element: &'static str,
        /// The declaration.
        name: String,
    },
    /// An attribute that is not known.
    #[error("{element} has an unknown attribute {name}")]
    Attribute {
        /// Which element.
        element: &'static str,
        /// The attribute.
        name: String,
    },
    /// An attribute or declaration that is not there.
    #[error("{element} lacks {name}")]
    Missing {
        /// Which element.
        element: &'static str,
        /// The attribute or declaration.
        name: &'static str,
    },
    /// A value that is not known.
    #[error("{attribute} of {element} is {found:?}: {expected} expected")]
    Value {
        /// Which element.
        element: &'static str,
        /// Which attribute.
        attribute: &'static str,
        /// Its first letters.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A golden value is not 48 bytes in small letters, or its number is missing.
    #[error("value {number} of a resource is missing or is not SHA-384 in small letters")]
    Hash {
        /// Its number.
        number: usize,
    },
    /// Another algorithm, transform or reference than NVIDIA uses.
    #[error("{element} is not {expected:?}")]
    Algorithm {
        /// Which element.
        element: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The signature stands somewhere else than at the end of the root.
    #[error("the signature stands where {expected} belongs")]
    SignatureMoved {
        /// What belongs there, or inside what.
        expected: &'static str,
    },
    /// One signature and no more.
    #[error("a second signature follows the first")]
    SecondSignature,
    /// Not base64 in its one spelling, or not of the length that belongs there.
    #[error("{element} is not base64 in its one spelling")]
    Base64 {
        /// Which element.
        element: &'static str,
    },
}

/// Why a RIM does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RimError {
    /// The bytes cannot be read.
    #[error("the RIM cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// More than any set of devices needs.
    #[error("{found} RIMs are more than the {limit} that are read")]
    TooMany {
        /// How many were given.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// The document is not the one whose digest was signed.
    #[error("the RIM {id} was changed after it was signed")]
    Digest {
        /// Its tag.
        id: String,
    },
    /// Not signer, two authorities and root.
    #[error("the RIM's chain has {found} certificates: 4 expected")]
    Certificates {
        /// How many it has.
        found: usize,
    },
    /// One of the certificates.
    #[error("certificate {index} of the RIM's chain: {reason}")]
    Certificate {
        /// Counted from 0, the signer.
        index: usize,
        /// Why.
        reason: x509::DecodeError,
    },
    /// The root is none of those trusted.
    #[error("the root {name} of the RIM is not pinned")]
    RootNotPinned {
        /// Its common name.
        name: String,
        /// SHA-256 of its certificate.
        sha256: [u8; 32],
    },
    /// A common name or an issuer is not what NVIDIA gives such certificates.
    #[error("{found} by {issuer}: {expected} expected")]
    Name {
        /// Its common name.
        found: String,
        /// Its issuer's common name.
        issuer: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Not a key on P-384, or not signed with one.
    #[error(
        "{name}: the key is {found:?} or its signature is of another kind, ECDSA on P-384 expected"
    )]
    Key {
        /// The certificate's common name.
        name: String,
        /// As found.
        found: KeyKind,
    },
    /// A certificate may not sign what it signed.
    #[error("{name}: {reason}")]
    Constraints {
        /// Its common name.
        name: String,
        /// Why.
        reason: AuthorityError,
    },
    /// An authority where the signer should be, or a key that is not for signing.
    #[error("{name} may not sign a RIM")]
    Signer {
        /// Its common name.
        name: String,
    },
    /// Before or after its time.
    #[error("{name} counts from {window}, it is {now}")]
    Validity {
        /// Its common name.
        name: String,
        /// By the certificate.
        window: Window,
        /// The time given.
        now: UnixTime,
    },
    /// One link does not hold.
    #[error("{subject} is not signed by {issuer}")]
    Link {
        /// Common name below.
        subject: String,
        /// Common name above.
        issuer: String,
    },
    /// The signature of the RIM itself.
    #[error("the RIM {id} is not signed by {signer}")]
    Signature {
        /// Its tag.
        id: String,
        /// The signer's common name.
        signer: String,
    },
}
