//! The policy over a TDX quote: one row for each rule.

use std::collections::BTreeSet;

use sealroom_attestation::{
    Ledger, UnixTime,
    checks::{self, Check},
    tdx::{
        self, Body, Measurement, PckClaims, TcbClaims, TdAttributes, TdReport, TdxClaims, Tee,
        TeeTcbSvn, Xfam,
    },
};

mod event_log;

use super::list;
use crate::policy::{Need, Rule, TdImage, TdxFlag, TdxPolicy};

pub(super) fn appraise(policy: &TdxPolicy, claims: &TdxClaims, at: UnixTime, ledger: &mut Ledger) {
    let tee = claims.quote.tee;
    ledger.require(&checks::TDX_KIND, tee == Tee::Tdx, format!("{tee:?}"), "a trust domain");
    match &claims.quote.body {
        Body::Td(report) => {
            attributes(policy, report, ledger);
            measured(policy, report, ledger);
            pins(policy, report, ledger);
            components(policy, report, ledger);
        }
        Body::Enclave(report) => forbidden(ledger, &checks::TDX_TD_DEBUG, report.debug()),
    }
    tcb(policy, claims, at, ledger);
    event_log::appraise(&policy.event_log, claims, ledger);
    platform(policy, claims.pck.as_ref(), ledger);
    revocation(policy, claims.revocation, ledger);
}

fn forbidden(ledger: &mut Ledger, check: &'static Check, set: bool) {
    ledger.require(check, !set, if set { "set" } else { "not set" }, "not set");
}

/// Rules that no policy loosens, and those that one may.
fn attributes(policy: &TdxPolicy, report: &TdReport, ledger: &mut Ledger) {
    let attributes = report.attributes;
    forbidden(ledger, &checks::TDX_TD_DEBUG, attributes.has(TdAttributes::DEBUG));
    forbidden(ledger, &checks::TDX_TD_PROFILING, attributes.profiling() != 0);
    let reserved = attributes.reserved();
    ledger.require(&checks::TDX_TD_RESERVED, reserved == 0, format!("{reserved:#x}"), "none");
    let possible = report.xfam.is_possible();
    let expected = format!("{:#x}, and of {:#x} only", Xfam::FIXED_ONE, Xfam::ALLOWED);
    ledger.require(&checks::TDX_TD_XFAM, possible, report.xfam.to_string(), expected);
    let set = attributes.has(TdAttributes::SEPT_VE_DISABLE);
    apply(policy, TdxFlag::SeptVeDisable, &checks::TDX_TD_SEPT_VE_DISABLE, Some(set), ledger);
    let set = attributes.has(TdAttributes::MIGRATABLE);
    apply(policy, TdxFlag::Migratable, &checks::TDX_TD_MIGRATABLE, Some(set), ledger);
    let set = has_service_td(report);
    apply(policy, TdxFlag::ServiceTd, &checks::TDX_TD_SERVICE_TD, Some(set), ledger);
}

/// Bound at launch, or since: an extended report says so. A report of TDX 1.0 has no field for it.
fn has_service_td(report: &TdReport) -> bool {
    let none = Measurement([0; 48]);
    report.td15.as_ref().is_some_and(|td15| {
        td15.mr_service_td != none
            || td15.extended.as_ref().is_some_and(|extended| {
                extended.initial_service_td != none || extended.current_service_td != none
            })
    })
}

fn apply(
    policy: &TdxPolicy,
    flag: TdxFlag,
    check: &'static Check,
    set: Option<bool>,
    ledger: &mut Ledger,
) {
    let rule = policy.flags.get(&flag).copied().unwrap_or(Rule::Any);
    let shown = |set: bool| if set { "set" } else { "not set" };
    match (rule, set) {
        (Rule::Any, Some(set)) => {
            ledger.not_given(check, format!("{}: no rule names it", shown(set)))
        }
        (Rule::Any, None) => ledger.not_given(check, "not said: no rule names it"),
        (Rule::Required | Rule::Refused, None) => {
            ledger.missing(check, "the platform's certificate does not say");
        }
        (Rule::Required, Some(set)) => {
            ledger.require(check, set, shown(set), "set");
        }
        (Rule::Refused, Some(set)) => {
            ledger.require(check, !set, shown(set), "not set");
        }
    }
}

