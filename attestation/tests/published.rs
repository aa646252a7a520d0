//! What vendors publish, verified without any evidence: each statement alone, each refusal by its check.

use sealroom_attestation::{
    Ledger, Outcome, UnixTime,
    claims::Finding,
    endorsements::{Anchors, Endorsements},
    snp::{self, VekKind},
    tdx::{self, PckAuthority, Tee},
};
use sealroom_forge::{Fake, FakeSnp, FakeTdx};

const NOW: UnixTime = UnixTime(1_790_000_000);
const SEED: [u8; 32] = [3; 32];

fn given(files: &[&[u8]]) -> Endorsements {
    let mut given = Endorsements::default();
    for file in files {
        given.add_file(file).expect("an endorsement");
    }
    given
}

fn first_failure(ledger: &Ledger) -> &'static str {
    let rows = ledger.findings().iter();
    let against = |row: &&Finding| matches!(row.outcome, Outcome::Fail | Outcome::Missing);
    rows.clone().find(against).map(|row| row.check.id).expect("a refusal")
}

fn amd(chip: &FakeSnp) -> Result<Vec<snp::Published>, &'static str> {
    let signed = chip.sign();
    let files = [&*signed.vek, &signed.authority, &signed.root, &signed.crl];
    let root = Fake::snp(SEED).sign().root_sha256;
    let anchors = Anchors::production().danger_accept_simulated(root);
    match snp::published(&given(&files).snp, &anchors.snp, NOW) {
        Ok(verified) => Ok(verified.claims().clone()),
        Err(refusal) => Err(first_failure(&refusal.ledger)),
    }
}

fn intel(platform: &FakeTdx) -> Result<Vec<tdx::Published>, &'static str> {
    let signed = platform.sign();
    let root = Fake::tdx(SEED).sign().root_sha256;
    let anchors = Anchors::production().danger_accept_simulated(root);
    let given = given(&[signed.collateral_json().as_bytes()]);
    match tdx::published(&given.tdx, &anchors.tdx, NOW) {
        Ok(verified) => Ok(verified.claims().clone()),
        Err(refusal) => Err(first_failure(&refusal.ledger)),
    }
}

#[test]
fn amds_key_authority_and_list_count_each_by_itself() {
    let chip = Fake::snp(SEED);
    let found = amd(&chip).expect("genuine");
    let [key, authority, list] = &found[..] else { panic!("{found:?}") };
    let snp::Published::Key { hwid, tcb, .. } = key else { panic!("{key:?}") };
    assert_eq!(hwid.as_deref(), Some(&chip.chip_id()[..]));
    assert_eq!(tcb, &snp::Report::decode(&chip.sign().report).expect("a report").reported_tcb);
    let snp::Published::Authority { kind, .. } = authority else { panic!("{authority:?}") };
    assert_eq!(*kind, VekKind::Vcek);
    let snp::Published::List { crl, .. } = list else { panic!("{list:?}") };
    assert_eq!(crl.number, Some(vec![1]));
}

/// Nothing that came along may later stand where a genuine certificate of its name should.
#[test]
fn certificates_beside_intels_statements_are_intels_too() {
    let (signed, other) = (Fake::tdx(SEED).sign(), Fake::tdx([4; 32]).other_vendor().sign());
    let anchors = Anchors::production().danger_accept_simulated(signed.root_sha256);
    let given = given(&[signed.collateral_json().as_bytes()]);
    assert_eq!(tdx::published(&given.tdx, &anchors.tdx, NOW).map(|all| all.claims().len()), Ok(4));
    for passenger in other.certificates() {
        let mut given = given.clone();
        given.add_file(&passenger).expect("a certificate");
        let refusal = tdx::published(&given.tdx, &anchors.tdx, NOW).expect_err("nobody's");
        let found = first_failure(&refusal.ledger);
        assert!(["tdx.pck.root", "tdx.pck.signature"].contains(&found), "{found}");
    }
}

