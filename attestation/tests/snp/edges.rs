//! Limits, what stands beside what, and the words that people read.

use sealroom_attestation::endorsements::{self, Known};
use sealroom_attestation::node::HardwareClaims;
use sealroom_attestation::snp::{
    Anchors, Cpuid, CrlError, Endorsements, Entry, EntryKind, FirmwareVersion, LONGEST_TABLE,
    TableError, Tcb, VekKind, decode_table, encode_table, verify,
};
use sealroom_attestation::{Outcome, snp};
use sealroom_forge::{Fake, Generation, Vendor};

use crate::{NOW, accepts, check_at, fake, given, refuses, with_list};

#[test]
fn as_many_endorsements_as_the_limit_are_read() {
    let evidence = fake().sign();
    let mut many = given(&evidence);
    many.certificates.resize(32, evidence.root.clone());
    check_at(&evidence, &many, NOW).expect("32 of them");
}

/// A list that counts must not lend its signature to another one.
#[test]
fn every_list_is_verified_beside_one_that_counts() {
    let evidence = fake().sign();
    let forged = fake().crl(|crl| crl.signer.0 = Vendor::Two).sign().crl;
    let mut both = with_list(&evidence);
    both.crls.push(forged);
    refuses(check_at(&evidence, &both, NOW), "snp.crl.signature", CrlError::Signature);
}

#[test]
fn the_fitting_key_is_found_among_others_of_the_same_chip() {
    let mine = fake().sign();
    let older = fake().tcb([1, 0, 0, 0, 0, 0, 1, 1]).sign();
    for (first, second) in [(&older, &mine), (&mine, &older)] {
        let certificates = [given(first).certificates, given(second).certificates].concat();
        let both = Endorsements { certificates, crls: Vec::new() };
        check_at(&mine, &both, NOW).expect("the key of the reported TCB is among them");
    }
    let provider = fake().vlek().sign();
    let certificates = [given(&mine).certificates, given(&provider).certificates].concat();
    let both = Endorsements { certificates, crls: Vec::new() };
    let verified = check_at(&provider, &both, NOW).expect("the provider's key is among them");
    assert_eq!(verified.claims().vek.as_ref().map(|vek| vek.kind), Some(VekKind::Vlek));
}

#[test]
fn a_table_may_be_as_long_as_the_limit_and_no_longer() {
    let entry = |length: usize| Entry { kind: EntryKind::Vcek, bytes: vec![7; length] };
    let room = LONGEST_TABLE - 2 * 24;
    let full = encode_table(&[entry(room)]).expect("as long as the limit");
    assert_eq!((full.len(), decode_table(&full)), (LONGEST_TABLE, Ok(vec![entry(room)])));
    let found = LONGEST_TABLE + 1;
    assert_eq!(encode_table(&[entry(room + 1)]), Err(TableError::TooLong { found }));
    let many = |count: usize| encode_table(&vec![entry(1); count]);
    let table = many(32).expect("as many as the limit");
    assert_eq!(decode_table(&table).map(|entries| entries.len()), Ok(32));
    assert_eq!(many(33), Err(TableError::NoEnd));
}

#[test]
fn files_of_every_vendor_go_where_they_belong() {
    let mut all = endorsements::Endorsements::default();
    let (amd, intel) = (fake().sign(), Fake::tdx([7; 32]).sign());
    for file in [&amd.crl, &amd.vek, &intel.pck_crl, &intel.tcb_signer] {
        all.add_file(file).expect("endorsements");
    }
    assert_eq!(all.snp.certificates, std::slice::from_ref(&amd.vek));
    assert_eq!(all.snp.crls, std::slice::from_ref(&amd.crl));
    assert_eq!(all.tdx.certificates, [intel.tcb_signer]);
    assert_eq!(all.tdx.crls, [intel.pck_crl]);
    let mut twice = endorsements::Endorsements::from(all.snp.clone());
    twice.extend(all.clone());
    assert_eq!((twice.snp.crls.len(), twice.tdx.crls.len()), (2, 1));
    let known = Known::new(&with_list(&amd).into(), &endorsements::Anchors::production());
    let refusal = known.snp.verify(&amd.report, &Endorsements::default(), NOW);
    let refusal = refusal.expect_err("a root that nobody trusts");
    let failed: Vec<_> = refusal.ledger.failed().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].expected, "ARK-Milan, ARK-Genoa, ARK-Turin");
}

#[test]
fn genuine_hardware_is_not_simulated_and_forged_hardware_is() {
    let genuine = crate::vectors::genoa_claims();
    assert!(!HardwareClaims::Snp(Box::new(genuine)).simulated());
    assert!(HardwareClaims::Snp(Box::new(accepts(&fake()))).simulated());
}

#[test]
fn rows_say_in_words_what_was_found() {
    let evidence = fake().sign();
    let verified = check_at(&evidence, &given(&evidence), NOW).expect("genuine");
    let rows = verified.ledger().findings();
    let found = |id: &str| rows.iter().find(|row| row.check.id == id).expect("a row").found.clone();
    assert_eq!(found("snp.endorsements.decode"), "3 certificates, 0 lists");
    let digest = hex::encode(evidence.root_sha256);
    assert_eq!(found("snp.chain.root"), format!("SIMULATED ARK-Genoa {digest}"));
    let lists = snp::REVOCATION.iter().map(|check| check.id);
    let open = rows.iter().filter(|row| row.outcome == Outcome::NotGiven).map(|row| row.check.id);
    assert!(open.eq(lists), "{rows:?}");
    let anchors = Anchors::production().danger_accept_simulated([7; 32]);
    let refusal = verify(&evidence.report, &given(&evidence), &anchors, NOW).expect_err("a root");
    let row = refusal.ledger.failed().next().expect("a row").clone();
    let simulated = format!("the simulated root {}", hex::encode([7; 32]));
    assert!(row.expected.ends_with(&simulated), "{row:?}");
}

#[test]
fn values_are_written_as_the_field_writes_them() {
    let version = FirmwareVersion { build: 40, minor: 55, major: 1 };
    assert_eq!(version.to_string(), "1.55 build 40");
    let cpuid = Cpuid { family: 0x19, model: 0x11, stepping: 1 };
    assert_eq!(cpuid.to_string(), "family 0x19 model 0x11 stepping 1");
    let genoa = Tcb([1, 2, 0, 0, 0, 0, 7, 8]).components(snp::Generation::Genoa);
    assert_eq!(genoa.to_string(), "boot loader 1, tee 2, snp 7, microcode 8");
    let turin = Tcb([1, 2, 3, 4, 5, 0, 0, 8]).components(snp::Generation::Turin);
    let expected = "fmc 1, boot loader 2, tee 3, snp 4, microcode 8, reserved [05, 00, 00, 00]";
    assert_eq!(turin.to_string(), expected);
    let kinds = [VekKind::Vcek, VekKind::Vlek].map(|kind| kind.to_string());
    assert_eq!(kinds, ["VCEK", "VLEK"]);
    assert_eq!(Generation::Turin.to_string(), "Turin");
}
