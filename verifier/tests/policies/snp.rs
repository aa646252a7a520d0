//! Every rule for SEV-SNP: broken by one changed field, kept one step away.

use std::collections::BTreeSet;

use sealroom_attestation::{
    UnixTime,
    node::Freshness,
    snp::{Generation, Measurement, TcbComponents, VekKind},
};
use sealroom_forge::FakeSnp;
use sealroom_verifier::{Decision, FirmwareFloor, Flag, Permission, Pins, Policy, Rule, TcbGrace};

use crate::scene::{self, IMAGE, NOW, Scene};

/// Bit 5 of the platform information.
pub(crate) const ALIASES_CHECKED: u64 = 1 << 5;
/// The forge's guest policy: SMT allowed, and the bit that must be one.
pub(crate) const GUEST: u64 = 0x3_0000;

fn chip() -> FakeSnp {
    scene::snp_chip().policy(GUEST)
}

/// The first failed check, `accepted`, or `undecided`.
fn judged(chip: &FakeSnp, change: impl FnOnce(&mut Policy)) -> &'static str {
    let mut policy = Policy { freshness: Freshness::Cached, ..Policy::built_in() };
    policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
    change(&mut policy);
    let verdict = Scene::snp(chip).judged(policy);
    match verdict.decision {
        Decision::Accepted => "accepted",
        Decision::Undecided => "undecided",
        Decision::Refused => verdict.ledger.failed().next().map_or("nothing", |row| row.check.id),
    }
}

fn unchanged(_: &mut Policy) {}

/// Each flag, whether it is one of the guest policy, its bit, and its check.
pub(crate) const FLAGS: [(Flag, bool, u32, &str); 14] = [
    (Flag::PolicySmt, true, 16, "snp.policy.smt"),
    (Flag::PolicySingleSocket, true, 20, "snp.policy.single_socket"),
    (Flag::PolicyCxl, true, 21, "snp.policy.cxl"),
    (Flag::PolicyMemAes, true, 22, "snp.policy.mem_aes_256_xts"),
    (Flag::PolicyRapl, true, 23, "snp.policy.rapl_dis"),
    (Flag::PolicyCiphertextHiding, true, 24, "snp.policy.ciphertext_hiding"),
    (Flag::PolicyPageSwap, true, 25, "snp.policy.page_swap"),
    (Flag::PlatformSmt, false, 0, "snp.platform.smt"),
    (Flag::PlatformTsme, false, 1, "snp.platform.tsme"),
    (Flag::PlatformEcc, false, 2, "snp.platform.ecc"),
    (Flag::PlatformRapl, false, 3, "snp.platform.rapl"),
    (Flag::PlatformCiphertextHiding, false, 4, "snp.platform.ciphertext_hiding"),
    (Flag::PlatformAliasCheck, false, 5, "snp.platform.alias_check"),
    (Flag::PlatformTio, false, 7, "snp.platform.tio"),
];

#[test]
fn each_flag_is_refused_and_required_under_its_own_name() {
    assert_eq!(FLAGS.len(), Flag::ALL.len());
    for (flag, in_policy, bit, id) in FLAGS {
        let with = |set: bool| {
            let value = if set { 1_u64 << bit } else { 0 };
            let bare = GUEST & !(1 << 16);
            if in_policy { chip().policy(bare | value) } else { chip().platform_info(value) }
        };
        let rule = |rule| {
            move |policy: &mut Policy| {
                policy.snp.flags.insert(Flag::PlatformAliasCheck, Rule::Any);
                policy.snp.flags.insert(flag, rule);
            }
        };
        assert_eq!(judged(&with(true), rule(Rule::Required)), "accepted", "{id}");
        assert_eq!(judged(&with(false), rule(Rule::Required)), id);
        assert_eq!(judged(&with(false), rule(Rule::Refused)), "accepted", "{id}");
        assert_eq!(judged(&with(true), rule(Rule::Refused)), id);
        assert_eq!(judged(&with(true), rule(Rule::Any)), "accepted", "{id}");
    }
}

