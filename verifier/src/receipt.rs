//! A receipt, held against the evidence of the node that signed it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealroom_attestation::{
    Ledger,
    cbor::{CborError, Item as _},
    digests::{KemConfigDigest, RequestDigest},
    node::NodeClaims,
    receipt::{Kept, Opening, Receipt, audit},
    seal::KeyConfig,
    transcript::sha256,
};
use zeroize::Zeroizing;

use crate::verdict::{Claims, Crypto, Decision, Verdict};

/// What the owner of an exchange kept of it, as files. Question and answer are plaintext, and wiped.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The encapsulated request, all bytes.
    pub sealed_request: Option<Vec<u8>>,
    /// What opens the commitments.
    pub opening: Option<Opening>,
    /// The inner content of the request.
    pub request: Option<Zeroizing<Vec<u8>>>,
    /// The inner content of the answer, padding included.
    pub answer: Option<Zeroizing<Vec<u8>>>,
}

/// The evidence names no receipt key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only a node's bundle names the key that signs receipts: bare hardware evidence does not")]
pub struct NoNode;

/// A receipt as its file holds it: the signed bytes, or their base64url as HTTP carries them.
#[must_use]
pub(crate) fn from_file(file: &[u8]) -> Vec<u8> {
    // COSE_Sign1 is a CBOR array of four, which no text begins with.
    if file.first() == Some(&0x84) {
        return file.to_vec();
    }
    URL_SAFE_NO_PAD.decode(file.trim_ascii()).unwrap_or_else(|_| file.to_vec())
}

/// An opening as its file holds it.
///
/// # Errors
/// Where it is none.
pub(crate) fn opening_from_file(file: &[u8]) -> Result<Opening, CborError> {
    match URL_SAFE_NO_PAD.decode(file.trim_ascii()).map(Zeroizing::new) {
        Ok(decoded) => Opening::decode(&decoded),
        Err(_) => Opening::decode(file),
    }
}

/// Holds a receipt against a node's verdict and whatever was kept of the exchange, and gives the verdict over both. A
/// receipt can only make it worse: the evidence of its node is the ground that it stands on.
///
/// # Errors
/// [`NoNode`] where the verdict is not of a node's bundle.
pub fn audit_receipt(
    signed: &[u8],
    exchange: &Exchange,
    mut verdict: Verdict,
) -> Result<Verdict, NoNode> {
    let Some(Claims::Node(node)) = &verdict.claims else { return Err(NoNode) };
    let (receipt, ledger) = held_against(signed, exchange, node);
    verdict.decision = match (verdict.decision, ledger.has_failed(), ledger.has_missing()) {
        (_, true, _) => Decision::Refused,
        (Decision::Accepted, _, true) => Decision::Undecided,
        (own, _, _) => own,
    };
    verdict.crypto = match (verdict.crypto, ledger.has_failed(), ledger.has_missing()) {
        (_, true, _) => Crypto::Forged,
        (Crypto::Genuine, _, true) => Crypto::Undecided,
        (own, _, _) => own,
    };
    verdict.ledger.append(ledger);
    verdict.receipt = receipt;
    Ok(verdict)
}

fn held_against(
    signed: &[u8],
    exchange: &Exchange,
    node: &NodeClaims,
) -> (Option<Receipt>, Ledger) {
    // A list that does not decode names no key that could be the receipt's.
    let keys = KeyConfig::decode_list(&node.kem_keys).unwrap_or_default();
    let kem: Vec<_> = keys.iter().map(|key| KemConfigDigest(key.digest())).collect();
    let sealed = exchange.sealed_request.as_deref();
    let kept = Kept {
        boot_id: node.boot_id,
        receipt_key: node.statement.receipt_key,
        manifest: node.manifest_digest,
        kem: &kem,
        request_digest: sealed.map(|bytes| RequestDigest(sha256(bytes))),
        opening: exchange.opening.as_ref(),
        request: exchange.request.as_deref().map(Vec::as_slice),
        answer: exchange.answer.as_deref().map(Vec::as_slice),
    };
    audit(signed, &kept)
}
