//! Encodings, dates, links, roots and revocation.

use sealroom_attestation::snp::{
    Anchors, ChainError, CrlError, EndorsementError, Endorsements, Revocation, SnpError, VekError,
    verify,
};
use sealroom_attestation::x509::{self, AuthorityError};
use sealroom_attestation::{Outcome, UnixTime, Window};
use sealroom_forge::{FakeSnp, Vendor, pss};

use crate::{ARC, NOW, Verdict, accepts, check, check_at, fake, given, refuses, with_list};

#[test]
pub(crate) fn refuses_endorsements_that_cannot_be_read() {
    let evidence = fake().sign();
    let mut endorsements = given(&evidence);
    endorsements.certificates[0].push(0);
    let reason = x509::DecodeError::Der { field: "the whole structure" };
    let error = EndorsementError::Certificate { index: 0, reason: reason.clone() };
    refuses(check_at(&evidence, &endorsements, NOW), "snp.endorsements.decode", error);
    let mut endorsements = with_list(&evidence);
    endorsements.crls[0].push(0);
    let error = EndorsementError::Crl { index: 0, reason };
    refuses(check_at(&evidence, &endorsements, NOW), "snp.endorsements.decode", error);
    let many = Endorsements { certificates: vec![evidence.root.clone(); 30], ..given(&evidence) };
    let mut many = Endorsements { crls: vec![evidence.crl.clone(); 2], ..many };
    many.certificates.extend(evidence.certificates());
    let error = EndorsementError::TooMany { found: 35, limit: 32 };
    refuses(check_at(&evidence, &many, NOW), "snp.endorsements.decode", error);
}

#[test]
pub(crate) fn refuses_certificates_that_two_readers_could_read_differently() {
    let decode = |reason| EndorsementError::Certificate { index: 0, reason };
    let id = "snp.endorsements.decode";
    let sha256 = fake().vek(|vek| vek.algorithm = rsa_pss_sha256());
    refuses(check(&sha256), id, decode(x509::DecodeError::Algorithm));
    let outside = fake().vek(|vek| vek.outer_algorithm = Some(rsa_pss_sha256()));
    refuses(check(&outside), id, decode(x509::DecodeError::AlgorithmsDiffer));
    let critical = fake().vek(|vek| vek.add("1.2.3.4", true, &[5, 0]));
    refuses(
        check(&critical),
        id,
        decode(x509::DecodeError::Critical { oid: "1.2.3.4".to_owned() }),
    );
    accepts(&fake().vek(|vek| vek.add("1.2.3.4", false, &[5, 0])));
    let version1 = fake().vek(|vek| vek.version = 0);
    refuses(check(&version1), id, decode(x509::DecodeError::Structure { field: "the version" }));
    let hwid = format!("{ARC}.4");
    let twice = fake().vek(move |vek| vek.add(&hwid, false, &[0; 64]));
    refuses(check(&twice), id, decode(x509::DecodeError::Duplicate { oid: format!("{ARC}.4") }));
}

/// RSASSA-PSS with SHA-256: AMD's algorithm with another hash.
fn rsa_pss_sha256() -> Vec<u8> {
    let sha256 = pss("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.1", 32, false);
    assert_eq!(sha256.len(), 0x43);
    sha256
}

#[test]
pub(crate) fn accepts_both_spellings_of_the_algorithm_and_no_other_salt() {
    const SHA384: &str = "2.16.840.1.101.3.4.2.2";
    accepts(&fake().vek(|vek| vek.algorithm = pss(SHA384, SHA384, 48, true)));
    let other_salt = fake().vek(|vek| vek.algorithm = pss(SHA384, SHA384, 32, false));
    let error = EndorsementError::Certificate { index: 0, reason: x509::DecodeError::Algorithm };
    refuses(check(&other_salt), "snp.endorsements.decode", error);
}

#[test]
pub(crate) fn counts_each_window_from_its_first_to_its_last_second() {
    const FROM: u64 = 1_700_000_000;
    const UNTIL: u64 = 1_800_000_000;
    let window = Window { from: UnixTime(FROM), until: UnixTime(UNTIL) };
    let vek = fake().vek(|vek| (vek.not_before, vek.not_after) = (FROM, UNTIL)).sign();
    let authority = fake().authority(|ask| (ask.not_before, ask.not_after) = (FROM, UNTIL)).sign();
    let root = fake().root(|ark| (ark.not_before, ark.not_after) = (FROM, UNTIL)).sign();
    let list = fake().crl(|crl| (crl.this_update, crl.next_update) = (FROM, Some(UNTIL))).sign();
    for evidence in [&vek, &authority, &root, &list] {
        for second in [FROM, UNTIL] {
            let verified = check_at(evidence, &with_list(evidence), UnixTime(second))
                .expect("inside its window");
            assert_eq!(verified.claims().validity, window);
        }
    }
    for now in [UnixTime(FROM - 1), UnixTime(UNTIL + 1)] {
        let named = |name: &str| ChainError::Validity { name: name.to_owned(), window, now };
        refuses(
            check_at(&vek, &given(&vek), now),
            "snp.vek.validity",
            VekError::Validity { window, now },
        );
        refuses(
            check_at(&authority, &given(&authority), now),
            "snp.chain.validity",
            named("SEV-Genoa"),
        );
        refuses(check_at(&root, &given(&root), now), "snp.chain.validity", named("ARK-Genoa"));
        refuses(
            check_at(&list, &with_list(&list), now),
            "snp.crl.validity",
            CrlError::Validity { window, now },
        );
    }
}