/// The written defaults: alias checks on every generation, nothing else anywhere.
#[test]
fn without_a_word_in_the_policy_each_generation_has_its_own_rules() {
    for generation in Generation::ALL {
        for (name, flag) in Flag::ALL {
            let expected = match name {
                "platform_alias_check" => Rule::Required,
                _ => Rule::Any,
            };
            assert_eq!(flag.default_rule(generation), expected, "{generation} {name}");
        }
    }
    assert_eq!(judged(&chip().platform_info(ALIASES_CHECKED), unchanged), "accepted");
    assert_eq!(judged(&chip().platform_info(0), unchanged), "snp.platform.alias_check");
}

#[test]
fn a_lower_floor_counts_until_its_date_and_for_nothing_below_it() {
    let floor = |microcode| TcbComponents {
        fmc: None,
        boot_loader: 5,
        tee: 0,
        snp: 20,
        microcode,
        reserved: [0; 4],
    };
    let until = |until: UnixTime, lower: u8| {
        move |policy: &mut Policy| {
            policy.snp.minimum_tcb = [(Generation::Genoa, floor(80))].into();
            let grace = TcbGrace { floor: floor(lower), until };
            policy.snp.grace = [(Generation::Genoa, grace)].into();
        }
    };
    let old = chip().tcb([5, 0, 0, 0, 0, 0, 20, 70]);
    assert_eq!(judged(&old, until(NOW, 70)), "accepted");
    assert_eq!(judged(&old, until(UnixTime(NOW.0 - 1), 70)), "snp.tcb.reported");
    assert_eq!(judged(&old, until(NOW, 71)), "snp.tcb.reported");
}

#[test]
fn bits_without_a_name_are_refused_unless_a_rule_names_them() {
    let odd = chip().policy(GUEST | 1 << 40);
    assert_eq!(judged(&odd, unchanged), "snp.policy.unknown");
    assert_eq!(judged(&odd, |policy| policy.snp.unknown_bits.policy = 1 << 40), "accepted");
    let odd = chip().platform_info(ALIASES_CHECKED | 1 << 50);
    assert_eq!(judged(&odd, unchanged), "snp.platform.unknown");
    assert_eq!(judged(&odd, |policy| policy.snp.unknown_bits.platform = 1 << 50), "accepted");
}

#[test]
fn each_of_the_four_tcbs_must_reach_the_floor() {
    // The lowest byte of each TCB is the boot loader.
    let (fmc, reserved) = (None, [0; 4]);
    let least = TcbComponents { fmc, boot_loader: 10, tee: 0, snp: 0, microcode: 0, reserved };
    let floor = |policy: &mut Policy| {
        policy.snp.minimum_tcb = [(Generation::Genoa, least)].into();
        policy.snp.provisional_firmware = Permission::Allowed;
    };
    assert_eq!(judged(&chip(), floor), "accepted");
    let others = [(0x38, "current"), (0x1e0, "committed"), (0x1f0, "launch")];
    for (offset, name) in others {
        let id = judged(&chip().field(offset, &[9]), floor);
        assert_eq!(id, format!("snp.tcb.{name}"));
    }
    assert_eq!(judged(&chip().tcb([9, 0, 0, 0, 0, 0, 23, 84]), floor), "snp.tcb.reported");
}

#[test]
fn firmware_that_was_not_committed_is_refused_unless_allowed() {
    let ahead = chip().field(0x38, &[11]);
    assert_eq!(judged(&ahead, unchanged), "snp.tcb.provisional");
    let allow = |policy: &mut Policy| policy.snp.provisional_firmware = Permission::Allowed;
    assert_eq!(judged(&ahead, allow), "accepted");
}

