//! Limits to the byte, what stands beside what, and the words that people read.

use sealroom_attestation::tdx::{
    Certification, DecodeError, ExtensionError, LONGEST_DOCUMENT, LONGEST_QUOTE, Measurement,
    Quote, SgxType, TcbStatus, TdAttributes, TdxClaims, TeeTcbSvn, Xfam,
};
use sealroom_attestation::transcript::Transcript;
use sealroom_attestation::{Outcome, x509};
use sealroom_forge::{Body, Fake, Vendor};

use crate::scene::{Scene, accepts, failed, fake, refuses};

#[test]
fn a_quote_and_a_document_may_be_as_long_as_the_limit_and_no_longer() {
    let quote = |length: usize| Quote::decode(&vec![4; length]).expect_err("no quote");
    assert_eq!(quote(LONGEST_QUOTE), DecodeError::Version { found: 0x0404 });
    let found = LONGEST_QUOTE + 1;
    assert_eq!(quote(found), DecodeError::TooLong { found });
    let padded = |length: usize| {
        Scene::from(fake()).with(|given| given.tcb_infos[0].body.resize(length, b' '))
    };
    assert_eq!(failed(&padded(LONGEST_DOCUMENT)), ["tdx.tcb_info.signature"]);
    assert_eq!(failed(&padded(LONGEST_DOCUMENT + 1)), ["tdx.endorsements.decode"]);
}

#[test]
fn as_many_endorsements_as_the_limit_are_read_and_no_more() {
    let many = |count: usize| {
        Scene::from(fake()).with(|given| {
            let (others, one) = (given.certificates.len() + 2, given.crls[0].clone());
            given.crls.resize(count - others, one);
        })
    };
    accepts(many(48));
    assert_eq!(failed(&many(49)), ["tdx.endorsements.decode"]);
}

#[test]
fn numbers_of_a_platform_have_one_encoding() {
    let accepted = |svn: u16| accepts(fake().sgx(move |sgx| sgx.pce_svn = svn));
    for svn in [0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff] {
        let pck = accepted(svn).pck.expect("a platform");
        assert_eq!(pck.extensions.pce_svn, svn);
    }
    let mixed = accepts(fake().sgx(|sgx| sgx.sgx_type = 2)).pck.expect("a platform");
    assert_eq!(mixed.extensions.sgx_type, SgxType::ScalableWithIntegrity);
    // One entry with a second value behind the first, and an INTEGER below zero.
    let more = b"\x30\x12\x06\x0a\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x05\x0a\x01\x00\x0a\x01\x00";
    let negative = b"\x30\x10\x06\x0b\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x02\x11\x02\x01\x80";
    let patched = |from: &'static [u8], to: &'static [u8]| {
        fake().pck(move |pck| {
            let value = pck.extension("1.2.840.113741.1.13.1");
            let at = value.windows(from.len()).position(|bytes| bytes == from);
            let at = at.expect("the entry is there");
            value.splice(at..at + from.len(), to.iter().copied());
            let grown = u16::try_from(value.len() - 4).expect("a short list");
            value.splice(2..4, grown.to_be_bytes());
        })
    };
    let sgx_type = b"\x30\x0f\x06\x0a\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x05\x0a\x01\x01";
    let error = ExtensionError::Encoding { field: "list" };
    let chain = sealroom_attestation::tdx::ChainError::Extensions;
    refuses(patched(sgx_type, more), "tdx.pck.extensions", chain(error));
    let pce_svn = b"\x30\x10\x06\x0b\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x02\x11\x02\x01\x0b";
    let error = || chain(ExtensionError::Encoding { field: "PCESVN" });
    refuses(patched(pce_svn, negative), "tdx.pck.extensions", error());
    // Longer than needed, below zero in two bytes, longer than needed in three.
    let longer = b"\x30\x11\x06\x0b\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x02\x11\x02\x02\x00\x0b";
    let below = b"\x30\x11\x06\x0b\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x02\x11\x02\x02\x80\x0b";
    let three = b"\x30\x12\x06\x0b\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x02\x11\x02\x03\x00\x0b\x00";
    for value in [&longer[..], below, three] {
        refuses(patched(pce_svn, value), "tdx.pck.extensions", error());
    }
}

/// A list that counts must not lend its signature to another one.
#[test]
fn every_list_is_verified_beside_one_that_counts() {
    for (index, id) in [(0, "tdx.crl.root.signature"), (1, "tdx.crl.pck.signature")] {
        let two = fake().root_crl(|crl| crl.signer.0 = Vendor::Two);
        let two = Scene::from(two.pck_crl(|crl| crl.signer.0 = Vendor::Two));
        let forged = two.endorsements.crls[index].clone();
        let both = Scene::from(fake()).with(|given| given.crls.push(forged.clone()));
        assert_eq!(failed(&both), [id]);
        let same = Scene::from(fake());
        let again = same.endorsements.crls[index].clone();
        accepts(same.with(|given| given.crls.push(again)));
    }
}

