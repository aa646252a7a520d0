//! The log behind RTMR0 to RTMR2: that it is there, that nothing else was measured, that something was.

use sealroom_attestation::{
    Ledger, checks,
    tdx::{EventLog, TdxClaims},
};

use crate::policy::{EventLogRules, Need};

pub(super) fn appraise(rules: &EventLogRules, claims: &TdxClaims, ledger: &mut Ledger) {
    let check = &checks::TDX_EVENT_LOG_REQUIRED;
    let ruled = !rules.allowed.is_empty() || !rules.expected.is_empty();
    let Some(log) = &claims.event_log else {
        let reason = "no event log stands behind the registers";
        return match rules.need {
            Need::IfGiven if !ruled => ledger.not_given(check, reason),
            Need::IfGiven | Need::Required => ledger.missing(check, reason),
        };
    };
    ledger.pass(check, format!("{} events", log.events.len()));
    allowed(rules, log, ledger);
    expected(rules, log, ledger);
}

fn allowed(rules: &EventLogRules, log: &EventLog, ledger: &mut Ledger) {
    let check = &checks::TDX_EVENT_LOG_ALLOWED;
    if rules.allowed.is_empty() {
        return ledger.not_given(check, "the policy lists no events");
    }
    for (register, digests) in &rules.allowed {
        let mut events = log.events.iter().filter(|event| event.register == *register);
        let strange = events.clone().find(|event| !digests.contains(&event.digest));
        let expected = format!("{} digests that the policy lists", digests.len());
        match strange {
            Some(event) => {
                let found = format!("RTMR{register}: {} of type {:#x}", event.digest, event.kind);
                ledger.fail(check, found, expected);
            }
            None if events.next().is_none() => {
                ledger.fail(check, format!("RTMR{register}: no event"), expected);
            }
            None => ledger.pass(check, format!("RTMR{register}: nothing else")),
        }
    }
}

fn expected(rules: &EventLogRules, log: &EventLog, ledger: &mut Ledger) {
    let check = &checks::TDX_EVENT_LOG_EXPECTED;
    if rules.expected.is_empty() {
        return ledger.not_given(check, "the policy expects no event");
    }
    for (name, wanted) in &rules.expected {
        let fits = |event: &&sealroom_attestation::tdx::Event| {
            event.register == wanted.register && wanted.digests.contains(&event.digest)
        };
        match log.events.iter().find(fits) {
            Some(event) => ledger.pass(check, format!("{name}: {}", event.digest)),
            None => {
                let found = format!("{name}: not in RTMR{}", wanted.register);
                ledger.fail(check, found, "its digest in the log");
            }
        }
    }
}
