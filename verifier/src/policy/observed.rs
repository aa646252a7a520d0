//! The policy that one machine would pass: what was observed of it, and every rule that it keeps anyway.

use sealroom_attestation::{
    evidence::GpuClass,
    gpu::GpuClaims,
    node::{Freshness, HardwareClaims, NodeClaims},
    snp::{Chip, SnpClaims, TcbComponents},
    tdx::TdxClaims,
};

use super::{Architecture, Flag, Platform, Policy, Rule, TdImage, Version};
use crate::verdict::Claims;

/// The name of what was observed.
const OBSERVED: &str = "observed";

impl Policy {
    /// A policy with the values of these claims. Nothing is proven by that: whoever uses it must know that the machine
    /// was good.
    #[must_use]
    pub fn observed(claims: &Claims) -> Self {
        let mut policy = Self::built_in();
        match claims.hardware() {
            Some(HardwareClaims::Snp(claims)) => snp(claims, &mut policy),
            Some(HardwareClaims::Tdx(claims)) => tdx(claims, &mut policy),
            None => {}
        }
        match claims {
            Claims::Node(claims) => node(claims, &mut policy),
            Claims::Bare(_) => policy.freshness = Freshness::Cached,
            Claims::Gpu(claims) => {
                policy.freshness = Freshness::Cached;
                gpus(std::slice::from_ref(&**claims), &mut policy);
            }
        }
        policy
    }
}

fn node(claims: &NodeClaims, policy: &mut Policy) {
    let model = claims.manifest.name.clone();
    policy.models = [(model, vec![claims.manifest_digest])].into();
    if let Some(set) = &claims.gpus {
        gpus(&set.devices, policy);
        let own = set.devices.iter().filter(|one| one.report.class != GpuClass::Ls10);
        policy.gpu.count = Some(own.count());
    }
}

/// The state of a flag that protects more.
const fn safer(flag: Flag) -> Option<Rule> {
    match flag {
        Flag::PolicySmt | Flag::PolicyCxl | Flag::PlatformSmt => Some(Rule::Refused),
        Flag::PolicySingleSocket
        | Flag::PolicyMemAes
        | Flag::PolicyRapl
        | Flag::PolicyCiphertextHiding
        | Flag::PolicyPageSwap
        | Flag::PlatformEcc
        | Flag::PlatformRapl
        | Flag::PlatformCiphertextHiding
        | Flag::PlatformAliasCheck => Some(Rule::Required),
        Flag::PlatformTsme | Flag::PlatformTio => None,
    }
}

fn snp(claims: &SnpClaims, policy: &mut Policy) {
    let report = &claims.report;
    policy.platforms = [Platform::Snp].into();
    let rules = &mut policy.snp;
    rules.measurements = [(OBSERVED.to_owned(), report.measurement)].into();
    rules.vmpls = vec![report.vmpl];
    if let Chip::Bound(chip) = claims.chip() {
        rules.chips_allowed = [chip.to_vec()].into();
    }
    rules.pins.minimum_guest_svn = report.guest_svn;
    for (_, flag) in Flag::ALL {
        let set = flag.is_set(report.policy, report.platform_info);
        let kept = if set { Rule::Required } else { Rule::Refused };
        if safer(flag) == Some(kept) {
            rules.flags.insert(flag, kept);
        }
    }
    let Some(generation) = claims.generation else { return };
    rules.generations = vec![generation];
    let tcbs = [report.reported_tcb, report.current_tcb, report.committed_tcb, report.launch_tcb];
    let tcbs = tcbs.map(|tcb| tcb.components(generation));
    let least = |part: fn(&TcbComponents) -> u8| tcbs.iter().map(part).min().unwrap_or(0);
    let floor = TcbComponents {
        fmc: tcbs.iter().filter_map(|tcb| tcb.fmc).min(),
        boot_loader: least(|tcb| tcb.boot_loader),
        tee: least(|tcb| tcb.tee),
        snp: least(|tcb| tcb.snp),
        microcode: least(|tcb| tcb.microcode),
        reserved: [0; 4],
    };
    rules.minimum_tcb = [(generation, floor)].into();
}

fn tdx(claims: &TdxClaims, policy: &mut Policy) {
    policy.platforms = [Platform::Tdx].into();
    let rules = &mut policy.tdx;
    if let Some(td) = claims.quote.body.td() {
        let [rtmr0, rtmr1, rtmr2, _] = td.rtmr.map(Some);
        let image = TdImage { mr_td: td.mr_td, rtmr: [rtmr0, rtmr1, rtmr2, None] };
        rules.images = [(OBSERVED.to_owned(), image)].into();
        rules.minimum_tee_tcb_svn = Some(td.tee_tcb_svn);
    }
    if let Some(pck) = &claims.pck {
        let extensions = &pck.extensions;
        let id = extensions.platform_instance_id.unwrap_or(extensions.ppid);
        rules.platforms_allowed = [id].into();
    }
    if let Some(tcb) = &claims.tcb {
        rules.statuses = vec![tcb.status];
        rules.minimum_evaluation = tcb.evaluation_number.min(tcb.qe_evaluation_number);
        rules.minimum_tcb_date = Some(tcb.date);
    }
}

fn gpus(devices: &[GpuClaims], policy: &mut Policy) {
    let rules = &mut policy.gpu;
    let mut classes: Vec<_> = devices.iter().map(|one| one.report.class).collect();
    classes.retain(|class| Architecture::of(*class).is_some());
    classes.dedup();
    rules.architectures = classes;
    let fields = || devices.iter().map(|one| &one.report.fields);
    let drivers = fields().filter_map(|one| one.gpu()).map(|gpu| Version::driver(&gpu.driver));
    rules.minimum_driver = drivers.flatten().min();
    for device in devices {
        let Some(architecture) = Architecture::of(device.report.class) else { continue };
        let Some(found) = Version::vbios(&device.report.fields.vbios) else { continue };
        let least = rules.minimum_vbios.entry(architecture).or_insert_with(|| found.clone());
        if found < *least {
            *least = found;
        }
    }
}