fn measured(policy: &TdxPolicy, report: &TdReport, ledger: &mut Ledger) {
    let (check, found) = (&checks::TDX_TD_MEASUREMENT, report.mr_td);
    if policy.images.is_empty() {
        return ledger.missing(check, format!("{found}: the policy pins none"));
    }
    let same: Vec<_> = policy.images.iter().filter(|(_, image)| image.mr_td == found).collect();
    let Some((first, _)) = same.first() else {
        ledger.fail(check, found.to_string(), list(policy.images.keys()));
        return;
    };
    ledger.pass(check, format!("{found} ({first})"));
    let shown = list_of(&report.rtmr);
    let names = list(same.iter().map(|(name, _)| name));
    match same.iter().find(|(_, image)| registers_fit(image, report)) {
        Some((_, image)) if image.rtmr == [None; 4] => {
            ledger.not_given(&checks::TDX_TD_RTMR, format!("{shown}: the policy pins none"));
        }
        Some((name, _)) => ledger.pass(&checks::TDX_TD_RTMR, format!("{shown} ({name})")),
        None => ledger.fail(&checks::TDX_TD_RTMR, shown, format!("those of {names}")),
    }
}

fn registers_fit(image: &TdImage, report: &TdReport) -> bool {
    let pairs = image.rtmr.iter().zip(&report.rtmr);
    pairs.into_iter().all(|(pinned, found)| pinned.is_none_or(|pinned| pinned == *found))
}

