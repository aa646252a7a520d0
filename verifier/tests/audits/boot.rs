//! Tables of the host that firmware runs code from: on TDX they are measured, so a policy can name them.

use sealroom_attestation::{Outcome, node::HardwareClaims, tdx::replay};
use sealroom_forge::tdx::{Event, encode_event_log, replay as registers};
use sealroom_verifier::{Appraiser, Claims, Policy, Standing};

use crate::scene::{NOW, accepts, judged, policy, refuses, tdx, tdx_trust};

/// The forge's boot begins with the ACPI tables; these are the host's own.
fn other_tables() -> Vec<Event> {
    let mut events = Event::boot();
    events[0] = Event::new(0, events[0].kind, b"ACPI DATA and a method of the host's");
    events
}

fn digest(event: &Event) -> String {
    hex::encode(event.digest)
}

#[test]
fn other_acpi_tables_are_another_first_register() {
    let image = format!("[tdx.images.pinned]\nmrtd = \"{}\"", "08".repeat(48));
    let own = hex::encode(registers(&Event::boot())[0]);
    let pinned = || policy("", &format!("{image}\nrtmr0 = \"{own}\""));
    let booted = |events| tdx().mr_td([8; 48]).event_log(events).sign();
    accepts(&judged(tdx_trust(&booted(Event::boot()), pinned())));
    refuses(&judged(tdx_trust(&booted(other_tables()), pinned())), "tdx.td.rtmr");
}

/// The policy's rows over a genuine quote with the log behind it, or without.
fn outcome(events: Vec<Event>, log: bool, policy: &Policy, id: &str) -> Option<Outcome> {
    let verdict = judged(tdx_trust(&tdx().event_log(events.clone()).sign(), policy.clone()));
    let Some(Claims::Bare(HardwareClaims::Tdx(mut claims))) = verdict.claims else { panic!() };
    let registers = claims.quote.body.td().expect("a trust domain");
    let replayed = replay(&encode_event_log(&events), registers).expect("its own log");
    claims.event_log = log.then_some(replayed);
    let claims = Claims::Bare(HardwareClaims::Tdx(claims));
    let rules = Appraiser { policy, bulletins: &[], at: NOW };
    let ledger = rules.appraise(&claims, Standing::Proven);
    let row = ledger.findings().iter().find(|row| row.check.id == id);
    row.map(|row| row.outcome)
}

#[test]
fn acpi_tables_that_the_policy_names_must_be_in_the_log() {
    let table = "[tdx.event_log.expected.\"ACPI tables\"]\nregister = \"rtmr0\"";
    let named = policy("", &format!("{table}\ndigests = [\"{}\"]", digest(&Event::boot()[0])));
    let id = "tdx.event_log.expected";
    assert_eq!(outcome(Event::boot(), true, &named, id), Some(Outcome::Pass));
    assert_eq!(outcome(other_tables(), true, &named, id), Some(Outcome::Fail));
    let required = "tdx.event_log.required";
    assert_eq!(outcome(Event::boot(), false, &named, required), Some(Outcome::Missing));
    // One table more, behind those that are known.
    let mut more = Event::boot();
    more.insert(1, Event::new(0, more[0].kind, b"one table more"));
    let lines: Vec<_> = Event::boot().iter().filter(|one| one.register == 0).map(digest).collect();
    let all = format!("[tdx.event_log.allowed]\nrtmr0 = [\"{}\"]", lines.join("\", \""));
    let (all, id) = (policy("", &all), "tdx.event_log.allowed");
    assert_eq!(outcome(Event::boot(), true, &all, id), Some(Outcome::Pass));
    assert_eq!(outcome(more, true, &all, id), Some(Outcome::Fail));
}
