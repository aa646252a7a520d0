//! Genuine evidence with one thing changed: which check says so.

use sealroom_attestation::tdx::{
    ChainError, CrlError, DocumentError, Endorsements, QeError, QuoteError, SignedDocument,
};
use sealroom_attestation::x509;

use crate::{canonical, check, collateral, failed, quote, refuses, with_chain};

const TIME: &str = "2025-07-01T00:00:00Z";
const NAME: &str = "v4_td10_uptodate";

#[test]
fn every_byte_of_every_accepted_quote_counts() {
    for (name, time) in
        [(NAME, TIME), ("v5_td15ex_uptodate", "2026-10-20T00:00:00Z"), ("v3_sgx", TIME)]
    {
        let (genuine, given) = (quote(name), collateral(name));
        assert_eq!(failed(&check(&genuine, &given, time)), [""; 0]);
        let mut accepted = Vec::new();
        for place in 0..genuine.len() {
            let mut changed = genuine.clone();
            changed[place] ^= if place % 2 == 0 { 0x01 } else { 0x80 };
            if check(&changed, &given, time).is_ok() {
                accepted.push(place);
            }
        }
        assert_eq!(accepted, [0_usize; 0], "{name}");
    }
}

#[test]
fn the_name_of_evidence_changes_with_what_was_signed_and_with_nothing_else() {
    let (genuine, given) = (quote(NAME), collateral(NAME));
    let id = |bytes: &[u8]| check(bytes, &given, TIME).expect("genuine").claims().evidence_id();
    let without_zero = with_chain(&genuine, |mut chain| {
        assert_eq!(chain.pop(), Some(0));
        chain
    });
    assert_ne!(genuine, without_zero);
    assert!(id(&genuine).is_some());
    assert_eq!(id(&genuine), id(&without_zero));
}

#[test]
fn one_chain_has_one_spelling() {
    let (genuine, given) = (quote(NAME), collateral(NAME));
    let changed = |change: fn(String) -> String| {
        let quote = with_chain(&genuine, |chain| {
            change(String::from_utf8(chain).expect("text")).into_bytes()
        });
        check(&quote, &given, TIME)
    };
    let id = &["tdx.pck.encoding"][..];
    let not_canonical = ChainError::NotCanonical;
    refuses(changed(|text| text.replace('\n', "\r\n")), id, not_canonical.clone());
    refuses(changed(|text| text.replacen('\n', " \n", 2)), id, not_canonical.clone());
    refuses(changed(|text| text.replacen("-----\n", "-----\n\n", 2)), id, not_canonical);
    assert_eq!(failed(&changed(|text| format!("{text}\n"))), id);
    assert_eq!(failed(&changed(|text| format!("{text}\0"))), id);
}

fn blocks(chain: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(chain).expect("text").trim_end_matches('\0');
    x509::blocks(text).expect("PEM").into_iter().map(|block| block.der).collect()
}

#[test]
fn the_chain_is_leaf_authority_and_root_in_this_order() {
    let (genuine, given) = (quote(NAME), collateral(NAME));
    let changed = |change: fn(&mut Vec<Vec<u8>>)| {
        let quote = with_chain(&genuine, |chain| {
            let mut blocks = blocks(&chain);
            change(&mut blocks);
            canonical(&blocks)
        });
        check(&quote, &given, TIME)
    };
    refuses(changed(|blocks| blocks.swap(0, 1)), &["tdx.pck.encoding"], ChainError::Order);
    refuses(changed(|blocks| blocks.swap(1, 2)), &["tdx.pck.encoding"], ChainError::Order);
    let two = ChainError::Length { found: 2 };
    refuses(changed(|blocks| blocks.truncate(2)), &["tdx.pck.encoding"], two);
    let four = ChainError::Length { found: 4 };
    refuses(changed(|blocks| blocks.push(blocks[2].clone())), &["tdx.pck.encoding"], four);
    changed(|_| ()).expect("the same chain");
}

#[test]
fn each_signature_has_a_check_of_its_own() {
    let (genuine, given) = (quote(NAME), collateral(NAME));
    let flipped = |place: usize| {
        let mut quote = genuine.clone();
        quote[place] ^= 1;
        check(&quote, &given, TIME)
    };
    let signature_data = 48 + 584 + 4;
    let qe_report = signature_data + 128 + 6;
    let by_key = "tdx.quote.signature";
    refuses(flipped(signature_data), &[by_key], QuoteError::Signature);
    refuses(flipped(28), &[by_key], QuoteError::Signature);
    refuses(flipped(48 + 584 - 1), &[by_key], QuoteError::Signature);
    refuses(flipped(signature_data + 64), &["tdx.qe.binding", by_key], QeError::Binding);
    refuses(flipped(12), &["tdx.qe.vendor", by_key], QeError::Vendor);
    refuses(flipped(8), &["tdx.quote.reserved", by_key], QuoteError::Reserved);
    let by_platform = "tdx.qe.signature";
    refuses(flipped(qe_report), &[by_platform], QeError::Signature);
    refuses(flipped(qe_report + 383), &["tdx.qe.binding", by_platform], QeError::Binding);
    refuses(flipped(qe_report + 20), &["tdx.qe.reserved", by_platform], QeError::Reserved);
    refuses(flipped(qe_report + 16), &["tdx.qe.miscselect", by_platform], QeError::MiscSelect);
    refuses(flipped(qe_report + 48), &["tdx.qe.attributes", by_platform], QeError::Attributes);
    refuses(flipped(qe_report + 128), &["tdx.qe.mrsigner", by_platform], QeError::Signer);
    let product = QeError::Product { found: 3, expected: 2 };
    refuses(flipped(qe_report + 256), &["tdx.qe.isvprodid", by_platform], product);
    refuses(flipped(qe_report + 384), &[by_platform], QeError::Signature);
}

