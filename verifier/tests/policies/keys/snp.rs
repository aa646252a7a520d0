//! Keys for SEV-SNP.

use sealroom_attestation::{UnixTime, endorsements::Endorsements};
use sealroom_forge::{FakeSnp, Generation};
use sealroom_verifier::Flag;

use super::{Case, case, hex, list, text};
use crate::scene::{NOW, Scene, snp_chip};
use crate::snp::{ALIASES_CHECKED, FLAGS, GUEST};

/// Where each TCB is in a report, and its check.
const TCBS: [(usize, &str); 4] = [
    (0x180, "snp.tcb.reported"),
    (0x38, "snp.tcb.current"),
    (0x1e0, "snp.tcb.committed"),
    (0x1f0, "snp.tcb.launch"),
];
/// The components of a TCB of Turin and their bytes.
const COMPONENTS: [(&str, usize); 5] =
    [("fmc", 0), ("boot_loader", 1), ("tee", 2), ("snp", 3), ("microcode", 7)];

pub(super) fn cases() -> Vec<Case> {
    [rules(), bits(), floors(), grace(), flags(), firmware(), pins()]
        .into_iter()
        .flatten()
        .collect()
}

fn on(key: &str, chip: FakeSnp) -> Case {
    case(key, move || Scene::snp(&chip))
}

fn one(value: String) -> String {
    list(&[value])
}

fn rules() -> Vec<Case> {
    let (own, other) = (one(hex(&snp_chip().chip_id())), one(hex(&[0; 64])));
    let without_list = || {
        let scene = Scene::snp(&snp_chip());
        let mut snp = scene.endorsements.snp.clone();
        snp.crls.clear();
        Scene { endorsements: Endorsements { snp, ..Endorsements::default() }, ..scene }
    };
    vec![
        on("snp.generations", snp_chip().generation(Generation::Milan))
            .accepts(one(text("milan")))
            .refuses(one(text("genoa")), "snp.product.generation"),
        on("snp.vmpls", snp_chip().vmpl(1)).accepts("[0, 1]").refuses("[0]", "snp.vmpl"),
        on("snp.veks", snp_chip().vlek())
            .accepts(one(text("vlek")))
            .refuses(one(text("vcek")), "snp.vek.accepted"),
        on("snp.chips_allowed", snp_chip()).accepts(own.clone()).refuses(other.clone(), "snp.chip"),
        on("snp.chips_denied", snp_chip()).accepts(other).refuses(own, "snp.chip"),
        case("snp.revocation", without_list)
            .accepts(text("if-given"))
            .leaves_open(text("required"), "snp.revocation"),
        on("snp.provisional_firmware", snp_chip().field(0x38, &[11]))
            .accepts(text("allowed"))
            .refuses(text("refused"), "snp.tcb.provisional"),
        on("snp.measurements.image", snp_chip().measurement([8; 48]))
            .accepts(hex(&[8; 48]))
            .refuses(hex(&[9; 48]), "snp.measurement"),
    ]
}

fn bits() -> Vec<Case> {
    let mitigated = snp_chip().field(0x1f8, &[3]).field(0x200, &[7]);
    vec![
        on("snp.required_mitigations", mitigated).accepts("3").refuses("4", "snp.mitigations"),
        on("snp.unknown_policy_bits", snp_chip().policy(GUEST | 1 << 40))
            .accepts((1_u64 << 40).to_string())
            .refuses((1_u64 << 41).to_string(), "snp.policy.unknown"),
        on("snp.unknown_platform_bits", snp_chip().platform_info(ALIASES_CHECKED | 1 << 50))
            .accepts((1_u64 << 50).to_string())
            .refuses((1_u64 << 51).to_string(), "snp.platform.unknown"),
    ]
}

/// One of the four TCBs is behind the others by this component.
fn behind(offset: usize, component: usize) -> FakeSnp {
    let whole = [5, 5, 5, 5, 0, 0, 0, 5];
    let mut lower = whole;
    lower[component] = 4;
    let chip = snp_chip().generation(Generation::Turin).version(5);
    // The certificate names the TCB that is reported.
    let chip = chip.tcb(if offset == TCBS[0].0 { lower } else { whole });
    let tcbs = TCBS.iter().map(|(place, _)| *place);
    tcbs.fold(chip, |chip, place| chip.field(place, if place == offset { &lower } else { &whole }))
}

