//! The policy over an SEV-SNP report: one row for each rule.

use std::collections::BTreeSet;

use sealroom_attestation::{
    Ledger, UnixTime,
    checks::{self, Check},
    snp::{self, Chip, FirmwareVersion, Generation, Report, SnpClaims, Tcb, TcbComponents},
};

use super::list;
use crate::policy::{FirmwareFloor, Flag, Need, Permission, Rule, SnpPolicy};

pub(super) fn appraise(policy: &SnpPolicy, claims: &SnpClaims, at: UnixTime, ledger: &mut Ledger) {
    let report = &claims.report;
    generation(policy, claims.generation, ledger);
    vek(policy, claims, ledger);
    guest(policy, report, ledger);
    flags(policy, claims, ledger);
    measurement(policy, claims, ledger);
    pins(policy, report, ledger);
    if let Some(generation) = claims.generation {
        tcbs(policy, report, generation, at, ledger);
        provisional(policy, report, ledger);
    }
    firmware(policy, report, ledger);
    mitigations(policy, report, ledger);
    chip(policy, claims, ledger);
    revocation(policy, claims.revocation, ledger);
}

fn generation(policy: &SnpPolicy, found: Option<Generation>, ledger: &mut Ledger) {
    let check: &'static Check = &checks::SNP_PRODUCT_GENERATION;
    match found {
        None => ledger.missing(check, "no chain says which product it is"),
        Some(found) => {
            let expected = list(policy.generations.iter());
            ledger.require(check, policy.generations.contains(&found), found.to_string(), expected);
        }
    }
}

fn vek(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let check = &checks::SNP_VEK_ACCEPTED;
    let Some(vek) = &claims.vek else {
        return ledger.missing(check, "no certificate of the signing key was given");
    };
    let accepted = policy.veks.contains(&vek.kind);
    ledger.require(check, accepted, vek.kind.to_string(), list(policy.veks.iter()));
}

/// Rules that no policy loosens, and the privilege level.
fn guest(policy: &SnpPolicy, report: &Report, ledger: &mut Ledger) {
    let forbidden = |ledger: &mut Ledger, check, set: bool| {
        ledger.require(check, !set, if set { "allowed" } else { "not allowed" }, "not allowed");
    };
    forbidden(ledger, &checks::SNP_POLICY_DEBUG, report.policy.debug());
    forbidden(ledger, &checks::SNP_POLICY_MIGRATE_MA, report.policy.migrate_ma());
    let (level, levels) = (report.vmpl, list(policy.vmpls.iter()));
    ledger.require(&checks::SNP_VMPL, policy.vmpls.contains(&level), level.to_string(), levels);
    let (found, least) = (report.guest_svn, policy.pins.minimum_guest_svn);
    let expected = format!("at least {least}");
    ledger.require(&checks::SNP_GUEST_SVN, found >= least, found.to_string(), expected);
}

fn flags(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let report = &claims.report;
    let default = |flag: Flag| claims.generation.map_or(Rule::Any, |one| flag.default_rule(one));
    for (_, flag) in Flag::ALL {
        let set = flag.is_set(report.policy, report.platform_info);
        let rule = policy.flags.get(&flag).copied().unwrap_or_else(|| default(flag));
        apply(check_of(flag), rule, set, ledger);
    }
    let unknown = |found: u64, allowed: u64, check, ledger: &mut Ledger| {
        let beyond = found & !allowed;
        let expected = format!("none, or some of {allowed:#x}");
        ledger.require(check, beyond == 0, format!("{found:#x}"), expected);
    };
    let (bits, allowed) = (report.policy.unknown_bits(), policy.unknown_bits.policy);
    unknown(bits, allowed, &checks::SNP_POLICY_UNKNOWN, ledger);
    let (bits, allowed) = (report.platform_info.unknown_bits(), policy.unknown_bits.platform);
    unknown(bits, allowed, &checks::SNP_PLATFORM_UNKNOWN, ledger);
}

fn apply(check: &'static Check, rule: Rule, set: bool, ledger: &mut Ledger) {
    let found = if set { "set" } else { "not set" };
    match rule {
        Rule::Required => drop(ledger.require(check, set, found, "set")),
        Rule::Refused => drop(ledger.require(check, !set, found, "not set")),
        Rule::Any => ledger.not_given(check, format!("{found}: the policy has no rule for it")),
    }
}