fn edited(document: &SignedDocument, from: &str, to: &str) -> SignedDocument {
    let text = String::from_utf8(document.body.clone()).expect("text");
    assert!(text.contains(from), "{from}");
    SignedDocument { body: text.replacen(from, to, 1).into_bytes(), ..document.clone() }
}

#[test]
fn documents_are_verified_over_the_bytes_that_were_signed() {
    let (quote, whole) = (quote(NAME), collateral(NAME));
    let with_info = |from: &str, to: &str| {
        let tcb_infos = vec![edited(&whole.tcb_infos[0], from, to)];
        check(&quote, &Endorsements { tcb_infos, ..whole.clone() }, TIME)
    };
    let forged = DocumentError::Signature { document: "TCB info" };
    let id = &["tdx.tcb_info.signature"][..];
    refuses(with_info("\"pcesvn\":11", "\"pcesvn\":10"), id, forged.clone());
    refuses(with_info(",", ", "), id, forged);
    let fmspc = with_info("B0C06F000000", "B0C06F000001");
    assert_eq!(
        failed(&fmspc),
        ["tdx.tcb_info.platform"].iter().chain(id).copied().collect::<Vec<_>>()
    );
    let pce = with_info("\"pceId\":\"0000\"", "\"pceId\":\"0001\"");
    assert_eq!(failed(&pce), ["tdx.tcb_info.platform", "tdx.tcb_info.signature"]);
    let unknown = with_info("\"version\":3,", "\"version\":3,\"more\":[],");
    assert_eq!(failed(&unknown), ["tdx.endorsements.decode"]);
    let qe_identities = vec![edited(&whole.qe_identities[0], ",", ", ")];
    let identity = check(&quote, &Endorsements { qe_identities, ..whole.clone() }, TIME);
    let forged = DocumentError::Signature { document: "QE identity" };
    refuses(identity, &["tdx.qe_identity.signature"], forged);
}

#[test]
fn documents_of_the_other_environment_are_refused() {
    let (quote, whole) = (quote(NAME), collateral(NAME));
    let enclave = collateral("v3_sgx");
    let mixed = Endorsements { tcb_infos: enclave.tcb_infos.clone(), ..whole.clone() };
    let verdict = check(&quote, &mixed, TIME);
    let failed_ids = failed(&verdict);
    assert!(failed_ids.contains(&"tdx.tcb_info.kind"), "{failed_ids:?}");
    assert!(failed_ids.contains(&"tdx.tcb_info.platform"), "{failed_ids:?}");
    let mixed = Endorsements { qe_identities: enclave.qe_identities.clone(), ..whole.clone() };
    let verdict = check(&quote, &mixed, TIME);
    assert!(failed(&verdict).contains(&"tdx.qe_identity.kind"), "{:?}", failed(&verdict));
    let mut both = whole;
    both.extend(enclave);
    // The enclave's PCK authority's list is not needed, and the one that is needed is there.
    check(&quote, &both, TIME).expect("the fitting documents are chosen");
}

#[test]
fn lists_of_others_and_broken_lists_are_refused() {
    let (quote, whole) = (quote(NAME), collateral(NAME));
    let enclave = collateral("v3_sgx");
    let [root, pck] = whole.crls.as_slice() else { panic!("two lists") };
    let crls = vec![root.clone(), enclave.crls[1].clone()];
    let foreign = check(&quote, &Endorsements { crls, ..whole.clone() }, TIME);
    let found = "Intel SGX PCK Processor CA".to_owned();
    refuses(foreign, &["tdx.crl.issuer"], CrlError::Issuer { found });
    for (index, id, issuer) in [
        (0, "tdx.crl.root.signature", "Intel SGX Root CA"),
        (1, "tdx.crl.pck.signature", "Intel SGX PCK Platform CA"),
    ] {
        let mut crls = vec![root.clone(), pck.clone()];
        let last = crls[index].len() - 1;
        crls[index][last] ^= 1;
        let broken = check(&quote, &Endorsements { crls, ..whole.clone() }, TIME);
        refuses(broken, &[id], CrlError::Signature { issuer: issuer.to_owned() });
    }
}

#[test]
fn a_signer_is_known_by_its_place_below_the_root() {
    let (quote, whole) = (quote(NAME), collateral(NAME));
    let mut certificates = whole.certificates.clone();
    let signer = certificates
        .iter_mut()
        .find(|der| {
            let certificate = x509::Certificate::decode(der).expect("a certificate");
            certificate.subject.shown() == "Intel SGX TCB Signing"
        })
        .expect("the signer");
    let last = signer.len() - 1;
    signer[last] ^= 1;
    let forged = check(&quote, &Endorsements { certificates, ..whole }, TIME);
    let (subject, issuer) = ("Intel SGX TCB Signing".to_owned(), "Intel SGX Root CA".to_owned());
    refuses(forged, &["tdx.signer.signature"], ChainError::Signature { subject, issuer });
}
