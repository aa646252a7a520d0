//! Keys above the platforms.

use sealroom_attestation::UnixTime;

use super::{Case, case, hex, list, text};
use crate::node::{self, Machine, Node};
use crate::rules::{bulletin, public, publisher, signed};
use crate::scene::{NOW, Scene, snp_chip, tdx_chip};

const PHYSICAL: &str = "policy.physical";
const BULLETIN: &str = "policy.bulletin";
const EXCEPTED: &str = "snp.platform.alias_check";

pub(super) fn cases() -> Vec<Case> {
    [rules(), exceptions(), hosts(), bulletins()].into_iter().flatten().collect()
}

fn bare() -> Scene {
    Scene::snp(&snp_chip())
}

/// A node that computes on its CPU.
pub(super) fn node() -> Scene {
    let node = Node { model: "model", device: "cpu", gpus: Vec::new() };
    Scene::node(node.show(|data| Machine::snp(&snp_chip().report_data(data))))
}

/// About a node whose model is pinned.
pub(super) fn of_a_node(key: &str, scene: impl Fn() -> Scene + 'static) -> Case {
    case(key, scene).beside("models.model", pinned("model"))
}

fn pinned(model: &str) -> String {
    list(&[text(&node::model_digest(model).to_string())])
}

fn rules() -> Vec<Case> {
    let asked = || Scene { nonce: Some(node::NONCE), ..node() };
    let other = |word| list(&[text(word)]);
    vec![
        of_a_node("freshness", asked)
            .accepts(text("key"))
            .refuses(text("hardware"), "policy.freshness"),
        of_a_node("freshness", node)
            .accepts(text("none"))
            .leaves_open(text("key"), "statement.freshness"),
        case("platforms", bare).accepts(other("snp")).refuses(other("tdx"), "policy.platform"),
        of_a_node("maximum_statement_lifetime", node)
            .accepts("3600")
            .refuses("3599", "policy.statement_lifetime"),
        case("minimum_physical", bare).accepts(text("unknown")).refuses(text("hosted"), PHYSICAL),
        case("models.model", node)
            .accepts(pinned("model"))
            .refuses(pinned("other"), "policy.model"),
    ]
}

fn exceptions() -> Vec<Case> {
    let broken = || Scene::snp(&snp_chip().platform_info(0));
    let key = |key: &str| format!("danger_exceptions.\"{EXCEPTED}\".{key}");
    let (reason, until) = (key("reason"), key("until"));
    vec![
        case(&reason, broken)
            .beside(&until, text(&NOW.to_string()))
            .accepts(text("ticket 4711"))
            .stays_unread(text(" "), "danger_exceptions.snp.platform.alias_check.reason"),
        case(&until, broken)
            .beside(&reason, text("ticket 4711"))
            .accepts(text(&NOW.to_string()))
            .refuses(text(&UnixTime(NOW.0 - 1).to_string()), EXCEPTED),
    ]
}

fn hosts() -> Vec<Case> {
    let quote = || Scene::tdx(&tdx_chip());
    let own = list(&[hex(&snp_chip().chip_id())]);
    let known = |case: Case| case.beside("minimum_physical", text("audited"));
    let [physical, chips, platforms] =
        ["physical", "chips", "platforms"].map(|key| format!("hosts.\"rack 7\".{key}"));
    vec![
        known(case(&physical, bare))
            .beside(&chips, own.clone())
            .accepts(text("audited"))
            .refuses(text("hosted"), PHYSICAL),
        known(case(&chips, bare))
            .beside(&physical, text("own"))
            .accepts(own)
            .refuses(list(&[hex(&[0; 64])]), PHYSICAL),
        known(case(&platforms, quote))
            .beside(&physical, text("own"))
            .accepts(list(&[hex(&tdx_chip().ppid())]))
            .refuses(list(&[hex(&[0; 16])]), PHYSICAL),
    ]
}

fn bulletins() -> Vec<Case> {
    let given = || {
        let ten_seconds_old = bulletin(UnixTime(NOW.0 - 10), NOW, "");
        Scene { bulletins: vec![signed(&ten_seconds_old, &publisher(1))], ..bare() }
    };
    let needed = |case: Case| case.beside("bulletins.need", text("required"));
    let key = |seed| hex(&public(&publisher(seed)));
    vec![
        case("bulletins.need", bare)
            .accepts(text("if-given"))
            .leaves_open(text("required"), BULLETIN),
        needed(case("bulletins.maximum_age", given))
            .beside("bulletins.keys.team", key(1))
            .accepts("10")
            .leaves_open("9", BULLETIN),
        needed(case("bulletins.keys.team", given)).accepts(key(1)).leaves_open(key(2), BULLETIN),
    ]
}
