//! A verdict ends with the first thing that it stands on: a certificate, a list, a document, or a date of the policy.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{
    UnixTime,
    node::{Context, Freshness},
    snp::{Generation, TcbComponents},
};
use sealroom_verifier::{Bulletin, Policy, TcbGrace, Verdict, judge};

use crate::{
    node,
    scene::{NOW, accepts, judged, policy, refuses, snp, snp_trust, tdx, tdx_trust},
};

const SOON: UnixTime = UnixTime(NOW.0 + 100);

#[track_caller]
fn until(verdict: &Verdict) -> UnixTime {
    accepts(verdict);
    verdict.valid_until()
}

#[test]
fn certificates_lists_and_documents_end_it() {
    let on_snp = |chip| until(&judged(snp_trust(&chip, policy("", ""))));
    assert!(on_snp(snp()) > SOON);
    assert_eq!(on_snp(snp().vek(|vek| vek.not_after = SOON.0)), SOON);
    assert_eq!(on_snp(snp().authority(|authority| authority.not_after = SOON.0)), SOON);
    assert_eq!(on_snp(snp().crl(|list| list.next_update = Some(SOON.0))), SOON);
    let on_tdx =
        |chip: sealroom_forge::FakeTdx| until(&judged(tdx_trust(&chip.sign(), policy("", ""))));
    assert!(on_tdx(tdx()) > SOON);
    assert_eq!(on_tdx(tdx().pck(|pck| pck.not_after = SOON.0)), SOON);
    assert_eq!(on_tdx(tdx().pck_crl(|list| list.next_update = Some(SOON.0))), SOON);
    assert_eq!(on_tdx(tdx().tcb_info(|info| info.next_update = SOON.0)), SOON);
    assert_eq!(on_tdx(tdx().qe_identity(|identity| identity.next_update = SOON.0)), SOON);
}

/// What a policy lets pass until a date does not pass after it, though all the evidence still counts.
#[test]
fn a_grace_and_an_exception_end_it_only_where_they_are_needed() {
    let grace = format!("[tdx]\ngrace = {{ statuses = [\"OutOfDate\"], until = \"{SOON}\" }}");
    let behind = tdx().tee_tcb_svn([6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let on_tdx =
        |chip: &sealroom_forge::FakeTdx| judged(tdx_trust(&chip.sign(), policy("", &grace)));
    assert_eq!(until(&on_tdx(&behind)), SOON);
    assert!(until(&on_tdx(&tdx())) > SOON);
    refuses(&judged(tdx_trust(&behind.sign(), policy("", ""))), "tdx.tcb.status");
    let excepted = format!(
        "[danger_exceptions.\"snp.platform.alias_check\"]\nreason = \"ticket\"\nuntil = \"{SOON}\""
    );
    let on_snp = |bits| judged(snp_trust(&snp().platform_info(bits), policy("", &excepted)));
    assert_eq!(until(&on_snp(0)), SOON);
    assert!(until(&on_snp(1 << 5)) > SOON);
}

#[test]
fn documents_that_may_grow_no_older_end_it() {
    let issued = tdx().issued(NOW.0 - 1000, NOW.0 + 9000).sign();
    let age = |most: u64| policy("", &format!("[tdx]\nmaximum_age = {most}"));
    assert_eq!(until(&judged(tdx_trust(&issued, age(1100)))), SOON);
    assert_eq!(until(&judged(tdx_trust(&issued, age(100_000)))), UnixTime(NOW.0 + 9000));
    refuses(&judged(tdx_trust(&issued, age(999))), "tdx.tcb.age");
}

/// A bulletin that is needed ends it; so does one that begins and denies what is accepted now.
#[test]
fn bulletins_end_it() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a seed");
    let public: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 bytes");
    let verdict = |rules: &str, from: UnixTime, until: UnixTime, limits: &str| {
        let text = format!(
            "version = 1\nsequence = 1\nissued = \"{from}\"\nuntil = \"{until}\"\n{limits}\n"
        );
        let sign = |message: &[u8]| pair.sign(message).as_ref().try_into().expect("64 bytes");
        let signed = Bulletin::sign(&text, &public, sign).expect("a bulletin");
        let keys = format!("[bulletins]\n{rules}\nkeys = {{ team = \"{}\" }}", hex::encode(public));
        let (trust, evidence) = snp_trust(&snp(), policy("", &keys));
        judged((trust.with_bulletin(&signed).expect("signed"), evidence))
    };
    let needed = "need = \"required\"";
    assert_eq!(until(&verdict(needed, NOW, SOON, "")), SOON);
    assert_eq!(
        until(&verdict("need = \"required\"\nmaximum_age = 100", NOW, NOW.plus(900), "")),
        SOON
    );
    assert!(until(&verdict("", NOW, SOON, "")) > SOON);
    let floor = "[snp.minimum_tcb.genoa]\nboot_loader = 255\ntee = 0\nsnp = 0\nmicrocode = 0";
    assert_eq!(until(&verdict("", SOON.plus(1), NOW.plus(900), floor)), SOON);
    refuses_floor(&verdict("", NOW, NOW.plus(900), floor));
}

fn refuses_floor(verdict: &Verdict) {
    let failed: Vec<_> = verdict.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(failed.first(), Some(&"snp.tcb.reported"));
}

/// The same on a session: what a prompt may be sealed to ends with its grace.
#[test]
fn a_session_ends_with_the_grace_that_it_stands_on() {
    let ends = node::NOW.plus(100);
    let floor = |boot_loader| TcbComponents {
        fmc: None,
        boot_loader,
        tee: 0,
        snp: 0,
        microcode: 0,
        reserved: [0; 4],
    };
    let session = |least: u8| {
        let graced = move |policy: &mut Policy| {
            policy.freshness = Freshness::Hardware;
            policy.snp.minimum_tcb = [(Generation::Genoa, floor(least))].into();
            let grace = TcbGrace { floor: floor(0), until: ends };
            policy.snp.grace = [(Generation::Genoa, grace)].into();
        };
        let (bundle, trust) = node::Node::default().shown(graced);
        let opened = judge(&bundle, Context::Session(&node::session()), &trust, node::NOW);
        opened.expect("accepted").valid_until()
    };
    assert_eq!(session(255), ends);
    assert_eq!(session(0), node::NOW.plus(3600));
}
