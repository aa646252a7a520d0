//! The policy over GPUs: one row for each rule and device.

use sealroom_attestation::{
    Ledger, UnixTime,
    checks::{self, Check},
    evidence::GpuClass,
    gpu::{
        GpuClaims, GpuSet, Mode,
        ocsp::{CertificateStanding, Standing},
        rim::RimKind,
    },
    node::NodeClaims,
};

use super::list;
use crate::policy::{Architecture, GpuPolicy, Need, Permission, Required, Version};

/// The setting of a configuration that names what the engine computes on.
const DEVICE: &str = "engine.device";
/// What it says of an engine that shows prompts to no other device.
const CPU: &str = "cpu";

/// The GPUs of a node, or the reason why it needs none.
pub(super) fn node(policy: &GpuPolicy, node: &NodeClaims, at: UnixTime, ledger: &mut Ledger) {
    let device = node.config.settings.get(DEVICE).map_or(CPU, String::as_str);
    // Whatever is not the CPU sees every prompt, under whichever name.
    let uses = device != CPU;
    let check = &checks::GPU_REQUIRED;
    let Some(gpus) = &node.gpus else {
        let needed = uses || policy.required == Required::Always;
        let expected = if needed { "evidence of every GPU" } else { "" };
        ledger.require(check, !needed, format!("none, computing on {device}"), expected);
        return;
    };
    let found = format!("{} devices, computing on {device}", gpus.devices.len());
    ledger.pass(check, found);
    count(policy, gpus, ledger);
    for (label, claims) in gpus.named() {
        let mut rows = Ledger::new();
        device_rows(policy, claims, at, &mut rows);
        ledger.append_as(&label, rows);
    }
    if let Some(first) = gpus.devices.first() {
        endorsed(policy, first, at, ledger);
    }
}

/// One device whose evidence stands alone.
pub(super) fn bare(policy: &GpuPolicy, claims: &GpuClaims, at: UnixTime, ledger: &mut Ledger) {
    device_rows(policy, claims, at, ledger);
    endorsed(policy, claims, at, ledger);
    ledger.not_given(&checks::GPU_RELAY, "no report says in which machine a GPU is");
}

fn count(policy: &GpuPolicy, gpus: &GpuSet, ledger: &mut Ledger) {
    let found = gpus.devices.iter().filter(|one| one.report.class != GpuClass::Ls10).count();
    match policy.count {
        None => {
            ledger.not_given(&checks::GPU_COUNT, format!("{found}: the policy names no number"))
        }
        Some(expected) => {
            let (shown, wanted) = (found.to_string(), expected.to_string());
            ledger.require(&checks::GPU_COUNT, found == expected, shown, wanted);
        }
    }
}

fn device_rows(policy: &GpuPolicy, claims: &GpuClaims, at: UnixTime, ledger: &mut Ledger) {
    let fields = &claims.report.fields;
    if let Some(architecture) = Architecture::of(claims.report.class) {
        let found = claims.report.class;
        let accepted = policy.architectures.contains(&found);
        let names = list(policy.architectures.iter().map(|class| format!("{class:?}")));
        ledger.require(&checks::GPU_ARCHITECTURE, accepted, format!("{found:?}"), names);
        mode(policy, fields.mode, ledger);
        let driver = fields.gpu().map_or("", |gpu| gpu.driver.as_str());
        let (least, denied) = (policy.minimum_driver.as_ref(), &policy.drivers_denied);
        let parsed = Version::driver(driver);
        version(&checks::GPU_DRIVER, driver, parsed, least, |one| denied.contains(one), ledger);
        let (least, denied) = (policy.minimum_vbios.get(&architecture), &policy.vbios_denied);
        let parsed = Version::vbios(&fields.vbios);
        let denied = |one: &Version| denied.contains(one);
        version(&checks::GPU_VBIOS, &fields.vbios, parsed, least, denied, ledger);
    }
    reference_values(policy, claims, at, ledger);
}