/// Every component of a floor at this value.
fn floor(case: Case, table: &str, value: u8) -> Case {
    let keys = COMPONENTS.iter().map(|(name, _)| format!("snp.{table}.turin.{name}"));
    let case = case.beside("snp.provisional_firmware", text("allowed"));
    keys.fold(case, |case, key| case.beside(&key, value.to_string()))
}

fn floors() -> Vec<Case> {
    each_component(|key, offset, id, component| {
        let case = on(&format!("snp.minimum_tcb.turin.{key}"), behind(offset, component));
        floor(case, "minimum_tcb", 0).accepts("4").refuses("5", id)
    })
}

fn grace() -> Vec<Case> {
    let until = "snp.grace.turin.until";
    let mut cases = each_component(|key, offset, id, component| {
        let case = on(&format!("snp.grace.turin.{key}"), behind(offset, component));
        let case = floor(floor(case, "minimum_tcb", 5), "grace", 0);
        case.beside(until, text(&NOW.to_string())).accepts("4").refuses("5", id)
    });
    cases.extend(TCBS.iter().map(|(offset, id)| {
        let case = floor(floor(on(until, behind(*offset, 1)), "minimum_tcb", 5), "grace", 4);
        case.accepts(text(&NOW.to_string())).refuses(text(&UnixTime(NOW.0 - 1).to_string()), id)
    }));
    cases
}

fn each_component(case: impl Fn(&str, usize, &'static str, usize) -> Case) -> Vec<Case> {
    let places = COMPONENTS.iter().flat_map(|one| TCBS.iter().map(move |tcb| (one, tcb)));
    places.map(|((name, byte), (offset, id))| case(name, *offset, id, *byte)).collect()
}

fn flags() -> Vec<Case> {
    let named = |flag| Flag::ALL.into_iter().find(|(_, known)| *known == flag);
    let case = |&(flag, in_policy, bit, id): &(Flag, bool, u32, &'static str)| {
        let (name, _) = named(flag).expect("a flag has a name");
        let set = 1_u64 << bit;
        let chip = match in_policy {
            true => snp_chip().policy(GUEST | set),
            false => snp_chip().platform_info(ALIASES_CHECKED | set),
        };
        on(&format!("snp.flags.{name}"), chip)
            .accepts(text("required"))
            .refuses(text("refused"), id)
    };
    FLAGS.iter().map(case).collect()
}

fn firmware() -> Vec<Case> {
    let version = [10, 55, 1];
    let chip = snp_chip().field(0x1e8, &version).field(0x1ec, &version);
    let floor = |key: &str, [major, minor]: [u8; 2], has: u8| {
        on(&format!("snp.minimum_firmware.{key}"), chip.clone())
            .beside("snp.minimum_firmware.major", major.to_string())
            .beside("snp.minimum_firmware.minor", minor.to_string())
            .beside("snp.minimum_firmware.build", "0")
            .accepts(has.to_string())
            .refuses((has + 1).to_string(), "snp.firmware.api")
    };
    vec![floor("major", [0, 0], 1), floor("minor", [1, 0], 55), floor("build", [1, 55], 10)]
}

fn pins() -> Vec<Case> {
    let pin = |key: &str, offset: usize, length: usize, id| {
        // An author key counts where it took part.
        let chip = snp_chip().field(0x48, &[1]).field(offset, &vec![5; length]);
        on(&format!("snp.pins.{key}"), chip)
            .accepts(one(hex(&vec![5; length])))
            .refuses(one(hex(&vec![6; length])), id)
    };
    vec![
        pin("host_data", 0xc0, 32, "snp.host_data"),
        pin("image_ids", 0x20, 16, "snp.image_id"),
        pin("family_ids", 0x10, 16, "snp.family_id"),
        pin("id_keys", 0xe0, 48, "snp.id_key"),
        pin("author_keys", 0x110, 48, "snp.author_key"),
        on("snp.pins.minimum_guest_svn", snp_chip().guest_svn(3))
            .accepts("3")
            .refuses("4", "snp.guest_svn"),
    ]
}
