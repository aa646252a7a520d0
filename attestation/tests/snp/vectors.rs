//! Evidence of real machines, at the times at which it counts, and with every signed byte changed.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read vectors from files; the crate itself reads nothing"
)]

use std::io::Write;
use std::path::PathBuf;

use sealroom_attestation::UnixTime;
use sealroom_attestation::snp::{
    Anchors, Endorsements, Generation, Report, ReportError, SIGNED_LENGTH, SnpClaims, SnpError,
    VekKind, report_from_file, verify,
};

use crate::Verdict;

/// The bytes of a vector: from this repository, else from the folder of those that cannot be in it.
fn vector(name: &str) -> Option<Vec<u8>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = [Some(own), std::env::var("SEALROOM_VECTORS").ok().map(PathBuf::from)];
    folders.into_iter().flatten().find_map(|folder| std::fs::read(folder.join(name)).ok())
}

fn endorsements(names: &[&str]) -> Option<Endorsements> {
    let mut endorsements = Endorsements::default();
    for name in names {
        endorsements.add_file(&vector(name)?).expect("a file of endorsements");
    }
    Some(endorsements)
}

/// Seconds of `YYYY-MM-DDThh:mm:ssZ`, by counting: the crate only writes dates.
fn unix(text: &str) -> UnixTime {
    let numbers: Vec<u64> = text
        .split(['-', 'T', ':', 'Z'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().expect("a number"))
        .collect();
    let start_of_day = format!("{}T00:00:00Z", &text[..10]);
    let days = (0..60_000_u64)
        .find(|day| UnixTime(day * 86_400).to_string() == start_of_day)
        .expect("a date");
    UnixTime(days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5])
}

fn failed(outcome: &Verdict) -> Vec<&'static str> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.ledger.failed().map(|row| row.check.id).collect(),
    }
}

fn exit_code(outcome: &Verdict) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(refusal) if refusal.error.is_undecided() => 2,
        Err(_) => 1,
    }
}

#[test]
fn every_row_of_the_table_ends_as_it_says() {
    let table = String::from_utf8(vector("snp/expected.tsv").unwrap()).unwrap();
    let (mut used, mut absent) = (0, 0);
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, with, at, mode, exit, fails, ..] = columns[..] else {
            panic!("a row of six columns: {row}")
        };
        if mode != "crypto" {
            continue;
        }
        let with: Vec<&str> = with.split(',').collect();
        let (Some(report), Some(endorsements)) = (vector(file), endorsements(&with)) else {
            absent += 1;
            continue;
        };
        used += 1;
        let report = report_from_file(&report).expect("a report");
        let outcome = verify(&report, &endorsements, &Anchors::production(), unix(at));
        assert_eq!(exit_code(&outcome).to_string(), exit, "{row}: {outcome:?}");
        if fails != "-" {
            assert!(failed(&outcome).contains(&fails), "{row}: {:?}", failed(&outcome));
        }
    }
    tell(&format!("snp vectors: {used} rows used, {absent} absent"));
    assert!(used >= 5, "the vectors of this repository were found");
}

/// Straight to the stream: the test runner would keep what `println!` writes.
fn tell(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error");
}

struct Genuine {
    report: Vec<u8>,
    endorsements: Endorsements,
    now: UnixTime,
}

fn genuine(report: &str, with: &[&str], at: &str) -> Option<Genuine> {
    let report = report_from_file(&vector(report)?)?;
    Some(Genuine { report, endorsements: endorsements(with)?, now: unix(at) })
}

fn genoa() -> Genuine {
    let with = ["snp/genoa_v2_vcek.der", "roots/amd_genoa_ask_ark_asvk.pem"];
    genuine("snp/genoa_v2_report.bin", &with, "2026-06-01T00:00:00Z").expect("in this repository")
}

/// What a genuine report says.
pub(crate) fn genoa_claims() -> SnpClaims {
    genoa().verify().expect("genuine").claims().clone()
}

fn turin() -> Option<Genuine> {
    let with = ["snp/turin_v5_vcek.pem", "roots/amd_turin_ask_ark_asvk.pem"];
    let turin = genuine("snp/turin_v5_report.bin", &with, "2026-06-01T00:00:00Z");
    tell(if turin.is_some() { "snp/turin_v5: used" } else { "snp/turin_v5: absent" });
    turin
}

impl Genuine {
    fn verify(&self) -> Verdict {
        verify(&self.report, &self.endorsements, &Anchors::production(), self.now)
    }

    fn error(&self) -> SnpError {
        self.verify().expect_err("a refusal").error
    }
}

#[test]
fn says_what_a_genuine_genoa_says() {
    let outcome = genoa().verify().unwrap();
    let claims = outcome.claims();
    assert_eq!(
        (claims.generation, claims.report.vmpl, claims.simulated),
        (Some(Generation::Genoa), 1, false)
    );
    let vek = claims.vek.as_ref().unwrap();
    assert_eq!(
        (vek.kind, vek.product_name.as_str(), vek.serial.as_slice()),
        (VekKind::Vcek, "Genoa", &[][..])
    );
    assert_eq!(vek.hwid.as_deref(), Some(&claims.report.chip_id.0[..]));
    assert_eq!(
        (claims.validity.from, claims.validity.until),
        (unix("2023-09-19T00:51:30Z"), unix("2030-09-19T00:51:30Z"),)
    );
    assert!(outcome.ledger().findings().len() >= 20);
}

