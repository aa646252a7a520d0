//! Evidence of real machines, at the times at which it counts.

use sealroom_attestation::UnixTime;
use sealroom_attestation::tdx::{
    Anchors, Endorsements, EventLogError, PckAuthority, Quote, Revocation, TcbStatus, Tee,
    quote_from_file, replay, verify,
};

use crate::{Verdict, at, check, collateral, failed, quote, tell, vector};

fn endorsements(names: &str) -> Option<Endorsements> {
    let mut endorsements = Endorsements::default();
    for name in names.split(',').filter(|name| !name.is_empty()) {
        let file = String::from_utf8(vector(name)?).expect("text");
        endorsements.extend(Endorsements::from_json(&file).expect("collateral"));
    }
    Some(endorsements)
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
    let table = String::from_utf8(vector("tdx/expected.tsv").unwrap()).unwrap();
    let (mut used, mut absent) = (0, 0);
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, with, time, mode, exit, fails, ..] = columns[..] else {
            panic!("a row of six columns: {row}")
        };
        if mode != "crypto" {
            continue;
        }
        let (Some(file), Some(given)) = (vector(file), endorsements(with)) else {
            absent += 1;
            continue;
        };
        used += 1;
        let quote = quote_from_file(&file).expect("a quote");
        let outcome = verify(&quote, &given, &Anchors::production(), at(time));
        assert_eq!(exit_code(&outcome).to_string(), exit, "{row}: {outcome:?}");
        if fails != "-" {
            assert!(failed(&outcome).contains(&fails), "{row}: {:?}", failed(&outcome));
        }
    }
    tell(&format!("tdx vectors: {used} rows used, {absent} absent"));
    assert!(used >= 6, "the vectors of this repository were found");
}

#[test]
fn a_trust_domain_that_is_up_to_date_says_so() {
    let (quote, given) = (quote("v4_td10_uptodate"), collateral("v4_td10_uptodate"));
    let proven = check(&quote, &given, "2025-07-01T00:00:00Z").expect("a genuine quote");
    let claims = proven.claims();
    let tcb = claims.tcb.as_ref().unwrap();
    assert_eq!((tcb.status, tcb.current), (TcbStatus::UpToDate, None));
    assert!(tcb.advisories.is_empty() && tcb.shortfall.is_empty());
    assert_eq!((tcb.evaluation_number, tcb.qe_evaluation_number), (17, 17));
    let pck = claims.pck.as_ref().unwrap();
    assert_eq!(pck.authority, Some(PckAuthority::Platform));
    assert_eq!(hex::encode(pck.extensions.fmspc.0), "b0c06f000000");
    let configuration = pck.extensions.configuration;
    assert_eq!(configuration.dynamic_platform, Some(true));
    assert_eq!((configuration.cached_keys, configuration.smt), (Some(true), Some(true)));
    assert_eq!((claims.revocation, claims.simulated), (Revocation::Checked, false));
    assert!(claims.evidence_id().is_some());
}

#[test]
fn an_extended_report_says_how_the_td_was_launched_and_how_it_is() {
    let (quote, given) = (quote("v5_td15ex_uptodate"), collateral("v5_td15ex_uptodate"));
    let proven = check(&quote, &given, "2026-10-20T00:00:00Z").expect("a genuine quote");
    let td15 = proven.claims().quote.body.td().unwrap().td15.clone().unwrap();
    let extended = td15.extended.unwrap();
    assert_eq!(td15.tee_tcb_svn2, proven.claims().quote.body.td().unwrap().tee_tcb_svn);
    assert_eq!(extended.vm_id, 0);
    assert_ne!(extended.td_id, [0; 32]);
    let tcb = proven.claims().tcb.clone().unwrap();
    assert_eq!((tcb.status, tcb.current), (TcbStatus::UpToDate, Some(TcbStatus::UpToDate)));
    assert_eq!(tcb.module.map(|level| level.status), Some(TcbStatus::UpToDate));
}