const fn check_of(flag: Flag) -> &'static Check {
    match flag {
        Flag::PolicySmt => &checks::SNP_POLICY_SMT,
        Flag::PolicySingleSocket => &checks::SNP_POLICY_SINGLE_SOCKET,
        Flag::PolicyCxl => &checks::SNP_POLICY_CXL,
        Flag::PolicyMemAes => &checks::SNP_POLICY_MEM_AES,
        Flag::PolicyRapl => &checks::SNP_POLICY_RAPL,
        Flag::PolicyCiphertextHiding => &checks::SNP_POLICY_CIPHERTEXT_HIDING,
        Flag::PolicyPageSwap => &checks::SNP_POLICY_PAGE_SWAP,
        Flag::PlatformSmt => &checks::SNP_PLATFORM_SMT,
        Flag::PlatformTsme => &checks::SNP_PLATFORM_TSME,
        Flag::PlatformEcc => &checks::SNP_PLATFORM_ECC,
        Flag::PlatformRapl => &checks::SNP_PLATFORM_RAPL,
        Flag::PlatformCiphertextHiding => &checks::SNP_PLATFORM_CIPHERTEXT_HIDING,
        Flag::PlatformAliasCheck => &checks::SNP_PLATFORM_ALIAS_CHECK,
        Flag::PlatformTio => &checks::SNP_PLATFORM_TIO,
    }
}

fn measurement(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let check = &checks::SNP_MEASUREMENT;
    let found = claims.report.measurement;
    if policy.measurements.is_empty() {
        ledger.missing(check, format!("{found}: the policy pins none"));
        return;
    }
    match policy.measurements.iter().find(|(_, pinned)| **pinned == found) {
        Some((name, _)) => ledger.pass(check, format!("{found} ({name})")),
        None => ledger.fail(check, found.to_string(), list(policy.measurements.keys())),
    }
}

fn pins(policy: &SnpPolicy, report: &Report, ledger: &mut Ledger) {
    let pins = &policy.pins;
    pinned(&checks::SNP_HOST_DATA, &pins.host_data, &report.host_data, ledger);
    pinned(&checks::SNP_FAMILY_ID, &pins.family_ids, &report.family_id, ledger);
    pinned(&checks::SNP_IMAGE_ID, &pins.image_ids, &report.image_id, ledger);
    pinned(&checks::SNP_ID_KEY, &pins.id_keys, &report.id_key_digest, ledger);
    let check = &checks::SNP_AUTHOR_KEY;
    if pins.author_keys.is_empty() || report.signer.author_key_en() {
        pinned(check, &pins.author_keys, &report.author_key_digest, ledger);
    } else {
        ledger.fail(check, "no author key took part", "a pinned author key");
    }
}

fn pinned<const N: usize>(
    check: &'static Check,
    pins: &BTreeSet<[u8; N]>,
    found: &[u8; N],
    ledger: &mut Ledger,
) {
    if pins.is_empty() {
        return ledger.not_given(check, format!("{}: the policy pins none", hex::encode(found)));
    }
    let expected = list(pins.iter().map(hex::encode));
    ledger.require(check, pins.contains(found), hex::encode(found), expected);
}