#[test]
fn says_what_a_genuine_turin_says() {
    let Some(turin) = turin() else { return };
    let outcome = turin.verify().unwrap();
    let claims = outcome.claims();
    let tcb = claims.report.reported_tcb.components(Generation::Turin);
    assert_eq!(
        (tcb.fmc, tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode),
        (Some(1), 1, 1, 4, 0x51)
    );
    assert_eq!(claims.vek.as_ref().unwrap().hwid.as_deref(), Some(&claims.report.chip_id.0[..8]));
    assert_eq!(
        (claims.report.launch_mitigations, claims.report.current_mitigations),
        (Some(0x3f), Some(0x3f))
    );
    assert_eq!(claims.report.platform_info.unknown_bits(), 0x40);
    assert_eq!(claims.report.reserved_set, [0_u16; 0]);
}

/// Every check that fails is named; which one it is depends on the field, but no changed byte is accepted.
fn refuses_every_signed_byte(mut genuine: Genuine) {
    genuine.verify().expect("genuine as it stands");
    let original = genuine.report.clone();
    for offset in 0..SIGNED_LENGTH {
        genuine.report[offset] ^= 1 << (offset % 8);
        let outcome = genuine.verify();
        assert_eq!(exit_code(&outcome), 1, "byte {offset:#x}: {outcome:?}");
        let unreadable = Report::decode(&genuine.report).is_err();
        assert!(offset < 4 || !unreadable, "byte {offset:#x}");
        let expected = if unreadable { "snp.report.version" } else { "snp.report.signature" };
        assert!(failed(&outcome).contains(&expected), "byte {offset:#x}: {outcome:?}");
        genuine.report.clone_from(&original);
    }
}

#[test]
fn refuses_a_genoa_report_with_any_signed_byte_changed() {
    refuses_every_signed_byte(genoa());
}

#[test]
fn refuses_a_turin_report_with_any_signed_byte_changed() {
    if let Some(turin) = turin() {
        refuses_every_signed_byte(turin);
    }
}

#[test]
fn refuses_a_report_with_any_byte_of_its_signature_changed() {
    let mut genuine = genoa();
    for offset in SIGNED_LENGTH..genuine.report.len() {
        genuine.report[offset] ^= 0x80;
        let number = (offset - SIGNED_LENGTH) % 72 < 48 && offset < SIGNED_LENGTH + 144;
        let expected = if number { ReportError::Signature } else { ReportError::SignatureEncoding };
        assert_eq!(genuine.error(), expected.into(), "byte {offset:#x}");
        genuine.report[offset] ^= 0x80;
    }
}

#[test]
fn refuses_a_certificate_with_any_byte_changed() {
    let mut genuine = genoa();
    let mut refused = 0;
    for index in 0..genuine.endorsements.certificates[0].len() {
        genuine.endorsements.certificates[0][index] ^= 1;
        assert_ne!(exit_code(&genuine.verify()), 0, "byte {index} of the VCEK");
        genuine.endorsements.certificates[0][index] ^= 1;
        refused += 1;
    }
    assert_eq!(refused, 1357);
}

#[test]
fn the_ark_need_not_be_given_but_the_others_must() {
    let mut genuine = genoa();
    let all = genuine.endorsements.certificates.clone();
    let [vcek, ask, _ark, _asvk] = &all[..] else { panic!("four certificates") };
    genuine.endorsements.certificates = vec![vcek.clone(), ask.clone()];
    assert_eq!(exit_code(&genuine.verify()), 0);
    genuine.endorsements.certificates = vec![vcek.clone()];
    assert_eq!(genuine.error(), SnpError::Undecided { missing: "snp.chain.present" });
    genuine.endorsements.certificates = vec![ask.clone()];
    assert_eq!(genuine.error(), SnpError::Undecided { missing: "snp.vek.present" });
}

#[test]
fn another_chips_certificates_fail_by_chip_and_by_signature() {
    let hcl = vector("snp/azure_hcl_milan_v2.bin").unwrap();
    let report = hcl[0x20..0x20 + 1184].to_vec();
    let endorsements = endorsements(&["snp/azure_hcl_wrong_chip_certs.pem"]).unwrap();
    let outcome = Genuine { report, endorsements, now: unix("2023-06-01T00:00:00Z") }.verify();
    let ids = failed(&outcome);
    assert!(ids.contains(&"snp.vek.hwid") && ids.contains(&"snp.report.signature"), "{ids:?}");
}

#[test]
fn flipping_what_nobody_signed_does_not_rename_the_evidence() {
    let genuine = genoa();
    let name = genuine.verify().unwrap().claims().evidence_id();
    let mut other = genoa();
    other.report[0x2a0] ^= 1;
    assert_eq!(other.verify().unwrap_err().claimed.unwrap().evidence_id(), name);
    other.report[0x50] ^= 1;
    assert_ne!(other.verify().unwrap_err().claimed.unwrap().evidence_id(), name);
}
