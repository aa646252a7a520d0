//! What the report itself says, and how it is signed.

use std::collections::BTreeSet;

use sealroom_attestation::snp::{Chip, DecodeError, Endorsements, ReportError, Revocation};
use sealroom_attestation::transcript::Transcript;
use sealroom_attestation::x509::Certificate;
use sealroom_attestation::{Outcome, snp};
use sealroom_forge::{Fake, FakeSnp, Generation, SnpEvidence};

use crate::{NOW, accepts, check, check_at, fake, given, refuses, with_list};

#[test]
fn accepts_every_generation_version_and_kind_of_key() {
    for generation in [Generation::Milan, Generation::Genoa, Generation::Turin, Generation::Venice]
    {
        for version in [2, 3, 4, 5] {
            for fake in [fake(), fake().vlek(), fake().masked_chip_id()] {
                let claims = accepts(&fake.generation(generation).version(version));
                assert!(claims.simulated, "whatever a simulated root anchors is simulated");
                assert_eq!(
                    claims.generation.map(|found| found.name().to_owned()),
                    Some(generation.to_string())
                );
                assert_eq!(
                    (claims.report.version, claims.report.cpuid.is_some()),
                    (version, version > 2)
                );
                assert_eq!(claims.revocation, Revocation::NotGiven);
            }
        }
    }
}

#[test]
fn says_which_chip_as_far_as_it_is_known() {
    let chip = fake().chip_id();
    assert_eq!(accepts(&fake()).chip(), Chip::Bound(&chip));
    assert_eq!(accepts(&fake().masked_chip_id()).chip(), Chip::Bound(&chip));
    assert_eq!(accepts(&fake().vlek()).chip(), Chip::Unknown);
    assert_eq!(accepts(&fake().vlek().field(0x1a0, &chip)).chip(), Chip::Stated(&chip));
    let turin = fake().generation(Generation::Turin);
    assert_eq!(accepts(&turin).chip(), Chip::Bound(&turin.chip_id()[..8]));
}

#[test]
fn a_passed_ledger_has_every_needed_check_once_and_nothing_missing() {
    let evidence = fake().sign();
    let verified = check_at(&evidence, &with_list(&evidence), NOW).unwrap();
    let rows = verified.ledger().findings();
    assert!(rows.iter().all(|row| row.outcome == Outcome::Pass));
    let ids: BTreeSet<_> = rows.iter().map(|row| row.check.id).collect();
    assert_eq!(ids, snp::NEEDED.iter().chain(snp::REVOCATION).map(|check| check.id).collect());
    assert_eq!(ids.len(), rows.len());
}

#[test]
pub(crate) fn refuses_another_length_and_another_version() {
    let mut evidence = fake().sign();
    evidence.report.push(0);
    let found = DecodeError::Length { found: 1185 };
    refuses(check_at(&evidence, &given(&evidence), NOW), "snp.report.length", found);
    for found in [0, 1, 6] {
        refuses(
            check(&fake().version(found)),
            "snp.report.version",
            DecodeError::Version { found },
        );
    }
}

#[test]
pub(crate) fn refuses_another_signature_algorithm() {
    let fake = fake().field(0x34, &[2]);
    refuses(check(&fake), "snp.report.algorithm", ReportError::Algorithm { found: 2 });
}

#[test]
pub(crate) fn refuses_a_report_that_the_firmware_did_not_sign() {
    refuses(check(&fake().field(0x48, &[2])), "snp.report.signer", ReportError::NotSigned);
    accepts(&fake().field(0x48, &[1]));
    for (bits, error) in
        [(7 << 2, ReportError::NotSigned), (3 << 2, ReportError::SigningKey { found: 3 })]
    {
        let refusal = check(&fake().field(0x48, &[bits])).expect_err("a refusal");
        let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
        assert_eq!(
            (failed, refusal.error),
            (vec!["snp.report.signer", "snp.vek.kind"], error.into())
        );
    }
}