#[test]
fn firmware_below_its_floor_is_refused_by_one_build() {
    let report = chip().field(0x1e8, &[10, 55, 1]).field(0x1ec, &[10, 55, 1]);
    let floor = |build| {
        move |policy: &mut Policy| {
            policy.snp.minimum_firmware = Some(FirmwareFloor { major: 1, minor: 55, build });
        }
    };
    assert_eq!(judged(&report, floor(10)), "accepted");
    assert_eq!(judged(&report, floor(11)), "snp.firmware.api");
}

#[test]
fn mitigations_must_be_there_at_launch_and_now() {
    let needs = |policy: &mut Policy| policy.snp.required_mitigations = 0b11;
    let with = |launch, now| chip().field(0x1f8, &[launch]).field(0x200, &[now]);
    assert_eq!(judged(&with(3, 7), needs), "accepted");
    assert_eq!(judged(&with(1, 7), needs), "snp.mitigations");
    assert_eq!(judged(&with(3, 2), needs), "snp.mitigations");
    assert_eq!(judged(&chip().version(3), needs), "snp.mitigations");
}

#[test]
fn a_chip_is_allowed_by_its_certificate_and_denied_by_its_name() {
    let own = chip().chip_id().to_vec();
    let allow = |chip: Vec<u8>| {
        move |policy: &mut Policy| {
            policy.snp.chips_allowed.insert(chip);
        }
    };
    let deny = |chip: Vec<u8>| {
        move |policy: &mut Policy| {
            policy.snp.chips_denied.insert(chip);
        }
    };
    assert_eq!(judged(&chip(), allow(own.clone())), "accepted");
    assert_eq!(judged(&chip(), allow(vec![0; 64])), "snp.chip");
    assert_eq!(judged(&chip(), deny(own.clone())), "snp.chip");
    assert_eq!(judged(&chip(), deny(vec![0; 64])), "accepted");
    assert_eq!(judged(&chip().vlek(), allow(own)), "snp.chip");
}

#[test]
fn a_kind_of_key_that_is_not_listed_is_refused() {
    let only = |policy: &mut Policy| policy.snp.veks = vec![VekKind::Vcek];
    assert_eq!(judged(&chip(), only), "accepted");
    assert_eq!(judged(&chip().vlek(), only), "snp.vek.accepted");
    assert_eq!(judged(&chip().vlek(), unchanged), "accepted");
}

/// The pinned value is accepted at its offset, and another is refused.
fn pin_holds<const N: usize>(
    offset: usize,
    length: usize,
    id: &str,
    set: fn(&mut Pins) -> &mut BTreeSet<[u8; N]>,
) {
    let pin = |policy: &mut Policy| {
        set(&mut policy.snp.pins).insert([5; N]);
    };
    assert_eq!(judged(&chip().field(offset, &vec![5; length]), pin), "accepted", "{id}");
    assert_eq!(judged(&chip().field(offset, &vec![6; length]), pin), id);
}

#[test]
fn pinned_values_of_the_launch_must_be_there() {
    pin_holds(0xc0, 32, "snp.host_data", |pins| &mut pins.host_data);
    pin_holds(0x10, 16, "snp.family_id", |pins| &mut pins.family_ids);
    pin_holds(0x20, 16, "snp.image_id", |pins| &mut pins.image_ids);
    pin_holds(0xe0, 48, "snp.id_key", |pins| &mut pins.id_keys);
    let least = |policy: &mut Policy| policy.snp.pins.minimum_guest_svn = 3;
    assert_eq!(judged(&chip().guest_svn(3), least), "accepted");
    assert_eq!(judged(&chip().guest_svn(2), least), "snp.guest_svn");
}

#[test]
fn an_author_key_counts_only_where_it_took_part() {
    let pin = |policy: &mut Policy| {
        policy.snp.pins.author_keys.insert([5; 48]);
    };
    let key = chip().field(0x110, &[5; 48]);
    assert_eq!(judged(&key, pin), "snp.author_key");
    assert_eq!(judged(&key.field(0x48, &[1]), pin), "accepted");
}