fn mode(policy: &GpuPolicy, found: Option<Mode>, ledger: &mut Ledger) {
    let check = &checks::GPU_MODE;
    let Some(found) = found else {
        return ledger.not_given(check, "the device reports none");
    };
    let accepted = policy.modes.is_empty() || policy.modes.contains(&found);
    let names = list(policy.modes.iter().map(|mode| format!("{mode:?}")));
    ledger.require(check, accepted, format!("{found:?}"), names);
}

fn version(
    check: &'static Check,
    shown: &str,
    found: Option<Version>,
    least: Option<&Version>,
    denied: impl Fn(&Version) -> bool,
    ledger: &mut Ledger,
) {
    let Some(found) = found else {
        ledger.fail(check, shown, "a version");
        return;
    };
    match least {
        _ if denied(&found) => ledger.fail(check, shown, "a version that is not denied"),
        Some(least) if found < *least => ledger.fail(check, shown, format!("at least {least}")),
        Some(_) | None => ledger.pass(check, shown),
    }
}

/// Every kind of RIM that such a device has was there, and the measurements are its values.
fn reference_values(policy: &GpuPolicy, claims: &GpuClaims, at: UnixTime, ledger: &mut Ledger) {
    let check = &checks::GPU_REFERENCE_VALUES;
    let needed: &[RimKind] = match claims.report.class {
        GpuClass::Hopper | GpuClass::Blackwell => &[RimKind::Driver, RimKind::Vbios],
        GpuClass::Ls10 => &[RimKind::SwitchBios],
    };
    let has = |kind: &&RimKind| claims.compared.iter().any(|one| one.kind == **kind);
    let absent: Vec<_> = needed.iter().filter(|kind| !has(kind)).collect();
    if absent.is_empty() {
        let compared = claims.compared.iter().map(ToString::to_string);
        ledger.pass(check, compared.collect::<Vec<_>>().join("; "));
    } else {
        let reason = format!("not compared with a RIM of its {}", list(absent.into_iter()));
        open(policy.reference_values, check, reason, ledger);
    }
    for one in &claims.compared {
        let found = format!("{}, issued {}", one.kind, one.issued);
        age(&checks::GPU_RIM_AGE, found, one.issued, at, policy.maximum_rim_age, ledger);
    }
}

/// The standing of every certificate, and how old the responses are.
fn endorsed(policy: &GpuPolicy, claims: &GpuClaims, at: UnixTime, ledger: &mut Ledger) {
    let standings = &claims.endorsed.standings;
    let open_ones = standings.iter().filter(|one| one.standing.is_none());
    let names: Vec<_> = open_ones.map(|one| one.name.as_str()).collect();
    let check = &checks::GPU_REVOCATION;
    if names.is_empty() && !standings.is_empty() {
        ledger.pass(check, format!("{} certificates", standings.len()));
    } else {
        let reason = format!("no response about {}", names.join(", "));
        open(policy.revocation, check, reason, ledger);
    }
    let held = standings.iter().filter(|one| one.standing == Some(Standing::Hold));
    let held: Vec<_> = held.map(|one| one.name.as_str()).collect();
    if !held.is_empty() {
        let allowed = policy.suspended_signers == Permission::Allowed;
        ledger.require(&checks::GPU_HOLD, allowed, held.join(", "), "nobody on hold");
    }
    let oldest = standings.iter().filter_map(|one: &CertificateStanding| one.produced).min();
    if let Some(oldest) = oldest {
        let found = format!("the oldest is of {oldest}");
        age(&checks::GPU_OCSP_AGE, found, oldest, at, policy.maximum_ocsp_age, ledger);
    }
}

fn age(
    check: &'static Check,
    found: String,
    from: UnixTime,
    at: UnixTime,
    most: Option<u64>,
    ledger: &mut Ledger,
) {
    match most {
        None => ledger.not_given(check, format!("{found}: the policy names no age")),
        Some(most) => {
            let young = at <= from.plus(most);
            ledger.require(check, young, found, format!("at most {most} seconds old"));
        }
    }
}

fn open(rule: Need, check: &'static Check, reason: String, ledger: &mut Ledger) {
    match rule {
        Need::Required => ledger.missing(check, reason),
        Need::IfGiven => ledger.not_given(check, reason),
    }
}
