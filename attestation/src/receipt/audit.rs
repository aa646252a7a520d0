//! A receipt in the hands of somebody who was not there: what can be checked is, and the rest is said to be open.

use super::{Commitments, Kind, Opening, Receipt, commit, verify_signature};
use crate::{
    checks::{self, Check},
    claims::Ledger,
    digests::{BootId, Commitment, KemConfigDigest, ManifestDigest, ReceiptKey, RequestDigest},
};

/// What an auditor has beside a receipt. The node's part comes from verified evidence of its boot.
#[derive(Clone, Debug)]
pub struct Kept<'a> {
    /// The node.
    pub boot_id: BootId,
    /// Its attested receipt key.
    pub receipt_key: ReceiptKey,
    /// Its manifest.
    pub manifest: ManifestDigest,
    /// The key configurations that the evidence at hand names: those of one epoch of many.
    pub kem: &'a [KemConfigDigest],
    /// The digest of the encapsulated request, where it was kept.
    pub request_digest: Option<RequestDigest>,
    /// What opens the commitments, where the owner of the exchange brings it.
    pub opening: Option<&'a Opening>,
    /// The inner content of the request.
    pub request: Option<&'a [u8]>,
    /// The inner content of the answer, padding included.
    pub answer: Option<&'a [u8]>,
}

/// The rows of a receipt that could not be looked at.
static UNREAD: &[&Check] = &[
    &checks::RECEIPT_BOOT,
    &checks::RECEIPT_MANIFEST,
    &checks::RECEIPT_KEM,
    &checks::RECEIPT_REQUEST_DIGEST,
    &checks::RECEIPT_REQUEST,
    &checks::RECEIPT_ANSWER,
    &checks::RECEIPT_FINGERPRINT,
];

/// Holds a receipt against what was kept. Signature, boot and manifest are always checked; a receipt is decoded only
/// where its signature holds.
#[must_use]
pub fn audit(signed: &[u8], kept: &Kept<'_>) -> (Option<Receipt>, Ledger) {
    let mut ledger = Ledger::new();
    let receipt = match verify_signature(signed, &kept.receipt_key) {
        Ok(receipt) => receipt,
        Err(error) => {
            let wanted = "signed by the attested key";
            ledger.fail(&checks::RECEIPT_SIGNATURE, error.to_string(), wanted);
            ledger.stopped_before(UNREAD);
            return (None, ledger);
        }
    };
    ledger.pass(&checks::RECEIPT_SIGNATURE, kept.receipt_key.to_string());
    always(&receipt, kept, &mut ledger);
    where_kept(&receipt, kept, &mut ledger);
    (Some(receipt), ledger)
}

fn same(check: &'static Check, found: &[u8], expected: &[u8], ledger: &mut Ledger) {
    ledger.require(check, found == expected, hex::encode(found), hex::encode(expected));
}

fn always(receipt: &Receipt, kept: &Kept<'_>, ledger: &mut Ledger) {
    same(&checks::RECEIPT_BOOT, &receipt.boot_id.0, &kept.boot_id.0, ledger);
    same(&checks::RECEIPT_MANIFEST, &receipt.manifest.0, &kept.manifest.0, ledger);
}