#[test]
fn is_undecided_without_the_key_or_the_authority() {
    let evidence = fake().sign();
    for (index, missing) in [(0, "snp.vek.present"), (1, "snp.chain.present")] {
        let mut endorsements = given(&evidence);
        endorsements.certificates.remove(index);
        let refusal = check_at(&evidence, &endorsements, NOW).expect_err("undecided");
        assert_eq!(refusal.error, SnpError::Undecided { missing });
        assert!(refusal.error.is_undecided() && !refusal.ledger.has_failed());
        assert_eq!(refusal.claimed.expect("the report was read").report.version, 5);
    }
}

#[test]
pub(crate) fn refuses_a_root_that_is_not_pinned() {
    let other = fake().other_vendor().sign();
    let anchors = Anchors::production().danger_accept_simulated(fake().sign().root_sha256);
    let error = |sha256| ChainError::RootNotPinned { name: "ARK-Genoa".to_owned(), sha256 };
    let verdict = verify(&other.report, &given(&other), &anchors, NOW);
    refuses(verdict, "snp.chain.root", error(other.root_sha256));
    let verdict = verify(&other.report, &given(&other), &Anchors::production(), NOW);
    refuses(verdict, "snp.chain.root", error(other.root_sha256));
    let accepted = verify(
        &other.report,
        &given(&other),
        &Anchors::production().danger_accept_simulated(other.root_sha256),
        NOW,
    );
    assert!(accepted.expect("under its own root").claims().simulated);
}

#[test]
pub(crate) fn refuses_a_simulated_chain_whose_root_is_left_out() {
    let evidence = fake().sign();
    let mut endorsements = given(&evidence);
    endorsements.certificates.truncate(2);
    let error =
        ChainError::Signature { subject: "SEV-Genoa".to_owned(), issuer: "ARK-Genoa".to_owned() };
    refuses(check_at(&evidence, &endorsements, NOW), "snp.chain.signature", error);
    // AMD has published no root of Venice: a genuine one could be given, and would be trusted by nobody.
    let unknown = fake().authority(|ask| ask.issuer = "ARK-Venice".to_owned());
    let error = ChainError::RootUnknown { name: "ARK-Venice".to_owned() };
    refuses(check(&unknown), "snp.chain.root", error);
}

/// 32 KiB of a host's table can name one list 31 times: it is one list, with one row for each check.
#[test]
fn reads_endorsements_that_were_given_twice_once() {
    let evidence = fake().sign();
    let mut twice = with_list(&evidence);
    twice.certificates.extend(evidence.certificates());
    twice.crls.extend(vec![evidence.crl.clone(); 20]);
    let verified = check_at(&evidence, &twice, NOW).expect("the same, again");
    let once = check_at(&evidence, &with_list(&evidence), NOW).expect("once");
    assert_eq!(verified.claims(), once.claims());
    assert_eq!(verified.ledger().findings().len(), once.ledger().findings().len());
}

/// Names go to terminals and logs: what an attacker wrote in one must not look like the verifier's own words.
#[test]
pub(crate) fn shows_no_name_that_is_not_visible_text() {
    for name in ["ARK\u{1b}[2J", "ARK\naccepted", "ARK\u{202e}", "ARK\u{e9}"] {
        let root = fake().root(move |ark| (ark.subject, ark.issuer) = (name.into(), name.into()));
        let root = root.authority(move |ask| ask.issuer = name.into());
        let evidence = root.sign();
        let verdict = verify(&evidence.report, &given(&evidence), &Anchors::production(), NOW);
        let error = ChainError::RootNotPinned {
            name: "(no single common name)".to_owned(),
            sha256: evidence.root_sha256,
        };
        refuses(verdict, "snp.chain.root", error);
    }
}