fn list_of(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn pins(policy: &TdxPolicy, report: &TdReport, ledger: &mut Ledger) {
    let rules: [(&'static Check, &BTreeSet<Measurement>, Measurement); 4] = [
        (&checks::TDX_MODULE_MEASUREMENT, &policy.modules, report.mr_seam),
        (&checks::TDX_TD_CONFIG_ID, &policy.config_ids, report.mr_config_id),
        (&checks::TDX_TD_OWNER, &policy.owners, report.mr_owner),
        (&checks::TDX_TD_OWNER_CONFIG, &policy.owner_configs, report.mr_owner_config),
    ];
    for (check, pinned, found) in rules {
        if pinned.is_empty() {
            ledger.not_given(check, format!("{found}: the policy pins none"));
        } else {
            let expected = list(pinned.iter());
            ledger.require(check, pinned.contains(&found), found.to_string(), expected);
        }
    }
}

fn tcb(policy: &TdxPolicy, claims: &TdxClaims, at: UnixTime, ledger: &mut Ledger) {
    let Some(tcb) = &claims.tcb else {
        ledger.missing(&checks::TDX_TCB_STATUS, "no TCB level was found");
        return;
    };
    status(policy, tcb, at, ledger);
    advisories(policy, tcb, ledger);
    let number = tcb.evaluation_number.min(tcb.qe_evaluation_number);
    let (least, check) = (policy.minimum_evaluation, &checks::TDX_TCB_EVALUATION);
    ledger.require(check, number >= least, number.to_string(), format!("at least {least}"));
    let (check, date) = (&checks::TDX_TCB_DATE, tcb.date);
    match policy.minimum_tcb_date {
        None => ledger.not_given(check, format!("{date}: no rule names any")),
        Some(least) => {
            ledger.require(check, date >= least, date.to_string(), format!("{least} or later"));
        }
    }
    let age = at.0.saturating_sub(tcb.issued.0);
    match policy.maximum_age {
        None => ledger.not_given(&checks::TDX_TCB_AGE, format!("{age} s: no rule names any")),
        Some(most) => {
            let (found, expected) = (format!("{age} s"), format!("at most {most} s"));
            ledger.require(&checks::TDX_TCB_AGE, age <= most, found, expected);
        }
    }
}

/// The state, by the list or while its grace lasts.
fn status(policy: &TdxPolicy, tcb: &TcbClaims, at: UnixTime, ledger: &mut Ledger) {
    let accepted = policy.statuses.contains(&tcb.status);
    let grace = policy.grace.as_ref().filter(|grace| at <= grace.until);
    let grace = grace.filter(|grace| !accepted && grace.statuses.contains(&tcb.status));
    let found = match grace {
        Some(grace) => format!("{}, in grace until {}", state(tcb), grace.until),
        None => state(tcb),
    };
    let holds = accepted || grace.is_some();
    ledger.require(&checks::TDX_TCB_STATUS, holds, found, list(policy.statuses.iter()));
}

fn advisories(policy: &TdxPolicy, tcb: &TcbClaims, ledger: &mut Ledger) {
    let denied = &policy.advisories_denied;
    let open = tcb.advisories.iter().any(|one| denied.contains(one));
    if denied.is_empty() {
        let reason = format!("{}: no rule names any", shown(&tcb.advisories));
        return ledger.not_given(&checks::TDX_TCB_ADVISORIES, reason);
    }
    let expected = format!("none of {}", list(denied.iter()));
    ledger.require(&checks::TDX_TCB_ADVISORIES, !open, shown(&tcb.advisories), expected);
}

/// Each component of the module's TCB, at launch and now.
fn components(policy: &TdxPolicy, report: &TdReport, ledger: &mut Ledger) {
    let check = &checks::TDX_TCB_COMPONENTS;
    let now = report.td15.as_ref().map(|td15| td15.tee_tcb_svn2);
    let svns: Vec<_> = std::iter::once(report.tee_tcb_svn).chain(now).collect();
    let found = list_of(&svns);
    let Some(least) = policy.minimum_tee_tcb_svn else {
        return ledger.not_given(check, format!("{found}: no rule names any"));
    };
    let reaches = |svn: &TeeTcbSvn| svn.0.iter().zip(&least.0).all(|(has, needs)| has >= needs);
    let holds = svns.iter().all(reaches);
    ledger.require(check, holds, found, format!("at least {least}, component by component"));
}

/// The state, and what is behind: component, has, needs.
fn state(tcb: &TcbClaims) -> String {
    let mut parts = vec![tcb.status.to_string()];
    parts.extend(tcb.shortfall.iter().map(ToString::to_string));
    if !tcb.shortfall.is_empty() && !tcb.advisories.is_empty() {
        parts.push(shown(&tcb.advisories));
    }
    parts.join(", ")
}

fn shown(advisories: &[String]) -> String {
    if advisories.is_empty() { "no advisories".to_owned() } else { advisories.join(" ") }
}

fn platform(policy: &TdxPolicy, pck: Option<&PckClaims>, ledger: &mut Ledger) {
    let Some(extensions) = pck.map(|pck| &pck.extensions) else {
        ledger.missing(&checks::TDX_PLATFORM, "no certificate of the platform was given");
        return;
    };
    let ids = [Some(extensions.ppid), extensions.platform_instance_id];
    let ids: Vec<[u8; 16]> = ids.into_iter().flatten().collect();
    let found = ids.iter().map(hex::encode).collect::<Vec<_>>().join(" ");
    let on = |set: &BTreeSet<[u8; 16]>| ids.iter().any(|id| set.contains(id));
    if on(&policy.platforms_denied) {
        ledger.fail(&checks::TDX_PLATFORM, found, "a platform that is not denied");
    } else if !policy.platforms_allowed.is_empty() {
        let known = on(&policy.platforms_allowed);
        ledger.require(&checks::TDX_PLATFORM, known, found, "a platform on the list");
    } else {
        ledger.not_given(&checks::TDX_PLATFORM, format!("{found}: the policy lists none"));
    }
    let configuration = extensions.configuration;
    for (flag, check, set) in [
        (TdxFlag::DynamicPlatform, &checks::TDX_PLATFORM_DYNAMIC, configuration.dynamic_platform),
        (TdxFlag::CachedKeys, &checks::TDX_PLATFORM_CACHED_KEYS, configuration.cached_keys),
        (TdxFlag::Smt, &checks::TDX_PLATFORM_SMT, configuration.smt),
    ] {
        apply(policy, flag, check, set, ledger);
    }
}

fn revocation(policy: &TdxPolicy, found: tdx::Revocation, ledger: &mut Ledger) {
    let check = &checks::TDX_REVOCATION;
    match (found, policy.revocation) {
        (tdx::Revocation::Checked, _) => ledger.pass(check, "not revoked"),
        (tdx::Revocation::NotGiven, Need::Required) => {
            ledger
                .missing(check, "not both revocation lists were given, and the policy needs them");
        }
        (tdx::Revocation::NotGiven, Need::IfGiven) => {
            ledger.not_given(check, "not both revocation lists were given");
        }
    }
}
