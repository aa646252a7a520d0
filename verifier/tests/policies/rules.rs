//! Rules above the platforms': exceptions, hosts, bulletins, lifetimes, event logs, and a policy as a list of rules.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{
    Ledger, Outcome, UnixTime,
    node::{Freshness, HardwareClaims},
    tdx,
};
use sealroom_forge::{
    FakeSnp, FakeTdx,
    tdx::{Event, encode_event_log},
};
use sealroom_verifier::{
    Appraiser, Bulletin, BulletinError, Claims, Decision, Policy, PolicyError, Standing, Verdict,
    report,
};

use crate::scene::{IMAGE, NOW, Scene, accepted, refused, snp_chip, tdx_chip};

/// Version 1, an auditor's, with the image pinned.
const HEAD: &str = "version = 1\nfreshness = \"none\"\n";

fn pinned() -> String {
    let digits = hex::encode(IMAGE);
    format!(
        "[snp.measurements]\nimage = \"{digits}\"\n[tdx.images.image]\nmrtd = \"{digits}\"\n\
         [tdx]\nminimum_evaluation = 0\n"
    )
}

/// Keys before the first table, then tables.
fn policy(keys: &str, tables: &str) -> Policy {
    let pinned = pinned();
    let text = if tables.contains("[tdx]") {
        let only_pins = pinned.replace("[tdx]\nminimum_evaluation = 0\n", "");
        format!("{HEAD}{keys}\n{only_pins}{tables}")
    } else {
        format!("{HEAD}{keys}\n{pinned}{tables}")
    };
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn on_snp(chip: &FakeSnp, policy: Policy) -> Verdict {
    Scene::snp(chip).judged(policy)
}

fn on_tdx(chip: &FakeTdx, policy: Policy) -> Verdict {
    Scene::tdx(chip).judged(policy)
}

#[test]
fn a_platform_that_is_not_named_is_refused() {
    let only = |name| policy(&format!("platforms = [\"{name}\"]"), "");
    accepted(&on_snp(&snp_chip(), only("snp")));
    assert_eq!(refused(&on_snp(&snp_chip(), only("tdx"))), "policy.platform");
    accepted(&on_tdx(&tdx_chip(), only("tdx")));
    assert_eq!(refused(&on_tdx(&tdx_chip(), only("snp"))), "policy.platform");
}

#[test]
fn who_can_touch_the_machine_is_known_by_its_chip_alone() {
    let verdict = on_snp(&snp_chip(), policy("", ""));
    let Some(Claims::Bare(HardwareClaims::Snp(claims))) = &verdict.claims else { panic!() };
    let chip = hex::encode(claims.vek.as_ref().and_then(|vek| vek.hwid.clone()).expect("a chip"));
    let host = |tier: &str, chip: &str| {
        format!("[hosts.\"rack 7\"]\nphysical = \"{tier}\"\nchips = [\"{chip}\"]\n")
    };
    let least = "minimum_physical = \"audited\"";
    for tier in ["audited", "own"] {
        accepted(&on_snp(&snp_chip(), policy(least, &host(tier, &chip))));
    }
    for tier in ["unknown", "hosted"] {
        let verdict = on_snp(&snp_chip(), policy(least, &host(tier, &chip)));
        assert_eq!(refused(&verdict), "policy.physical");
    }
    let stranger = on_snp(&snp_chip(), policy(least, &host("own", &"00".repeat(64))));
    assert_eq!(refused(&stranger), "policy.physical");
    assert_eq!(refused(&on_tdx(&tdx_chip(), policy(least, ""))), "policy.physical");
}

/// The rule breaks; the exception names it; every output says so before anything else.
#[test]
fn an_exception_lets_its_own_rule_break_until_its_date_and_is_printed_first() {
    let broken = snp_chip().platform_info(0);
    assert_eq!(refused(&on_snp(&broken, policy("", ""))), "snp.platform.alias_check");
    let except = |check: &str, until: UnixTime| {
        let table = format!("[danger_exceptions.\"{check}\"]");
        policy("", &format!("{table}\nreason = \"ticket 4711\"\nuntil = \"{until}\"\n"))
    };
    let verdict = on_snp(&broken, except("snp.platform.alias_check", NOW));
    accepted(&verdict);
    let text = anstream::adapter::strip_str(&report::table(&verdict)).to_string();
    let second = text.lines().find(|line| line.starts_with("DANGER"));
    let second = second.expect("said first");
    assert!(second.contains("snp.platform.alias_check") && second.contains("(used): ticket 4711"));
    let json = serde_json::to_value(report::VerdictReport::from(&verdict)).expect("JSON");
    assert_eq!(json["exceptions"][0]["state"], "used");
    let results = json["checks"].as_array().expect("checks").iter();
    let excepted = results.filter(|row| row["result"] == "excepted");
    assert_eq!(excepted.count(), 1);

    let late = on_snp(&broken, except("snp.platform.alias_check", UnixTime(NOW.0 - 1)));
    assert_eq!(refused(&late), "snp.platform.alias_check");
    assert!(report::table(&late).contains("(ended)"));
    let other = on_snp(&broken, except("snp.platform.smt", NOW));
    assert_eq!(refused(&other), "snp.platform.alias_check");
    assert!(report::table(&other).contains("(unused)"));
}

#[test]
fn what_says_which_code_runs_or_whether_evidence_is_genuine_is_never_excepted() {
    for check in [
        "snp.measurement",
        "snp.report.signature",
        "snp.policy.debug",
        "tdx.td.debug",
        "policy.model",
        "policy.freshness",
        "nothing.of.that.name",
    ] {
        let text =
            format!("{HEAD}[danger_exceptions.\"{check}\"]\nreason = \"r\"\nuntil = \"{NOW}\"\n");
        let error = Policy::from_toml(&text).expect_err("no exception");
        assert!(matches!(error, PolicyError::Value { found, .. } if found == check), "{check}");
    }
    let text = |reason: &str, until: &str| {
        format!(
            "{HEAD}[danger_exceptions.\"snp.platform.smt\"]\nreason = \"{reason}\"\nuntil = \"{until}\"\n"
        )
    };
    let good = Policy::from_toml(&text("r", "2027-01-01T00:00:00Z")).expect("a policy");
    assert_eq!(good.exceptions.len(), 1);
    for bad in [text(" ", "2027-01-01T00:00:00Z"), text("r", "next week")] {
        assert!(matches!(Policy::from_toml(&bad), Err(PolicyError::Value { .. })));
    }
}

#[test]
fn states_dates_and_components_of_a_trust_domains_tcb_have_floors() {
    let verdict = on_tdx(&tdx_chip(), policy("", ""));
    let Some(Claims::Bare(HardwareClaims::Tdx(claims))) = &verdict.claims else { panic!() };
    let (date, tcb) = (claims.tcb.as_ref().expect("a level").date, claims.quote.body.td());
    let svn = tcb.expect("a trust domain").tee_tcb_svn.0;
    let tdx = |line: String| policy("", &format!("[tdx]\n{line}\n"));
    let least = |date: UnixTime| tdx(format!("minimum_tcb_date = \"{date}\""));
    accepted(&on_tdx(&tdx_chip(), least(date)));
    assert_eq!(refused(&on_tdx(&tdx_chip(), least(date.plus(1)))), "tdx.tcb.date");
    let components = |svn: [u8; 16]| tdx(format!("minimum_tee_tcb_svn = \"{}\"", hex::encode(svn)));
    accepted(&on_tdx(&tdx_chip(), components(svn)));
    for place in 0..16 {
        let mut higher = svn;
        higher[place] += 1;
        assert_eq!(refused(&on_tdx(&tdx_chip(), components(higher))), "tdx.tcb.components");
    }
    let grace = |state: &str, until: UnixTime| {
        let text = format!("grace = {{ statuses = [\"{state}\"], until = \"{until}\" }}");
        tdx(format!("statuses = []\n{text}"))
    };
    accepted(&on_tdx(&tdx_chip(), grace("UpToDate", NOW)));
    let late = on_tdx(&tdx_chip(), grace("UpToDate", UnixTime(NOW.0 - 1)));
    assert_eq!(refused(&late), "tdx.tcb.status");
    let other = on_tdx(&tdx_chip(), grace("OutOfDate", NOW));
    assert_eq!(refused(&other), "tdx.tcb.status");
}

/// The policy over a machine that booted with this log; none leaves it out.
fn with_log(log: Option<&[Event]>, policy: &Policy) -> Ledger {
    let chip = tdx_chip().event_log(Event::boot());
    let verdict = on_tdx(&chip, self::policy("", ""));
    let Some(Claims::Bare(HardwareClaims::Tdx(mut claims))) = verdict.claims else { panic!() };
    let td = claims.quote.body.td().expect("a trust domain").clone();
    claims.event_log =
        log.map(|events| tdx::replay(&encode_event_log(events), &td).expect("its own log"));
    let claims = Claims::Bare(HardwareClaims::Tdx(claims));
    Appraiser { policy, bulletins: &[], at: NOW }.appraise(&claims, Standing::Proven)
}

#[test]
fn an_event_log_that_rules_name_must_be_there_and_say_so() {
    let boot = Event::boot();
    let outcome = |ledger: &Ledger, id: &str| {
        let row = ledger.findings().iter().find(|row| row.check.id == id);
        row.map(|row| row.outcome)
    };
    let rules = |text: &str| policy("", &format!("[tdx.event_log]\n{text}\n"));
    let needed = rules("need = \"required\"");
    let id = "tdx.event_log.required";
    assert_eq!(outcome(&with_log(Some(&boot), &needed), id), Some(Outcome::Pass));
    assert_eq!(outcome(&with_log(None, &needed), id), Some(Outcome::Missing));
    assert_eq!(outcome(&with_log(None, &policy("", "")), id), Some(Outcome::NotGiven));

    let replayed = on_log(&boot);
    let digests = |register: usize| {
        let own = replayed.iter().filter(move |event| event.register == register);
        own.map(|event| format!("\"{}\"", event.digest)).collect::<Vec<_>>()
    };
    let allowed = |digests: &[String]| {
        rules(&format!("[tdx.event_log.allowed]\nrtmr0 = [{}]", digests.join(", ")))
    };
    let (id, all) = ("tdx.event_log.allowed", digests(0));
    assert_eq!(outcome(&with_log(Some(&boot), &allowed(&all)), id), Some(Outcome::Pass));
    assert_eq!(outcome(&with_log(Some(&boot), &allowed(&all[1..])), id), Some(Outcome::Fail));
    let required = "tdx.event_log.required";
    assert_eq!(outcome(&with_log(None, &allowed(&all)), required), Some(Outcome::Missing));

    let expected = |digest: &str, register: usize| {
        let table = "[tdx.event_log.expected.\"boot loader\"]";
        rules(&format!("{table}\nregister = \"rtmr{register}\"\ndigests = [{digest}]"))
    };
    let (id, one) = ("tdx.event_log.expected", &all[0]);
    assert_eq!(outcome(&with_log(Some(&boot), &expected(one, 0)), id), Some(Outcome::Pass));
    assert_eq!(outcome(&with_log(Some(&boot), &expected(one, 1)), id), Some(Outcome::Fail));
    let other = format!("\"{}\"", "09".repeat(48));
    assert_eq!(outcome(&with_log(Some(&boot), &expected(&other, 0)), id), Some(Outcome::Fail));
}

fn on_log(events: &[Event]) -> Vec<tdx::Event> {
    let chip = tdx_chip().event_log(events.to_vec());
    let verdict = on_tdx(&chip, policy("", ""));
    let Some(Claims::Bare(HardwareClaims::Tdx(claims))) = verdict.claims else { panic!() };
    let td = claims.quote.body.td().expect("a trust domain");
    tdx::replay(&encode_event_log(events), td).expect("its own log").events
}

pub(crate) fn publisher(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed")
}

pub(crate) fn public(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().expect("32 bytes")
}

pub(crate) fn signed(text: &str, pair: &Ed25519KeyPair) -> String {
    let sign = |message: &[u8]| pair.sign(message).as_ref().try_into().expect("64 bytes");
    Bulletin::sign(text, &public(pair), sign).expect("a bulletin")
}

pub(crate) fn bulletin(issued: UnixTime, until: UnixTime, limits: &str) -> String {
    format!("version = 1\nsequence = 7\nissued = \"{issued}\"\nuntil = \"{until}\"\n{limits}\n")
}

/// A policy that names one publisher.
fn naming(pair: &Ed25519KeyPair, more: &str) -> Policy {
    let key = hex::encode(public(pair));
    policy("", &format!("[bulletins]\n{more}\nkeys = {{ \"security team\" = \"{key}\" }}\n"))
}

#[test]
fn a_bulletin_makes_a_policy_stricter_and_never_looser() {
    let pair = publisher(1);
    let day = |limits: &str| {
        let text = bulletin(UnixTime(NOW.0 - 60), NOW.plus(60), limits);
        let bulletins = vec![signed(&text, &pair)];
        Scene { bulletins, ..Scene::snp(&snp_chip()) }.judged(naming(&pair, ""))
    };
    accepted(&day(""));
    let verdict =
        day("[snp.minimum_tcb.genoa]\nboot_loader = 255\ntee = 0\nsnp = 0\nmicrocode = 0");
    assert_eq!(verdict.decision, Decision::Refused);
    assert_eq!(verdict.decisive().expect("a row").check.id, "snp.tcb.reported");
    let Some(Claims::Bare(HardwareClaims::Snp(claims))) = &verdict.claims else { panic!() };
    let chip = hex::encode(claims.vek.as_ref().and_then(|vek| vek.hwid.clone()).expect("a chip"));
    assert_eq!(refused(&day(&format!("[snp]\nchips_denied = [\"{chip}\"]"))), "snp.chip");
    let low = "[tdx]\nminimum_evaluation = 1\n[gpu]\nminimum_driver = \"1.0\"\n\
               [snp.minimum_tcb.genoa]\nboot_loader = 1\ntee = 0\nsnp = 0\nmicrocode = 0";
    let own = "[tdx]\nminimum_evaluation = 9\n[gpu]\nminimum_driver = \"550.1\"\n\
               [snp.minimum_tcb.genoa]\nboot_loader = 3\ntee = 0\nsnp = 0\nmicrocode = 0";
    let own = policy("", own);
    let draft = Bulletin::draft(&bulletin(NOW, NOW, low)).expect("a draft");
    assert_eq!(own.tightened(&draft), own, "every floor of its own is higher");
}

#[test]
fn a_bulletin_that_is_needed_must_be_current() {
    let pair = publisher(1);
    let with = |rules: &str, from: u64, until: u64| {
        let bulletins = vec![signed(&bulletin(UnixTime(from), UnixTime(until), ""), &pair)];
        Scene { bulletins, ..Scene::snp(&snp_chip()) }.judged(naming(&pair, rules))
    };
    let needed = "need = \"required\"";
    accepted(&with(needed, NOW.0, NOW.0));
    for (from, until) in [(NOW.0 - 9, NOW.0 - 1), (NOW.0 + 1, NOW.0 + 9)] {
        let verdict = with(needed, from, until);
        assert_eq!(verdict.decision, Decision::Undecided);
        assert_eq!(verdict.decisive().expect("a row").check.id, "policy.bulletin");
        accepted(&with("", from, until));
    }
    assert_eq!(on_snp(&snp_chip(), naming(&pair, needed)).decision, Decision::Undecided);
    let aged = "need = \"required\"\nmaximum_age = 10";
    accepted(&with(aged, NOW.0 - 10, NOW.0));
    assert_eq!(with(aged, NOW.0 - 11, NOW.0).decision, Decision::Undecided);
}

#[test]
fn a_bulletin_that_is_not_as_a_named_publisher_signed_it_is_refused() {
    let (pair, other) = (publisher(1), publisher(2));
    let rules = naming(&pair, "").bulletins;
    let text = bulletin(NOW, NOW, "[snp]\nchips_denied = []");
    let genuine = signed(&text, &pair);
    let opened = Bulletin::open(&genuine, &rules).expect("genuine");
    assert_eq!((&*opened.publisher, opened.sequence), ("security team", 7));
    assert_eq!(Bulletin::open(&text, &rules), Err(BulletinError::Unsigned));
    let key = hex::encode(public(&other));
    let strange = Bulletin::open(&signed(&text, &other), &rules);
    assert_eq!(strange, Err(BulletinError::Stranger { key }));
    let changed = genuine.replace("sequence = 7", "sequence = 8");
    let publisher = "security team".to_owned();
    assert_eq!(
        Bulletin::open(&changed, &rules),
        Err(BulletinError::Signature { publisher: publisher.clone() })
    );
    let again = Bulletin::sign(&genuine, &public(&pair), |_| [0; 64]);
    assert_eq!(again, Err(BulletinError::Signed));
    let after = format!("{genuine}\n[snp]\nvmpls = [3]\n");
    assert_eq!(Bulletin::open(&after, &rules), Err(BulletinError::Unsigned));
    for unknown in ["[snp]\nvmpls = [3]", "freshness = \"none\"", "[gpu]\nrequired = \"always\""] {
        let error = Bulletin::draft(&bulletin(NOW, NOW, unknown)).expect_err("not its business");
        assert!(matches!(error, BulletinError::Content(PolicyError::Syntax(_))), "{unknown}");
    }
    let backwards = Bulletin::draft(&bulletin(NOW.plus(1), NOW, ""));
    assert!(matches!(backwards, Err(BulletinError::Window { .. })));
}

#[test]
fn a_policy_written_as_rules_is_the_same_policy() {
    let written = |policy: &Policy| {
        let lines =
            policy.rules().into_iter().map(|rule| format!("{} = {}\n", rule.key, rule.value));
        Policy::from_toml(&format!("version = 1\n{}", lines.collect::<String>()))
    };
    let full = Policy::from_toml(include_str!("../../src/policy/reference/example.toml"))
        .expect("a policy");
    for policy in [Policy::built_in(), policy("", ""), full] {
        assert_eq!(written(&policy), Ok(policy));
    }
    assert!(Policy { freshness: Freshness::Key, ..Policy::built_in() }.rules().len() > 30);
}
