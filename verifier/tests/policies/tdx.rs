//! The policy over forged TDX quotes: one rule, one changed field, one check.

use sealroom_attestation::{
    node::Freshness,
    tdx::{Measurement, TcbStatus},
};
use sealroom_forge::{Fake, FakeTdx, tdx::Body};
use sealroom_verifier::{Decision, Need, Policy, PolicyError, Rule, TdImage, TdxFlag, Verdict};

use crate::scene::{self, IMAGE, NOW, SEPT_VE_DISABLE, Scene, tdx_chip as chip};

fn newer() -> FakeTdx {
    Fake::tdx([3; 32]).quote(5, Body::Td15Ex).mr_td(IMAGE).attributes(SEPT_VE_DISABLE.to_le_bytes())
}

fn policy() -> Policy {
    let mut policy = Policy { freshness: Freshness::Cached, ..Policy::built_in() };
    let image = TdImage { mr_td: Measurement(IMAGE), rtmr: [None; 4] };
    policy.tdx.images = [("image".to_owned(), image)].into();
    policy
}

fn judged(chip: &FakeTdx, policy: Policy) -> Verdict {
    Scene::tdx(chip).judged(policy)
}

/// That nothing else was against it.
#[track_caller]
fn refused(chip: &FakeTdx, policy: Policy) -> &'static str {
    scene::refused(&judged(chip, policy))
}

#[track_caller]
fn accepted(chip: &FakeTdx, policy: Policy) {
    let verdict = judged(chip, policy);
    scene::accepted(&verdict);
    assert!(verdict.simulated() && verdict.evidence_id().is_some());
}

fn with(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = policy();
    change(&mut policy);
    policy
}

#[test]
fn accepts_a_trust_domain_that_keeps_every_rule() {
    accepted(&chip(), policy());
    accepted(&newer(), policy());
}

#[test]
fn without_a_pinned_image_nothing_is_decided() {
    let verdict = judged(&chip(), with(|policy| policy.tdx.images.clear()));
    assert_eq!(verdict.decision, Decision::Undecided);
    assert_eq!(verdict.decisive().expect("a row").check.id, "tdx.td.measurement");
}

#[test]
fn attributes_that_open_a_trust_domain_are_refused_by_every_policy() {
    let attributes = |bits: u64| chip().attributes((SEPT_VE_DISABLE | bits).to_le_bytes());
    assert_eq!(refused(&attributes(1), policy()), "tdx.td.debug");
    for profiling in 4..=6 {
        assert_eq!(refused(&attributes(1 << profiling), policy()), "tdx.td.profiling");
    }
    for reserved in [1, 2, 3, 7, 8, 15, 17, 26, 32, 61] {
        assert_eq!(refused(&attributes(1 << reserved), policy()), "tdx.td.reserved");
    }
    for harmless in [16, 27, 30, 31, 62, 63] {
        accepted(&attributes(1 << harmless), policy());
    }
    assert_eq!(refused(&chip().xfam([1, 0, 0, 0, 0, 0, 0, 0]), policy()), "tdx.td.xfam");
    assert_eq!(refused(&chip().xfam([0xef, 0, 6, 0, 0, 0, 0, 0]), policy()), "tdx.td.xfam");
}

#[test]
fn flags_are_held_to_their_rules() {
    let bare = chip().attributes([0; 8]);
    assert_eq!(refused(&bare, policy()), "tdx.td.sept_ve_disable");
    let flag = |flag, rule| with(|policy| policy.tdx.flags.extend([(flag, rule)]));
    accepted(&bare, flag(TdxFlag::SeptVeDisable, Rule::Any));
    let moving = chip().attributes((SEPT_VE_DISABLE | 1 << 29).to_le_bytes());
    assert_eq!(refused(&moving, policy()), "tdx.td.migratable");
    accepted(&moving, flag(TdxFlag::Migratable, Rule::Any));
    let served = newer().mr_service_td([1; 48]);
    assert_eq!(refused(&served, policy()), "tdx.td.service_td");
    accepted(&served, flag(TdxFlag::ServiceTd, Rule::Any));
    for (index, named, id) in [
        (0, TdxFlag::DynamicPlatform, "tdx.platform.dynamic"),
        (1, TdxFlag::CachedKeys, "tdx.platform.cached_keys"),
        (2, TdxFlag::Smt, "tdx.platform.smt"),
    ] {
        let said = |value| {
            chip().sgx(move |sgx| {
                let mut configuration = [Some(false); 3];
                configuration[index] = Some(value);
                sgx.configuration = Some(configuration);
            })
        };
        assert_eq!(refused(&said(true), flag(named, Rule::Refused)), id);
        accepted(&said(false), flag(named, Rule::Refused));
        let silent = judged(&chip().processor_ca(), flag(named, Rule::Refused));
        assert_eq!(silent.decisive().map(|row| row.check.id), Some(id));
        assert_eq!(silent.decision, Decision::Undecided);
    }
}

