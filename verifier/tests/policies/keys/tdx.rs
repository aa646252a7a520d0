//! Keys for TDX.

use sealroom_attestation::{UnixTime, evidence::Hardware};
use sealroom_forge::{Body, Fake, FakeTdx, tdx::Event};

use super::general::of_a_node;
use super::{Case, case, hex, list, text};
use crate::node::{Machine, Node};
use crate::scene::{IMAGE, NOW, SEPT_VE_DISABLE, Scene, tdx_chip};

const STATUS: &str = "tdx.tcb.status";

pub(super) fn cases() -> Vec<Case> {
    let all = [levels(), documents(), grace(), pins(), images(), flags(), event_log()];
    all.into_iter().flatten().collect()
}

fn on(key: &str, chip: FakeTdx) -> Case {
    case(key, move || Scene::tdx(&chip))
}

fn one(value: String) -> String {
    list(&[value])
}

/// A platform whose TDX module is out of date, by INTEL-SA-01192.
fn behind() -> FakeTdx {
    tdx_chip().tee_tcb_svn([6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn levels() -> Vec<Case> {
    let late = list(&["UpToDate", "OutOfDate"].map(text));
    let svn = |first: u8| hex(&[first, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    vec![
        on("tdx.statuses", behind()).accepts(late.clone()).refuses(one(text("UpToDate")), STATUS),
        on("tdx.advisories_denied", behind())
            .beside("tdx.statuses", late)
            .accepts(one(text("INTEL-SA-00615")))
            .refuses(one(text("INTEL-SA-01192")), "tdx.tcb.advisories"),
        on("tdx.minimum_tee_tcb_svn", tdx_chip())
            .accepts(svn(11))
            .refuses(svn(12), "tdx.tcb.components"),
        on("tdx.minimum_tcb_date", tdx_chip())
            .accepts(text("2025-05-14T00:00:00Z"))
            .refuses(text("2025-08-13T00:00:01Z"), "tdx.tcb.date"),
    ]
}

fn documents() -> Vec<Case> {
    let without_root_list = || {
        let mut scene = Scene::tdx(&tdx_chip());
        scene.endorsements.tdx.crls = vec![tdx_chip().sign().pck_crl];
        scene
    };
    vec![
        on("tdx.minimum_evaluation", tdx_chip().tcb_info(|info| info.evaluation = 16))
            .accepts("16")
            .refuses("17", "tdx.tcb.evaluation"),
        on("tdx.maximum_age", tdx_chip().issued(NOW.0 - 1000, NOW.0 + 1000))
            .accepts("1000")
            .refuses("999", "tdx.tcb.age"),
        case("tdx.revocation", without_root_list)
            .accepts(text("if-given"))
            .leaves_open(text("required"), "tdx.revocation"),
    ]
}

fn grace() -> Vec<Case> {
    let time = |time: u64| text(&UnixTime(time).to_string());
    let late = one(text("OutOfDate"));
    vec![
        on("tdx.grace.statuses", behind())
            .beside("tdx.grace.until", time(NOW.0))
            .accepts(late.clone())
            .refuses(one(text("SWHardeningNeeded")), STATUS),
        on("tdx.grace.until", behind())
            .beside("tdx.grace.statuses", late)
            .accepts(time(NOW.0))
            .refuses(time(NOW.0 - 1), STATUS),
    ]
}

fn pins() -> Vec<Case> {
    let pin = |key: &str, chip: FakeTdx, id| {
        let key = format!("tdx.{key}");
        on(&key, chip).accepts(one(hex(&[5; 48]))).refuses(one(hex(&[6; 48])), id)
    };
    let (own, other) = (one(hex(&tdx_chip().ppid())), one(hex(&[0; 16])));
    vec![
        pin("modules", tdx_chip().mr_seam([5; 48]), "tdx.module.measurement"),
        pin("config_ids", tdx_chip().mr_config_id([5; 48]), "tdx.td.mrconfigid"),
        pin("owners", tdx_chip().mr_owner([5; 48]), "tdx.td.mrowner"),
        pin("owner_configs", tdx_chip().mr_owner_config([5; 48]), "tdx.td.mrownerconfig"),
        on("tdx.platforms_allowed", tdx_chip())
            .accepts(own.clone())
            .refuses(other.clone(), "tdx.platform"),
        on("tdx.platforms_denied", tdx_chip()).accepts(other).refuses(own, "tdx.platform"),
    ]
}

fn images() -> Vec<Case> {
    let register = |index| {
        on(&format!("tdx.images.image.rtmr{index}"), tdx_chip().rtmr(index, [5; 48]))
            .accepts(hex(&[5; 48]))
            .refuses(hex(&[6; 48]), "tdx.td.rtmr")
    };
    let image = on("tdx.images.image.mrtd", tdx_chip())
        .accepts(hex(&IMAGE))
        .refuses(hex(&[8; 48]), "tdx.td.measurement");
    (0..4).map(register).chain([image]).collect()
}

fn flags() -> Vec<Case> {
    let flag = |name: &str, chip: FakeTdx, id| {
        let key = format!("tdx.flags.{name}");
        on(&key, chip).accepts(text("required")).refuses(text("refused"), id)
    };
    let said = |index: usize| {
        tdx_chip().sgx(move |sgx| {
            let mut configuration = [Some(false); 3];
            configuration[index] = Some(true);
            sgx.configuration = Some(configuration);
        })
    };
    let moving = tdx_chip().attributes((SEPT_VE_DISABLE | 1 << 29).to_le_bytes());
    let served = Fake::tdx([3; 32]).quote(5, Body::Td15Ex).mr_td(IMAGE);
    let served = served.attributes(SEPT_VE_DISABLE.to_le_bytes()).mr_service_td([1; 48]);
    vec![
        flag("sept_ve_disable", tdx_chip(), "tdx.td.sept_ve_disable"),
        flag("migratable", moving, "tdx.td.migratable"),
        flag("service_td", served, "tdx.td.service_td"),
        flag("dynamic_platform", said(0), "tdx.platform.dynamic"),
        flag("cached_keys", said(1), "tdx.platform.cached_keys"),
        flag("smt", said(2), "tdx.platform.smt"),
    ]
}

/// A node with the log of its boot.
fn booted() -> Scene {
    let node = Node { model: "model", device: "cpu", gpus: Vec::new() };
    Scene::node(node.show(|data| {
        let signed = tdx_chip().event_log(Event::boot()).report_data(data).sign();
        let endorsements = vec![signed.collateral_json().into_bytes()];
        let hardware = Hardware::Tdx { quote: signed.quote, event_log: signed.event_log };
        Machine { hardware, endorsements, root: signed.root_sha256 }
    }))
}

fn event_log() -> Vec<Case> {
    let boot = Event::boot();
    let first = boot.iter().filter(|event| event.register == 0);
    let first: Vec<_> = first.map(|event| hex(&event.digest)).collect();
    let (register, digests) =
        ["register", "digests"].map(|key| format!("tdx.event_log.expected.tables.{key}")).into();
    let expected = "tdx.event_log.expected";
    vec![
        on("tdx.event_log.need", tdx_chip())
            .accepts(text("if-given"))
            .leaves_open(text("required"), "tdx.event_log.required"),
        of_a_node("tdx.event_log.allowed.rtmr0", booted)
            .accepts(list(&first))
            .refuses(list(&first[1..]), "tdx.event_log.allowed"),
        of_a_node(&register, booted)
            .beside(&digests, list(&first[..1]))
            .accepts(text("rtmr0"))
            .refuses(text("rtmr1"), expected),
        of_a_node(&digests, booted)
            .beside(&register, text("rtmr0"))
            .accepts(list(&first[..1]))
            .refuses(one(hex(&[9; 48])), expected),
    ]
}