fn where_kept(receipt: &Receipt, kept: &Kept<'_>, ledger: &mut Ledger) {
    if kept.kem.contains(&receipt.kem) {
        ledger.pass(&checks::RECEIPT_KEM, receipt.kem.to_string());
    } else {
        let reason = "the evidence at hand names the keys of another epoch";
        ledger.not_given(&checks::RECEIPT_KEM, reason);
    }
    match kept.request_digest {
        Some(digest) => {
            let found = &receipt.request_digest.0;
            same(&checks::RECEIPT_REQUEST_DIGEST, found, &digest.0, ledger);
        }
        None => ledger.not_given(&checks::RECEIPT_REQUEST_DIGEST, "no sealed request was given"),
    }
    let Some(opening) = kept.opening else {
        for check in
            [&checks::RECEIPT_REQUEST, &checks::RECEIPT_ANSWER, &checks::RECEIPT_FINGERPRINT]
        {
            ledger.not_given(check, "no opening was given");
        }
        return;
    };
    let Commitments { request, answer, fingerprint, .. } = &receipt.commitments;
    let request = (&checks::RECEIPT_REQUEST, Kind::Request, kept.request, request);
    let answer = (&checks::RECEIPT_ANSWER, Kind::Answer, kept.answer, answer);
    for (check, kind, content, found) in [request, answer] {
        match content {
            Some(content) => same(check, &found.0, &commit(kind, &opening.salt, content).0, ledger),
            None => ledger.not_given(check, "what it commits to was not given"),
        }
    }
    let print = opening.fingerprint.as_ref();
    let print = print.map(|content| commit(Kind::Fingerprint, &opening.salt, content));
    let bytes = |print: &Option<Commitment>| print.map_or(Vec::new(), |print| print.0.to_vec());
    same(&checks::RECEIPT_FINGERPRINT, &bytes(fingerprint), &bytes(&print), ledger);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exchange, opening, receipt, signed};
    use super::*;
    use crate::claims::Outcome;

    fn kept<'a>(kem: &'a [KemConfigDigest], opening: Option<&'a Opening>) -> Kept<'a> {
        let exchange = exchange();
        Kept {
            boot_id: exchange.boot_id,
            receipt_key: exchange.receipt_key,
            manifest: exchange.manifest,
            kem,
            request_digest: Some(exchange.request_digest),
            opening,
            request: Some(exchange.request),
            answer: Some(exchange.answer),
        }
    }

    fn outcomes(signed: &[u8], kept: &Kept<'_>) -> Vec<(&'static str, Outcome)> {
        let (_, ledger) = audit(signed, kept);
        ledger.findings().iter().map(|row| (row.check.id, row.outcome)).collect()
    }

    #[test]
    fn with_everything_kept_all_of_it_is_checked_and_holds() {
        let (signed, opening, kem) = (signed(&receipt()), opening(), [receipt().kem]);
        let rows = outcomes(&signed, &kept(&kem, Some(&opening)));
        assert_eq!(rows.len(), 8);
        assert!(rows.iter().all(|(_, outcome)| *outcome == Outcome::Pass), "{rows:?}");
    }

    #[test]
    fn each_field_of_another_exchange_fails_its_own_check_alone() {
        let (opening, kem) = (opening(), [receipt().kem]);
        let kept = kept(&kem, Some(&opening));
        let failed = |change: fn(&mut Receipt)| {
            let mut other = receipt();
            change(&mut other);
            let rows = outcomes(&signed(&other), &kept).into_iter();
            rows.filter(|(_, outcome)| *outcome == Outcome::Fail)
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
        };
        assert_eq!(failed(|r| r.boot_id.0[0] ^= 1), ["receipt.boot_id"]);
        assert_eq!(failed(|r| r.manifest.0[0] ^= 1), ["receipt.manifest"]);
        assert_eq!(failed(|r| r.request_digest.0[0] ^= 1), ["receipt.request_digest"]);
        assert_eq!(failed(|r| r.commitments.request.0[0] ^= 1), ["receipt.request"]);
        assert_eq!(failed(|r| r.commitments.answer.0[0] ^= 1), ["receipt.answer"]);
        assert_eq!(failed(|r| r.commitments.fingerprint = None), ["receipt.fingerprint"]);
    }

    #[test]
    fn what_was_not_kept_is_open_and_never_passes() {
        let nothing = Kept { request_digest: None, request: None, answer: None, ..kept(&[], None) };
        let rows = outcomes(&signed(&receipt()), &nothing);
        let passed = rows.iter().filter(|(_, outcome)| *outcome == Outcome::Pass);
        let passed: Vec<_> = passed.map(|(id, _)| *id).collect();
        assert_eq!(passed, ["receipt.signature", "receipt.boot_id", "receipt.manifest"]);
        let open = rows.iter().filter(|(_, outcome)| *outcome == Outcome::NotGiven).count();
        assert_eq!((open, rows.len()), (5, 8));
    }

    #[test]
    fn a_signature_that_does_not_hold_leaves_nothing_to_read() {
        let mut signed = signed(&receipt());
        if let Some(last) = signed.last_mut() {
            *last ^= 1;
        }
        let (read, ledger) = audit(&signed, &kept(&[], None));
        let failed: Vec<_> = ledger.failed().map(|row| row.check.id).collect();
        assert_eq!((read, failed), (None, vec!["receipt.signature"]));
        assert!(ledger.has_missing());
    }
}