#[test]
fn measurements_and_pins_must_be_the_named_ones() {
    let other = Measurement([8; 48]);
    assert_eq!(refused(&chip().mr_td([8; 48]), policy()), "tdx.td.measurement");
    for index in 0..4 {
        let pinned = |value| {
            with(|policy| {
                for image in policy.tdx.images.values_mut() {
                    image.rtmr[index] = Some(value);
                }
            })
        };
        let chip = chip().rtmr(index, [5; 48]);
        accepted(&chip, pinned(Measurement([5; 48])));
        assert_eq!(refused(&chip, pinned(other)), "tdx.td.rtmr");
    }
    type Pin = fn(&mut Policy, Measurement);
    let pins: [(&str, FakeTdx, Pin); 4] = [
        ("tdx.module.measurement", chip().mr_seam([5; 48]), |policy, one| {
            policy.tdx.modules = [one].into();
        }),
        ("tdx.td.mrconfigid", chip().mr_config_id([5; 48]), |policy, one| {
            policy.tdx.config_ids = [one].into();
        }),
        ("tdx.td.mrowner", chip().mr_owner([5; 48]), |policy, one| {
            policy.tdx.owners = [one].into();
        }),
        ("tdx.td.mrownerconfig", chip().mr_owner_config([5; 48]), |policy, one| {
            policy.tdx.owner_configs = [one].into();
        }),
    ];
    for (id, chip, pin) in pins {
        accepted(&chip, with(|policy| pin(policy, Measurement([5; 48]))));
        assert_eq!(refused(&chip, with(|policy| pin(policy, other))), id);
    }
}

#[test]
fn a_tcb_that_is_behind_is_refused_with_what_it_needs() {
    let behind = chip().tee_tcb_svn([6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let verdict = judged(&behind, policy());
    let row = verdict.decisive().expect("a row");
    assert_eq!(row.check.id, "tdx.tcb.status");
    assert!(row.found.contains("TDX_01 ISV SVN is 6, needs 11"), "{}", row.found);
    let late = |policy: &mut Policy| policy.tdx.statuses.push(TcbStatus::OutOfDate);
    accepted(&behind, with(late));
    let advisory = "INTEL-SA-01192".to_owned();
    let denied = with(|policy| {
        late(policy);
        policy.tdx.advisories_denied = [advisory].into();
    });
    assert_eq!(refused(&behind, denied), "tdx.tcb.advisories");
}

#[test]
fn documents_must_be_new_enough() {
    let least = |number| with(|policy| policy.tdx.minimum_evaluation = number);
    let number = |number| chip().tcb_info(move |info| info.evaluation = number);
    accepted(&number(16), least(16));
    assert_eq!(refused(&number(15), least(16)), "tdx.tcb.evaluation");
    let issued = chip().issued(NOW.0 - 1000, NOW.0 + 1000);
    let most = |age| with(|policy| policy.tdx.maximum_age = Some(age));
    accepted(&issued, most(1000));
    assert_eq!(refused(&issued, most(999)), "tdx.tcb.age");
}

#[test]
fn platforms_are_known_by_ppid_or_instance() {
    for id in [chip().ppid(), chip().platform_instance()] {
        accepted(&chip(), with(|policy| policy.tdx.platforms_allowed = [id].into()));
        let denied = with(|policy| policy.tdx.platforms_denied = [id].into());
        assert_eq!(refused(&chip(), denied), "tdx.platform");
    }
    let others = with(|policy| policy.tdx.platforms_allowed = [[9; 16]].into());
    assert_eq!(refused(&chip(), others), "tdx.platform");
}

#[test]
fn an_enclave_is_no_confidential_machine() {
    let enclave = Fake::tdx([3; 32]).quote(3, Body::Sgx);
    assert_eq!(refused(&enclave, policy()), "tdx.kind");
}

#[test]
fn both_revocation_lists_are_needed_unless_the_policy_says_otherwise() {
    let mut scene = Scene::tdx(&chip());
    scene.endorsements.tdx.crls = vec![chip().sign().pck_crl];
    let without_lists = |policy| scene.judged(policy);
    let verdict = without_lists(policy());
    assert_eq!(verdict.decision, Decision::Undecided);
    assert_eq!(verdict.decisive().expect("a row").check.id, "tdx.revocation");
    let lenient = with(|policy| policy.tdx.revocation = Need::IfGiven);
    assert_eq!(without_lists(lenient).decision, Decision::Accepted);
}

#[test]
fn the_table_of_a_policy_file_is_read_and_refused_by_name() {
    let digest = "5a".repeat(48);
    let text = format!(
        "version = 1\n[tdx]\nstatuses = [\"UpToDate\", \"SWHardeningNeeded\"]\nminimum_evaluation = 17\n\
         maximum_age = 86400\nrevocation = \"if-given\"\nmodules = [\"{digest}\"]\n\
         platforms_denied = [\"{}\"]\n[tdx.flags]\nsmt = \"refused\"\n\
         [tdx.images.image]\nmrtd = \"{digest}\"\nrtmr1 = \"{digest}\"\n",
        "5a".repeat(16)
    );
    let policy = Policy::from_toml(&text).expect("a policy");
    let digest = Measurement([0x5a; 48]);
    let image = TdImage { mr_td: digest, rtmr: [None, Some(digest), None, None] };
    assert_eq!(policy.tdx.images["image"], image);
    assert_eq!(policy.tdx.statuses, [TcbStatus::UpToDate, TcbStatus::SWHardeningNeeded]);
    assert_eq!(policy.tdx.flags[&TdxFlag::Smt], Rule::Refused);
    assert_eq!(policy.tdx.flags[&TdxFlag::SeptVeDisable], Rule::Required);
    assert!(policy.pins_a_measurement());
    let refused = |text: &str| match Policy::from_toml(&format!("version = 1\n{text}")) {
        Err(PolicyError::Value { field, found, .. }) => (field, found),
        other => panic!("{other:?}"),
    };
    let named = |field: &str, found: &str| (field.to_owned(), found.to_owned());
    let revoked = refused("[tdx]\nstatuses = [\"Revoked\"]");
    assert_eq!(revoked, named("tdx.statuses", "Revoked"));
    let flag = refused("[tdx.flags]\ndebug = \"any\"");
    assert_eq!(flag, named("tdx.flags", "debug"));
    let short = refused("[tdx.images.a]\nmrtd = \"00\"");
    assert_eq!(short, named("tdx.images.a", "00"));
}