/// All four TCBs against the floor, and while its time lasts against the lower one.
fn tcbs(
    policy: &SnpPolicy,
    report: &Report,
    generation: Generation,
    at: UnixTime,
    ledger: &mut Ledger,
) {
    let four: [(&'static Check, Tcb); 4] = [
        (&checks::SNP_TCB_REPORTED, report.reported_tcb),
        (&checks::SNP_TCB_CURRENT, report.current_tcb),
        (&checks::SNP_TCB_COMMITTED, report.committed_tcb),
        (&checks::SNP_TCB_LAUNCH, report.launch_tcb),
    ];
    let grace = policy.grace.get(&generation).filter(|grace| at <= grace.until);
    for (check, tcb) in four {
        let has = tcb.components(generation);
        let Some(needs) = policy.minimum_tcb.get(&generation) else {
            let reason = format!("{has}: the policy names no least TCB for {generation}");
            ledger.not_given(check, reason);
            continue;
        };
        let behind = shortfall(&has, needs);
        let graced = grace.filter(|grace| shortfall(&has, &grace.floor).is_empty());
        let found = match graced {
            _ if behind.is_empty() => has.to_string(),
            Some(grace) => format!("{}, in grace until {}", behind.join(", "), grace.until),
            None => behind.join(", "),
        };
        let holds = behind.is_empty() || graced.is_some();
        ledger.require(check, holds, found, format!("at least {needs}"));
    }
}

/// Whether the firmware may still be rolled back.
fn provisional(policy: &SnpPolicy, report: &Report, ledger: &mut Ledger) {
    let (check, committed) = (&checks::SNP_TCB_PROVISIONAL, report.committed_tcb);
    let provisional =
        committed != report.current_tcb || report.committed_version != report.current_version;
    let found = if provisional { "not committed" } else { "committed" };
    match policy.provisional_firmware {
        Permission::Refused => drop(ledger.require(check, !provisional, found, "committed")),
        Permission::Allowed => ledger.not_given(check, format!("{found}: both are allowed")),
    }
}

/// Which components are behind, and how far.
fn shortfall(has: &TcbComponents, needs: &TcbComponents) -> Vec<String> {
    let components = [
        ("fmc", has.fmc.unwrap_or(0), needs.fmc.unwrap_or(0)),
        ("boot loader", has.boot_loader, needs.boot_loader),
        ("tee", has.tee, needs.tee),
        ("snp", has.snp, needs.snp),
        ("microcode", has.microcode, needs.microcode),
    ];
    let behind = components.iter().filter(|(_, has, needs)| has < needs);
    behind.map(|(name, has, needs)| format!("{name} is {has}, needs {needs}")).collect()
}

fn firmware(policy: &SnpPolicy, report: &Report, ledger: &mut Ledger) {
    let versions = [report.current_version, report.committed_version];
    let found = format!("{} now, {} committed", report.current_version, report.committed_version);
    let Some(least) = policy.minimum_firmware else {
        ledger.not_given(&checks::SNP_FIRMWARE_API, format!("{found}: the policy names no least"));
        return;
    };
    let reach =
        |FirmwareVersion { build, minor, major }| FirmwareFloor { major, minor, build } >= least;
    let expected = format!("at least {}.{} build {}", least.major, least.minor, least.build);
    let reached = versions.into_iter().all(reach);
    ledger.require(&checks::SNP_FIRMWARE_API, reached, found, expected);
}

fn mitigations(policy: &SnpPolicy, report: &Report, ledger: &mut Ledger) {
    let (check, needs) = (&checks::SNP_MITIGATIONS, policy.required_mitigations);
    match (report.launch_mitigations.zip(report.current_mitigations), needs) {
        (found, 0) => {
            let found = found.map_or_else(|| "none reported".to_owned(), shown);
            ledger.not_given(check, format!("{found}: the policy needs none"));
        }
        (None, _) => {
            let found = format!("version {} reports none", report.version);
            ledger.fail(check, found, format!("{needs:#x} at launch and now"));
        }
        (Some(found), _) => {
            let holds = found.0 & found.1 & needs == needs;
            let expected = format!("{needs:#x} at launch and now");
            ledger.require(check, holds, shown(found), expected);
        }
    }
}

fn shown((launch, current): (u64, u64)) -> String {
    format!("{launch:#x} at launch, {current:#x} now")
}

fn chip(policy: &SnpPolicy, claims: &SnpClaims, ledger: &mut Ledger) {
    let check = &checks::SNP_CHIP;
    let (bound, stated) = match claims.chip() {
        Chip::Bound(chip) => (Some(chip), Some(chip)),
        Chip::Stated(chip) => (None, Some(chip)),
        Chip::Unknown => (None, None),
    };
    let found = stated.map_or_else(|| "not said".to_owned(), hex::encode);
    if stated.is_some_and(|chip| policy.chips_denied.contains(chip)) {
        return ledger.fail(check, found, "a chip that is not on the deny list");
    }
    if policy.chips_allowed.is_empty() {
        return ledger.not_given(check, format!("{found}: the policy names no chips"));
    }
    // What a VLEK signs names a chip by the provider's word alone.
    let allowed = bound.is_some_and(|chip| policy.chips_allowed.contains(chip));
    ledger.require(check, allowed, found, "a chip on the allow list, proven by its VCEK");
}

fn revocation(policy: &SnpPolicy, found: snp::Revocation, ledger: &mut Ledger) {
    let check = &checks::SNP_REVOCATION;
    match (found, policy.revocation) {
        (snp::Revocation::Checked, _) => ledger.pass(check, "the authorities are not revoked"),
        (snp::Revocation::NotGiven, Need::Required) => {
            ledger.missing(check, "no revocation list was given, and the policy needs one");
        }
        (snp::Revocation::NotGiven, Need::IfGiven) => {
            ledger.not_given(check, "no revocation list was given");
        }
    }
}