#[test]
pub(crate) fn refuses_authorities_without_the_right_to_sign() {
    let error = |name: &str, reason| ChainError::Constraints { name: name.to_owned(), reason };
    let id = "snp.chain.constraints";
    let not_ca = fake().authority(|ask| *ask.extension("2.5.29.19") = vec![0x30, 0]);
    refuses(check(&not_ca), id, error("SEV-Genoa", AuthorityError::NotAnAuthority));
    let usage = fake().authority(|ask| *ask.extension("2.5.29.15") = vec![3, 2, 1, 2]);
    refuses(check(&usage), id, error("SEV-Genoa", AuthorityError::MayNotSign));
    let no_usage = fake().authority(|ask| ask.remove("2.5.29.15"));
    refuses(check(&no_usage), id, error("SEV-Genoa", AuthorityError::NotAnAuthority));
    let loose = fake().authority(|ask| ask.extensions[0].critical = false);
    refuses(check(&loose), id, error("SEV-Genoa", AuthorityError::NotCritical));
    let short = fake().root(|ark| *ark.extension("2.5.29.19") = vec![0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    refuses(
        check(&short),
        id,
        error("ARK-Genoa", AuthorityError::TooDeep { allowed: 0, found: 1 }),
    );
    accepts(&fake().root(|ark| *ark.extension("2.5.29.19") = vec![0x30, 6, 1, 1, 0xff, 2, 1, 1]));
}

#[test]
pub(crate) fn refuses_links_that_do_not_hold() {
    let error = |subject: &str, issuer: &str| ChainError::Signature {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
    };
    let id = "snp.chain.signature";
    let key = fake().vek(|vek| vek.broken_signature = true);
    refuses(check(&key), id, error("SEV-VCEK", "SEV-Genoa"));
    let authority = fake().authority(|ask| ask.broken_signature = true);
    refuses(check(&authority), id, error("SEV-Genoa", "ARK-Genoa"));
    let stranger = fake().vek(|vek| vek.signer.0 = Vendor::Two);
    refuses(check(&stranger), id, error("SEV-VCEK", "SEV-Genoa"));
    let refusal = check(&key).expect_err("a refusal");
    let last = refusal.ledger.findings().last().expect("rows");
    assert_eq!((last.check.id, last.outcome), ("snp.report.signature", Outcome::Missing));
}

#[test]
pub(crate) fn refuses_revoked_certificates_and_lists_that_do_not_count() {
    let accepted = list(fake()).expect("an empty list");
    assert_eq!(accepted.claims().revocation, Revocation::Checked);
    let others = list(fake().crl(|crl| crl.revoked = vec![vec![1], vec![0xff; 8]]));
    assert_eq!(others.expect("other serials").claims().revocation, Revocation::Checked);
    let revoked = |name: &str| CrlError::Revoked { name: name.to_owned() };
    let seven =
        fake().authority(|ask| ask.serial = vec![7]).crl(|crl| crl.revoked = vec![vec![0, 7]]);
    refuses(list(seven), "snp.crl.revoked", revoked("SEV-Genoa"));
    // The sign byte of an INTEGER is not part of the number.
    let high =
        fake().authority(|ask| ask.serial = vec![0x80]).crl(|crl| crl.revoked = vec![vec![0x80]]);
    refuses(list(high), "snp.crl.revoked", revoked("SEV-Genoa"));
    let provider = fake()
        .vlek()
        .authority(|asvk| asvk.serial = vec![7])
        .crl(|crl| crl.revoked = vec![vec![7]]);
    refuses(list(provider), "snp.crl.revoked", revoked("SEV-VLEK-Genoa"));
    let key = fake().vek(|vek| vek.serial = vec![9, 9]).crl(|crl| crl.revoked = vec![vec![9, 9]]);
    refuses(list(key), "snp.crl.revoked", revoked("SEV-VCEK"));
    // Every real VCEK and VLEK has the serial 0, and so have the forge's.
    for machine in [fake(), fake().vlek()] {
        let refusal = list(machine.crl(|crl| crl.revoked = vec![vec![0]]));
        let failed = refusal.expect_err("all keys").ledger;
        assert_eq!(
            failed.failed().map(|row| row.check.id).collect::<Vec<_>>(),
            ["snp.crl.revoked"]
        );
    }
    let stranger = fake().crl(|crl| crl.signer.0 = Vendor::Two);
    refuses(list(stranger), "snp.crl.signature", CrlError::Signature);
    let (found, expected) = ("ARK-Milan".to_owned(), "ARK-Genoa".to_owned());
    let issuer = fake().crl(|crl| crl.issuer = "ARK-Milan".to_owned());
    refuses(list(issuer), "snp.crl.issuer", CrlError::Issuer { found, expected });
    let reason = AuthorityError::MayNotRevoke;
    let usage = fake().root(|ark| *ark.extension("2.5.29.15") = vec![3, 2, 2, 4]);
    refuses(list(usage), "snp.crl.issuer", CrlError::Constraints { reason });
}

#[test]
pub(crate) fn refuses_lists_that_cover_less_or_never_end() {
    let error = |reason| EndorsementError::Crl { index: 0, reason };
    let endless = fake().crl(|crl| crl.next_update = None);
    let reason = x509::DecodeError::Structure { field: "nextUpdate" };
    refuses(list(endless), "snp.endorsements.decode", error(reason));
    let partial = fake().crl(|crl| crl.critical_extension = Some("2.5.29.28".to_owned()));
    let reason = x509::DecodeError::Critical { oid: "2.5.29.28".to_owned() };
    refuses(list(partial), "snp.endorsements.decode", error(reason));
}

/// With the list of the machine's root.
fn list(fake: FakeSnp) -> Verdict {
    let evidence = fake.sign();
    check_at(&evidence, &with_list(&evidence), NOW)
}
