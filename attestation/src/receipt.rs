//! The receipt: one signed sentence per answer, with salted commitments that only the owner can open.

use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{
    cbor::{self, CborError, Item, Source, Writer},
    checks::{self, Check},
    claims::{Ledger, Refusal, Verified},
    digests::{BootId, Commitment, KemConfigDigest, ManifestDigest, ReceiptKey, RequestDigest},
    time::UnixTime,
    transcript::Transcript,
};

mod audit;
mod encoding;
mod fingerprint;

pub use audit::{Kept, audit};
pub use fingerprint::{Fingerprint, FingerprintError};

const MEDIA_TYPE: &str = "application/vnd.sealroom.receipt+cbor";
const EXTERNAL_AAD: &[u8] = b"sealroom/1 receipt";
/// EdDSA: RFC 9053 §2.2.
const ALGORITHM: i64 = -8;

/// What a node says about one answer. See the wire specification, section 10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The node's boot.
    pub boot_id: BootId,
    /// Counts the answers of this boot from 0, without gaps.
    pub sequence: u64,
    /// The client's own name for the request.
    pub request_id: [u8; 16],
    /// The encapsulated request, all bytes.
    pub request_digest: RequestDigest,
    /// The relay's nonce as received, if there was one.
    pub billing_nonce: Option<[u8; 16]>,
    /// The one key configuration that was used.
    pub kem: KemConfigDigest,
    /// The model that answered.
    pub manifest: ManifestDigest,
    /// Tokens.
    pub usage: Usage,
    /// Microseconds of guest monotonic time.
    pub timing: Timing,
    /// The salted commitments.
    pub commitments: Commitments,
    /// Why the answer ended.
    pub finish: Finish,
    /// The guest's claim.
    pub issued_at: UnixTime,
}

/// Token counts: what was sealed and written, not what was generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of the answer.
    pub completion: u64,
    /// Tokens of the prompt that were already computed; at most `prompt`.
    pub cached: u64,
}

/// Microseconds of guest monotonic time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting before the engine began.
    pub queue: u64,
    /// From arrival to the first token.
    pub first_token: u64,
    /// From arrival to the end.
    pub total: u64,
}

/// Salted commitments. The preimages never leave the seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
    /// Deterministic CBOR of the effective sampling settings.
    pub parameters: Commitment,
    /// The inner content of the request.
    pub request: Commitment,
    /// The inner content of the answer, padding included, as sealed.
    pub answer: Commitment,
    /// The log-probability fingerprint, where the engine makes one.
    pub fingerprint: Option<Commitment>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it, or a stop string did.
    Stop = 1,
    /// The token limit.
    Length = 2,
    /// A tool call.
    Tool = 3,
    /// The client went away.
    Cancelled = 4,
    /// The engine failed.
    Error = 5,
}

/// What a commitment commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Effective sampling settings.
    Parameters,
    /// The request's inner content.
    Request,
    /// The answer's inner content.
    Answer,
    /// The log-probability fingerprint.
    Fingerprint,
}

/// `commit(kind, x)` of the wire specification, section 10.
#[must_use]
pub fn commit(kind: Kind, salt: &[u8; 32], content: &[u8]) -> Commitment {
    let kind: &[u8] = match kind {
        Kind::Parameters => b"parameters",
        Kind::Request => b"request",
        Kind::Answer => b"answer",
        Kind::Fingerprint => b"fingerprint",
    };
    Commitment(Transcript::new("sealroom/1 commit").part(kind).part(salt).part(content).sha256())
}

/// What opens the commitments. It travels inside the seal only.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Opening {
    /// Random per request.
    pub salt: [u8; 32],
    /// The fingerprint itself.
    pub fingerprint: Option<Vec<u8>>,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// COSE_Sign1 (RFC 9052 §4.2), untagged, as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Envelope {
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: [u8; 64],
}

impl Item for Envelope {
    const NAME: &'static str = "signed receipt";
    const LIMIT: usize = 2048;

    fn write(&self, out: &mut Writer) {
        out.array(4).bytes(&self.protected).map(0).bytes(&self.payload).bytes(&self.signature);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        if from.array()? != 4 {
            return Err(from.malformed("COSE_Sign1"));
        }
        let protected = from.bytes()?.to_vec();
        from.map_of(0)?;
        Ok(Self { protected, payload: from.bytes()?.to_vec(), signature: from.array_of()? })
    }
}

/// The protected header: algorithm, content type, key id.
fn protected_header(boot_id: &BootId) -> Vec<u8> {
    cbor::encode(|out| {
        out.map(3).number(1).negative(ALGORITHM).number(3).text(MEDIA_TYPE);
        out.number(4).bytes(&boot_id.0);
    })
}

/// Sig_structure of RFC 9052 §4.4: the bytes that are signed.
fn signed_bytes(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::encode(|out| {
        out.array(4).text("Signature1").bytes(protected).bytes(EXTERNAL_AAD).bytes(payload);
    })
}

