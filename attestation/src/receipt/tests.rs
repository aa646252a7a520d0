use super::*;
use ring::signature::{Ed25519KeyPair, KeyPair};

const SALT: [u8; 32] = [9; 32];

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a seed")
}

pub(super) fn exchange() -> Exchange<'static> {
    Exchange {
        boot_id: BootId([2; 32]),
        receipt_key: ReceiptKey(key().public_key().as_ref().try_into().expect("32 bytes")),
        manifest: ManifestDigest([3; 32]),
        kem: KemConfigDigest([4; 32]),
        request_id: [5; 16],
        request_digest: RequestDigest([6; 32]),
        request: b"question",
        answer: b"answer",
    }
}

pub(super) fn receipt() -> Receipt {
    Receipt {
        boot_id: BootId([2; 32]),
        sequence: 41,
        request_id: [5; 16],
        request_digest: RequestDigest([6; 32]),
        billing_nonce: Some([7; 16]),
        kem: KemConfigDigest([4; 32]),
        manifest: ManifestDigest([3; 32]),
        usage: Usage { prompt: 10, completion: 20, cached: 10 },
        timing: Timing { queue: 1, first_token: 2, total: 3 },
        commitments: Commitments {
            parameters: commit(Kind::Parameters, &SALT, b"{}"),
            request: commit(Kind::Request, &SALT, b"question"),
            answer: commit(Kind::Answer, &SALT, b"answer"),
            fingerprint: Some(commit(Kind::Fingerprint, &SALT, b"print")),
        },
        finish: Finish::Stop,
        issued_at: UnixTime(1_780_272_000),
    }
}

pub(super) fn opening() -> Opening {
    Opening { salt: SALT, fingerprint: Some(b"print".to_vec()) }
}

pub(super) fn signed(receipt: &Receipt) -> Vec<u8> {
    sign(receipt, |bytes| key().sign(bytes).as_ref().try_into().expect("64 bytes"))
}

fn refusal(receipt: &Receipt) -> ReceiptError {
    verify(&signed(receipt), &opening(), &exchange()).expect_err("must be refused").error
}

#[test]
fn accepts_the_receipt_of_this_exchange() {
    let verified = verify(&signed(&receipt()), &opening(), &exchange()).expect("genuine");
    assert_eq!(verified.claims(), &receipt());
    assert_eq!(verified.ledger().findings().len(), 9);
}

#[test]
fn refuses_the_receipt_of_another_exchange_by_the_field_that_differs() {
    let changed = |change: fn(&mut Receipt)| {
        let mut other = receipt();
        change(&mut other);
        refusal(&other)
    };
    let other = ReceiptError::Other;
    assert_eq!(changed(|r| r.boot_id = BootId([0; 32])), other("receipt.boot_id"));
    assert_eq!(changed(|r| r.request_id = [0; 16]), other("receipt.request_id"));
    assert_eq!(changed(|r| r.request_digest.0[0] ^= 1), other("receipt.request_digest"));
    assert_eq!(changed(|r| r.kem.0[31] ^= 1), other("receipt.kem_configuration"));
    assert_eq!(changed(|r| r.manifest.0[31] ^= 1), other("receipt.manifest"));
    assert_eq!(changed(|r| r.commitments.request.0[0] ^= 1), other("receipt.request"));
    assert_eq!(changed(|r| r.commitments.answer.0[0] ^= 1), other("receipt.answer"));
    assert_eq!(changed(|r| r.commitments.fingerprint = None), other("receipt.fingerprint"));
}

#[test]
fn refuses_every_flipped_byte() {
    let signed = signed(&receipt());
    for place in 0..signed.len() {
        let mut forged = signed.clone();
        forged[place] ^= 1;
        let refused = verify(&forged, &opening(), &exchange()).expect_err("flipped").error;
        assert!(
            matches!(refused, ReceiptError::Signature | ReceiptError::Decode(_)),
            "byte {place}"
        );
    }
}

#[test]
fn refuses_more_cached_tokens_than_the_prompt_has() {
    let mut lying = receipt();
    lying.usage.cached = 11;
    let reason = "no more cached tokens than prompt tokens";
    let error = refusal(&lying);
    assert!(
        matches!(error, ReceiptError::Decode(CborError::Malformed { reason: r, .. }) if r == reason)
    );
}

#[test]
fn refuses_a_header_that_names_another_boot() {
    let (protected, payload) = (protected_header(&BootId([0; 32])), receipt().encode());
    let signature = key().sign(&signed_bytes(&protected, &payload));
    let signature = signature.as_ref().try_into().expect("64 bytes");
    let bytes = Envelope { protected, payload, signature }.encode();
    let refused = verify(&bytes, &opening(), &exchange()).expect_err("another header").error;
    assert_eq!(refused, ReceiptError::Header);
}

#[test]
fn an_independent_cose_library_reads_and_verifies_it() {
    use coset::{CborSerializable, CoseSign1, iana};
    let envelope = CoseSign1::from_slice(&signed(&receipt())).expect("COSE_Sign1");
    let algorithm = coset::RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA);
    assert_eq!(envelope.protected.header.alg, Some(algorithm));
    assert_eq!(envelope.protected.header.key_id, [2; 32]);
    let public = exchange().receipt_key;
    let verdict = envelope.verify_signature(EXTERNAL_AAD, |signature, message| {
        UnparsedPublicKey::new(&ED25519, &public.0).verify(message, signature)
    });
    assert_eq!(verdict, Ok(()));
}

#[test]
fn commitments_of_different_kinds_differ() {
    let kinds = [Kind::Parameters, Kind::Request, Kind::Answer, Kind::Fingerprint];
    let mut all: Vec<_> = kinds.map(|kind| commit(kind, &SALT, b"x").0).into();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4);
    assert_ne!(commit(Kind::Answer, &SALT, b"x"), commit(Kind::Answer, &[0; 32], b"x"));
}