#[test]
pub(crate) fn refuses_a_processor_of_another_generation() {
    let cpuid = |family, model| snp::Cpuid { family, model, stepping: 1 };
    for (family, model) in [(0x19, 0x01), (0x1a, 0x02), (0x19, 0x20), (0, 0)] {
        let found = cpuid(family, model);
        let error = ReportError::Cpuid { found, root: snp::Generation::Genoa };
        refuses(check(&fake().field(0x188, &[family, model])), "snp.product.cpuid", error);
    }
    for model in [0x10, 0x1f, 0xa0, 0xaf] {
        accepts(&fake().field(0x189, &[model]));
    }
}

#[test]
pub(crate) fn refuses_a_report_with_a_false_signature() {
    refuses(check(&fake().tamper(0x50, &[1])), "snp.report.signature", ReportError::Signature);
    refuses(
        check(&fake().tamper(0x2a0 + 60, &[1])),
        "snp.report.signature",
        ReportError::SignatureEncoding,
    );
    let zero = fake().tamper(0x2a0, &[0; 144]);
    refuses(check(&zero), "snp.report.signature", ReportError::Signature);
    let mut evidence = fake().sign();
    evidence.report = Fake::snp([8; 32]).field(0x1a0, &fake().chip_id()).sign().report;
    refuses(
        check_at(&evidence, &given(&evidence), NOW),
        "snp.report.signature",
        ReportError::Signature,
    );
}

#[test]
fn the_table_of_a_machine_holds_what_verifies_it() {
    for fake in [fake(), fake().vlek()] {
        let evidence = fake.sign();
        let from_table = Endorsements::from_table(&evidence.table).expect("a table");
        assert_eq!(from_table, given(&evidence));
        let mut file = Endorsements::default();
        file.add_file(&evidence.table).expect("a file");
        file.add_file(&evidence.crl).expect("a list");
        assert_eq!(
            check_at(&evidence, &file, NOW).expect("genuine").claims().revocation,
            Revocation::Checked
        );
    }
}

#[test]
fn finds_the_right_certificates_among_many() {
    let (mine, other) = (fake().sign(), Fake::snp([8; 32]).sign());
    let mut mixed = given(&other);
    mixed.extend(given(&mine));
    mixed.extend(given(&fake().vlek().sign()));
    mixed.certificates.extend(fake().other_vendor().sign().certificates());
    let verified = check_at(&mine, &mixed, NOW).expect("mine is among them");
    assert_eq!(
        verified.claims().vek.as_ref().map(|vek| vek.hwid.as_deref()),
        Some(Some(&fake().chip_id()[..]))
    );
}

#[test]
fn names_evidence_by_what_was_signed_and_by_whom() {
    let name = |fake: FakeSnp| accepts(&fake).evidence_id().expect("verified evidence has a name");
    assert_eq!(name(fake()), name(fake()));
    assert_ne!(name(fake()), name(fake().report_data([1; 64])));
    let transcript = |evidence: &SnpEvidence| {
        let spki = Certificate::decode(&evidence.vek).unwrap().key.sha256;
        Transcript::new("sealroom/1 evidence")
            .part(&[1])
            .part(&evidence.report[..0x2a0])
            .part(&spki)
            .sha256()
    };
    assert_eq!(name(fake()), transcript(&fake().sign()));
}

#[test]
fn endorsements_count_the_same_whether_they_were_given_or_brought() {
    let evidence = fake().sign();
    let (all, anchors) = (with_list(&evidence), snp::Anchors::production());
    let anchors = anchors.danger_accept_simulated(evidence.root_sha256);
    let given = check_at(&evidence, &all, NOW);
    let known = snp::Known::new(&Endorsements::default(), anchors.clone());
    assert_eq!(known.verify(&evidence.report, &all, NOW), given);
    let fixed =
        Endorsements { certificates: all.certificates[1..].to_vec(), crls: all.crls.clone() };
    let leaf = Endorsements { certificates: vec![evidence.vek.clone()], crls: Vec::new() };
    let known = snp::Known::new(&fixed, anchors);
    let brought = known.verify(&evidence.report, &leaf, NOW);
    assert_eq!(brought, given);
    known
        .verify(&evidence.report, &Endorsements::default(), NOW)
        .expect_err("no key is remembered");
}