#[test]
fn the_signer_whose_key_signed_is_found_among_others_of_its_name() {
    let stranger = Fake::tdx([9; 32]).sign().tcb_signer;
    accepts(Scene::from(fake()).with(|given| given.certificates.insert(0, stranger)));
}

#[test]
fn what_was_not_reached_is_said_to_be_missing() {
    let rows = |scene: Scene| {
        let ledger = scene.verify().expect_err("a refusal").ledger;
        let rows = ledger.findings().iter().filter(|row| row.check.id.starts_with("tdx.crl."));
        rows.map(|row| (row.check.id, row.outcome)).collect::<Vec<_>>()
    };
    let broken = || Scene::from(fake().authority(|one| one.broken_signature = true));
    let with_lists = rows(broken());
    for id in ["tdx.crl.root.signature", "tdx.crl.pck.signature"] {
        assert!(with_lists.contains(&(id, Outcome::Missing)), "{with_lists:?}");
    }
    let without = rows(broken().with(|given| given.crls.clear()));
    assert!(without.iter().all(|(_, outcome)| *outcome == Outcome::NotGiven), "{without:?}");
}

#[test]
fn a_module_has_only_the_states_of_an_enclave() {
    let with = |status: &'static str| {
        Scene::from(fake().tcb_info(move |info| {
            info.identities[0].levels[0].status = status.to_owned();
        }))
    };
    accepts(with("OutOfDate"));
    assert_eq!(failed(&with("ConfigurationNeeded")), ["tdx.tcb_info.kind"]);
}

#[test]
fn the_name_of_a_quote_is_over_what_was_signed_and_the_key() {
    let id = |claims: &TdxClaims| claims.evidence_id().expect("verified evidence has a name");
    let claims = accepts(fake());
    let transcript = Transcript::new("sealroom/1 evidence")
        .part(&[2])
        .part(claims.quote.signed_bytes())
        .part(&claims.quote.attestation_key);
    assert_eq!(id(&claims), transcript.sha256());
    assert_eq!(claims.quote.signed_bytes(), &fake().sign().quote[..48 + 584]);
    assert_ne!(id(&claims), id(&accepts(fake().report_data([1; 64]))));
}

#[test]
fn the_chain_of_a_quote_is_one_text() {
    let quote = Quote::decode(&fake().sign().quote).expect("a quote");
    let Certification::Chain(chain) = quote.certification else { panic!("a chain") };
    let text = std::str::from_utf8(&chain[..chain.len() - 1]).expect("text");
    assert_eq!(x509::blocks(text).expect("PEM").len(), 3);
    let empty = fake().certification(|data| data.chain = vec![0]);
    assert_eq!(failed(&Scene::from(empty))[0], "tdx.pck.encoding");
}

#[test]
fn rows_say_in_words_what_was_found() {
    let verified = Scene::from(fake()).verify().expect("genuine");
    let found = |id: &str| {
        let row = verified.ledger().findings().iter().find(|row| row.check.id == id);
        row.expect("a row").found.clone()
    };
    assert_eq!(found("tdx.endorsements.decode"), "4 certificates, 2 lists, 2 documents");
    assert_eq!(found("tdx.pck.encoding"), "leaf, authority and root in canonical PEM");
    assert_eq!(found("tdx.crl.pck.revoked"), "none of 1 among 2 revoked");
    assert_eq!(found("tdx.module.identity"), "TDX_01");
    let first = [11, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let first = Scene::from(fake().tee_tcb_svn(first)).verify().expect("genuine");
    let row = first.ledger().findings().iter().find(|row| row.check.id == "tdx.module.identity");
    assert_eq!(row.map(|row| row.found.as_str()), Some("major version 0"));
    let mut strange = Scene::from(Fake::tdx([9; 32]));
    strange.anchors = Scene::from(fake()).anchors;
    let refusal = strange.verify().expect_err("another root");
    let row = refusal.ledger.failed().next().expect("a row").clone();
    assert!(row.expected.starts_with("Intel SGX Root CA or the simulated root "), "{row:?}");
}

#[test]
fn values_are_written_as_the_field_writes_them() {
    assert_eq!(Measurement([0xab; 48]).to_string(), "ab".repeat(48));
    assert_eq!(TeeTcbSvn([7; 16]).to_string(), "07".repeat(16));
    assert_eq!(Xfam(0xe7).to_string(), "0xe7");
    assert_eq!(TdAttributes(0b111_0000).profiling(), 0b111_0000);
    assert_eq!(TdAttributes(0b1000_1111).profiling(), 0);
    let names = [
        (TcbStatus::UpToDate, "UpToDate"),
        (TcbStatus::SWHardeningNeeded, "SWHardeningNeeded"),
        (TcbStatus::OutOfDateConfigurationNeeded, "OutOfDateConfigurationNeeded"),
        (TcbStatus::RelaunchAdvised, "TDRelaunchAdvised"),
    ];
    for (status, name) in names {
        assert_eq!(status.to_string(), name);
    }
    let sgx = accepts(fake().quote(3, Body::Sgx).processor_ca());
    let authority = sgx.pck.expect("a platform").authority;
    assert_eq!(authority, Some(sealroom_attestation::tdx::PckAuthority::Processor));
}