#[test]
fn an_enclave_keeps_its_advisories() {
    let (quote, given) = (quote("v3_sgx"), collateral("v3_sgx"));
    let proven = check(&quote, &given, "2025-07-01T00:00:00Z").expect("a genuine quote");
    let tcb = proven.claims().tcb.as_ref().unwrap();
    assert_eq!(proven.claims().quote.tee, Tee::Sgx);
    assert_eq!(tcb.status, TcbStatus::ConfigurationAndSWHardeningNeeded);
    for advisory in ["INTEL-SA-00289", "INTEL-SA-00615"] {
        assert!(tcb.advisories.iter().any(|known| known == advisory), "{:?}", tcb.advisories);
    }
    assert_eq!(tcb.module, None);
}

#[test]
fn windows_end_with_the_second_that_intel_names() {
    for (name, inside, first, last) in [
        // The PCK authority's list ends before TCB info does.
        (
            "v4_td10_uptodate",
            "2025-07-01T00:00:00Z",
            "2025-06-19T10:32:27Z",
            "2025-07-19T10:00:35Z",
        ),
        (
            "v5_td15ex_uptodate",
            "2026-10-20T00:00:00Z",
            "2026-10-08T00:28:26Z",
            "2026-11-06T23:45:11Z",
        ),
        ("v3_sgx", "2025-07-01T00:00:00Z", "2025-06-19T10:56:11Z", "2025-07-19T10:01:18Z"),
    ] {
        let (quote, given) = (quote(name), collateral(name));
        let verdict = |time: u64| verify(&quote, &given, &Anchors::production(), UnixTime(time));
        let window = verdict(at(inside).0).expect("genuine").claims().validity;
        assert_eq!((window.from, window.until), (at(first), at(last)), "{name}");
        let (from, until) = (window.from.0, window.until.0);
        assert!(verdict(from).is_ok() && verdict(until).is_ok(), "{name}");
        for outside in [from - 1, until + 1] {
            let failed = failed(&verdict(outside));
            assert!(failed.len() == 1 && failed[0].ends_with(".validity"), "{name}: {failed:?}");
        }
    }
}

#[test]
fn a_log_of_a_real_machine_replays_to_its_registers() {
    let names = ["tdx/gcp_cos113_quote.bin", "tdx/gcp_cos113_ccel_data.bin"];
    let [Some(quote), Some(log)] = names.map(vector) else {
        return tell("tdx vectors: gcp_cos113 is absent");
    };
    let quote = Quote::decode(&quote_from_file(&quote).expect("a quote")).expect("a quote");
    let td = quote.body.td().expect("a trust domain");
    let replayed = replay(&log, td).expect("it replays");
    assert_eq!((replayed.events.len(), replayed.rtmr3), (43, true));
    let mut changed = log.clone();
    changed[100] ^= 1;
    assert_eq!(replay(&changed, td), Err(EventLogError::Replay { register: 0 }));
}

#[test]
fn what_is_missing_leaves_the_answer_open() {
    let quote = quote("v4_td10_uptodate");
    let time = "2025-07-01T00:00:00Z";
    let open = check(&quote, &Endorsements::default(), time).expect_err("undecided");
    assert!(open.error.is_undecided() && !open.ledger.has_failed());
    let whole = collateral("v4_td10_uptodate");
    for without in [
        Endorsements { tcb_infos: Vec::new(), ..whole.clone() },
        Endorsements { qe_identities: Vec::new(), ..whole.clone() },
        Endorsements { certificates: Vec::new(), ..whole.clone() },
    ] {
        let open = check(&quote, &without, time).expect_err("undecided");
        assert!(open.error.is_undecided() && !open.ledger.has_failed(), "{:?}", open.ledger);
    }
    let unlisted = Endorsements { crls: Vec::new(), ..whole };
    let proven = check(&quote, &unlisted, time).expect("lists are not needed");
    assert_eq!(proven.claims().revocation, Revocation::NotGiven);
}
