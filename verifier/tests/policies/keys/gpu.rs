//! Keys for GPUs.

use sealroom_attestation::gpu;
use sealroom_forge::{Fake, FakeGpu};

use super::general::{node, of_a_node};
use super::{Case, case, list, text};
use crate::gpu::{fake, given, on_hold};
use crate::node::{Machine, Node};
use crate::scene::{NOW, Scene, snp_chip};

const DRIVER: &str = "gpu.driver";
const VBIOS: &str = "gpu.vbios";

pub(super) fn cases() -> Vec<Case> {
    [nodes(), devices(), endorsements()].into_iter().flatten().collect()
}

fn on(key: &str, device: FakeGpu) -> Case {
    case(key, move || Scene::gpu(&device, given(&device, |_| ())))
}

fn one(word: &str) -> String {
    list(&[text(word)])
}

fn nodes() -> Vec<Case> {
    let board = || {
        let gpus = Fake::hgx([7; 32]).devices;
        let node = Node { model: "model", device: "cuda:0", gpus };
        Scene::node(node.show(|data| Machine::snp(&snp_chip().report_data(data))))
    };
    vec![
        of_a_node("gpu.required", node)
            .accepts(text("when-used"))
            .refuses(text("always"), "gpu.required"),
        of_a_node("gpu.count", board).accepts("8").refuses("12", "gpu.count"),
    ]
}

fn devices() -> Vec<Case> {
    let single = fake().field(34, &[1, 0]).field(36, &[0, 0]);
    vec![
        on("gpu.architectures", fake())
            .accepts(one("hopper"))
            .refuses(one("blackwell"), "gpu.architecture"),
        on("gpu.modes", single).accepts(one("single")).refuses(one("multi"), "gpu.mode"),
        on("gpu.minimum_driver", fake())
            .accepts(text("550.90.07"))
            .refuses(text("550.90.08"), DRIVER),
        on("gpu.drivers_denied", fake())
            .accepts(one("550.54.15"))
            .refuses(one("550.90.07"), DRIVER),
        on("gpu.minimum_vbios.hopper", fake())
            .accepts(text("96.00.9F.00.01"))
            .refuses(text("96.00.9F.00.02"), VBIOS),
        on("gpu.vbios_denied", fake())
            .accepts(one("96.00.5E.00.01"))
            .refuses(one("96.00.9F.00.01"), VBIOS),
    ]
}

fn endorsements() -> Vec<Case> {
    let with = |change: fn(gpu::Endorsements) -> gpu::Endorsements| {
        move || Scene::gpu(&fake(), change(given(&fake(), |_| ())))
    };
    let without_rims = with(|given| gpu::Endorsements { rims: Vec::new(), ..given });
    let without_responses = with(|given| gpu::Endorsements { ocsp: Vec::new(), ..given });
    let held = || Scene::gpu(&fake(), given(&fake(), on_hold));
    // The forge's certificates begin with the year 2020, its responses ten minutes ago.
    let begun = NOW.0 - 1_577_836_800;
    vec![
        case("gpu.reference_values", without_rims)
            .accepts(text("if-given"))
            .leaves_open(text("required"), "gpu.reference_values"),
        case("gpu.revocation", without_responses)
            .accepts(text("if-given"))
            .leaves_open(text("required"), "gpu.revocation"),
        case("gpu.suspended_signers", held)
            .accepts(text("allowed"))
            .refuses(text("refused"), "gpu.hold"),
        on("gpu.maximum_rim_age", fake())
            .accepts(begun.to_string())
            .refuses((begun - 1).to_string(), "gpu.rim.age"),
        on("gpu.maximum_ocsp_age", fake()).accepts("600").refuses("599", "gpu.ocsp.age"),
    ]
}