/// Signs a receipt with the node's receipt key, which `sign` holds.
#[must_use]
pub fn sign(receipt: &Receipt, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Vec<u8> {
    let (protected, payload) = (protected_header(&receipt.boot_id), receipt.encode());
    let signature = sign(&signed_bytes(&protected, &payload));
    Envelope { protected, payload, signature }.encode()
}

/// Why a receipt was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The bytes are not a receipt.
    #[error(transparent)]
    Decode(#[from] CborError),
    /// The protected header is not the one of this receipt.
    #[error("the protected header does not name this receipt's boot, type and algorithm")]
    Header,
    /// The attested receipt key did not sign these bytes.
    #[error("the signature does not verify under the attested receipt key")]
    Signature,
    /// It is a receipt of something else.
    #[error("the receipt belongs to another exchange: {0}")]
    Other(&'static str),
}

/// What one end of an exchange knows by itself, to hold a receipt against.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// The verified node.
    pub boot_id: BootId,
    /// Its attested receipt key.
    pub receipt_key: ReceiptKey,
    /// Its manifest.
    pub manifest: ManifestDigest,
    /// The key configuration that was sealed to.
    pub kem: KemConfigDigest,
    /// The id that went into the request.
    pub request_id: [u8; 16],
    /// The digest of the encapsulated request as it was sent.
    pub request_digest: RequestDigest,
    /// The inner content as it was sealed.
    pub request: &'a [u8],
    /// The inner content of the answer as it was opened, padding included.
    pub answer: &'a [u8],
}

/// Decodes a receipt and verifies its signature: all that an auditor without the plaintext can do.
///
/// # Errors
/// [`ReceiptError`] for malformed bytes, another header, or a signature that does not verify.
pub fn verify_signature(signed: &[u8], key: &ReceiptKey) -> Result<Receipt, ReceiptError> {
    let envelope = Envelope::decode(signed)?;
    let message = signed_bytes(&envelope.protected, &envelope.payload);
    UnparsedPublicKey::new(&ED25519, &key.0)
        .verify(&message, &envelope.signature)
        .map_err(|_| ReceiptError::Signature)?;
    let receipt = Receipt::decode(&envelope.payload)?;
    if envelope.protected != protected_header(&receipt.boot_id) {
        return Err(ReceiptError::Header);
    }
    Ok(receipt)
}

/// Holds a receipt against the exchange that the client itself saw.
///
/// # Errors
/// The first check that failed, beside the ledger of all.
pub fn verify(
    signed: &[u8],
    opening: &Opening,
    exchange: &Exchange<'_>,
) -> Result<Verified<Receipt>, Refusal<ReceiptError, Receipt>> {
    let mut ledger = Ledger::new();
    let receipt = match verify_signature(signed, &exchange.receipt_key) {
        Ok(receipt) => receipt,
        Err(error) => {
            ledger.fail(
                &checks::RECEIPT_SIGNATURE,
                error.to_string(),
                "signed by the attested key",
            );
            ledger.stopped_before(RECEIPT_CHECKS);
            return Err(Refusal { error, ledger, claimed: None });
        }
    };
    ledger.pass(&checks::RECEIPT_SIGNATURE, exchange.receipt_key.to_string());
    compare(&receipt, opening, exchange, &mut ledger);
    let first_failure = ledger.failed().next().map(|finding| finding.check.id);
    match first_failure {
        Some(id) => {
            let claimed = Some(Box::new(receipt));
            Err(Refusal { error: ReceiptError::Other(id), ledger, claimed })
        }
        None => Ok(Verified::new(receipt, ledger)),
    }
}

static RECEIPT_CHECKS: &[&Check] = &[
    &checks::RECEIPT_BOOT,
    &checks::RECEIPT_REQUEST_ID,
    &checks::RECEIPT_REQUEST_DIGEST,
    &checks::RECEIPT_KEM,
    &checks::RECEIPT_MANIFEST,
    &checks::RECEIPT_REQUEST,
    &checks::RECEIPT_ANSWER,
    &checks::RECEIPT_FINGERPRINT,
];

fn compare(receipt: &Receipt, opening: &Opening, exchange: &Exchange<'_>, ledger: &mut Ledger) {
    let mut same = |check, found: &[u8], expected: &[u8]| {
        ledger.require(check, found == expected, hex::encode(found), hex::encode(expected));
    };
    let commitments = &receipt.commitments;
    let request = commit(Kind::Request, &opening.salt, exchange.request);
    let answer = commit(Kind::Answer, &opening.salt, exchange.answer);
    let print = opening.fingerprint.as_ref();
    let print = print.map(|content| commit(Kind::Fingerprint, &opening.salt, content));
    same(&checks::RECEIPT_BOOT, &receipt.boot_id.0, &exchange.boot_id.0);
    same(&checks::RECEIPT_REQUEST_ID, &receipt.request_id, &exchange.request_id);
    same(&checks::RECEIPT_REQUEST_DIGEST, &receipt.request_digest.0, &exchange.request_digest.0);
    same(&checks::RECEIPT_KEM, &receipt.kem.0, &exchange.kem.0);
    same(&checks::RECEIPT_MANIFEST, &receipt.manifest.0, &exchange.manifest.0);
    same(&checks::RECEIPT_REQUEST, &commitments.request.0, &request.0);
    same(&checks::RECEIPT_ANSWER, &commitments.answer.0, &answer.0);
    let found = commitments.fingerprint.map(|print| print.0);
    let expected = print.map(|print| print.0);
    same(
        &checks::RECEIPT_FINGERPRINT,
        found.as_ref().map_or(&[], |print| print),
        expected.as_ref().map_or(&[], |print| print),
    );
}

#[cfg(test)]
mod tests;