/// A list outlives its root, and a document its signer: neither counts alone.
#[test]
fn statements_end_with_whoever_signed_them() {
    let end = NOW.0 + 60;
    let soon = move |spec: &mut sealroom_forge::CertificateSpec| spec.not_after = end;
    let found = amd(&Fake::snp(SEED).authority(soon)).expect("genuine");
    let ends = found.iter().map(|one| match one {
        snp::Published::Authority { validity, .. } | snp::Published::Key { validity, .. } => {
            validity.until.0 == end
        }
        snp::Published::List { validity, crl, .. } => *validity == crl.validity,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [true; 3]);
    let found = intel(&Fake::tdx(SEED).tcb_signer(soon)).expect("genuine");
    for one in &found {
        match one {
            tdx::Published::List { crl, validity, .. } => assert_eq!(*validity, crl.validity),
            tdx::Published::TcbInfo { edition, .. }
            | tdx::Published::QeIdentity { edition, .. } => {
                assert_eq!(edition.validity.until.0, end);
            }
        }
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn amds_statements_are_refused_each_by_its_check() {
    let chip = || Fake::snp(SEED);
    let past = |spec: &mut sealroom_forge::CertificateSpec| spec.not_after = NOW.0 - 1;
    let broken = |spec: &mut sealroom_forge::CertificateSpec| spec.broken_signature = true;
    for (changed, check) in [
        (chip().vek(past), "snp.vek.validity"),
        (chip().vek(broken), "snp.chain.signature"),
        (chip().vek(|spec| spec.remove("1.3.6.1.4.1.3704.1.1")), "snp.vek.extensions"),
        (chip().vek(|spec| spec.subject = "SEV-VLEK".to_owned()), "snp.vek.kind"),
        (chip().authority(past), "snp.chain.validity"),
        (chip().authority(broken), "snp.chain.signature"),
        (Fake::snp([4; 32]), "snp.chain.root"),
        (chip().crl(|spec| spec.next_update = Some(NOW.0 - 1)), "snp.crl.validity"),
        (chip().crl(|spec| spec.issuer = "ARK-Nobody".to_owned()), "snp.crl.issuer"),
    ] {
        assert_eq!(amd(&changed).err(), Some(check));
    }
    assert_eq!(amd(&chip()).map(|found| found.len()), Ok(3));
}

#[test]
fn a_list_of_amds_with_one_changed_byte_is_refused_by_its_signature() {
    let signed = Fake::snp(SEED).sign();
    let anchors = Anchors::production().danger_accept_simulated(signed.root_sha256);
    let check = |crl: Vec<u8>| {
        let lists = snp::Endorsements { certificates: vec![signed.root.clone()], crls: vec![crl] };
        snp::published(&lists, &anchors.snp, NOW)
    };
    assert_eq!(check(signed.crl.clone()).expect("genuine").claims().len(), 1);
    let mut changed = signed.crl.clone();
    *changed.last_mut().expect("a signature") ^= 1;
    let refusal = check(changed).expect_err("another signature");
    assert_eq!(first_failure(&refusal.ledger), "snp.crl.signature");
}

#[test]
fn amds_own_published_chain_counts_without_being_given_a_root() {
    let chain = include_bytes!("../testdata/roots/amd_genoa_ask_ark_asvk.pem");
    let key = include_bytes!("../testdata/snp/genoa_v2_vcek.der");
    let given = given(&[chain, key]);
    let found = snp::published(&given.snp, &Anchors::production().snp, NOW).expect("AMD's");
    assert_eq!(found.claims().len(), 3);
    let alone = snp::Endorsements { certificates: vec![key.to_vec()], crls: Vec::new() };
    let refusal = snp::published(&alone, &Anchors::production().snp, NOW).expect_err("no chain");
    assert_eq!(first_failure(&refusal.ledger), "snp.chain.present");
}

#[test]
fn intels_lists_and_documents_count_each_by_itself() {
    let platform = Fake::tdx(SEED);
    let found = intel(&platform).expect("genuine");
    let [root, authority, info, identity] = &found[..] else { panic!("{found:?}") };
    assert!(matches!(root, tdx::Published::List { authority: None, .. }));
    let platforms = Some(PckAuthority::Platform);
    assert!(matches!(authority, tdx::Published::List { authority, .. } if *authority == platforms));
    assert!(matches!(info, tdx::Published::TcbInfo { tee: Tee::Tdx, .. }), "{info:?}");
    assert!(matches!(identity, tdx::Published::QeIdentity { tee: Tee::Tdx, .. }), "{identity:?}");
}

#[test]
fn intels_statements_are_refused_each_by_its_check() {
    let platform = || Fake::tdx(SEED);
    let past = |spec: &mut sealroom_forge::CertificateSpec| spec.not_after = NOW.0 - 1;
    let broken = |spec: &mut sealroom_forge::CertificateSpec| spec.broken_signature = true;
    for (changed, check) in [
        (platform().tcb_signer(past), "tdx.signer.validity"),
        (platform().tcb_signer(broken), "tdx.signer.signature"),
        (platform().tcb_signer(|spec| spec.subject = "Nobody".to_owned()), "tdx.signer.present"),
        (platform().authority(broken), "tdx.pck.signature"),
        (Fake::tdx([4; 32]), "tdx.crl.root.signature"),
        (platform().root_crl(|spec| spec.next_update = Some(NOW.0 - 1)), "tdx.crl.root.validity"),
        (platform().root_crl(|spec| spec.seed = [4; 32]), "tdx.crl.root.signature"),
        (platform().pck_crl(|spec| spec.seed = [4; 32]), "tdx.crl.pck.signature"),
        (platform().pck_crl(|spec| spec.issuer = "Nobody".to_owned()), "tdx.crl.issuer"),
        (
            platform().tcb_info(|spec| spec.signing.broken_signature = true),
            "tdx.tcb_info.signature",
        ),
        (
            platform().qe_identity(|spec| spec.signing.broken_signature = true),
            "tdx.qe_identity.signature",
        ),
    ] {
        assert_eq!(intel(&changed).err(), Some(check));
    }
    assert_eq!(intel(&platform()).map(|found| found.len()), Ok(4));
}

#[test]
fn intels_real_collateral_counts_at_its_own_time() {
    let file = include_bytes!("../testdata/tdx/v4_td10_uptodate_collateral.json");
    let given = given(&[file]);
    let at = UnixTime::from_rfc3339("2025-07-01T00:00:00Z").expect("a time");
    let found = tdx::published(&given.tdx, &Anchors::production().tdx, at).expect("Intel's");
    assert_eq!(found.claims().len(), 4);
    let late = tdx::published(&given.tdx, &Anchors::production().tdx, NOW).expect_err("ended");
    assert!(late.claimed.expect("what counts all the same").is_empty());
}
